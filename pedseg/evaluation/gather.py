"""Scores put together by what they measure, with the mean over bones: what every statistic starts from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pedseg.evaluation.scores import MEAN, UNION, Method, Score, SliceScore

POOLED = "all domains"
"""The domain that stands for every domain's values put together (B section 3.4); no domain can be named so."""


class Quantity(NamedTuple):
    """What is measured: a metric of a structure of a domain."""

    domain: str
    structure: str
    metric: str


class Place(NamedTuple):
    """Where a value was measured; the slice of an exam's own value is 0."""

    domain: str
    exam: str
    slice: int = 0


Values = dict[Quantity, dict[Place, float]]


def exam_values(scores: Iterable[Score]) -> Values:
    """Values in 3D, and their means over the bones of an exam.

    Raises:
        ValueError: two values for one exam, structure and metric.
    """
    return _with_means((Quantity(s.domain, s.structure, s.metric), Place(s.domain, s.exam), s.value) for s in scores)


def slice_values(scores: Iterable[SliceScore]) -> Values:
    """Values in 2D, and their means over the bones of a slice.

    Raises:
        ValueError: two values for one slice, structure and metric.
    """
    return _with_means(
        (Quantity(s.domain, s.structure, s.metric), Place(s.domain, s.exam, s.slice), s.value) for s in scores
    )


def with_pooled(values: Values) -> Values:
    """The same, and where there are several domains their `mean` and `all` put together."""
    if len({q.domain for q in values}) < 2:
        return values
    pooled: Values = {}
    for quantity, at in values.items():
        if quantity.structure in {MEAN, UNION}:
            pooled.setdefault(quantity._replace(domain=POOLED), {}).update(at)
    return values | pooled


def quantities(gathered: Mapping[str, Values]) -> tuple[Quantity, ...]:
    """Everything that any of the methods has, in order, domain by domain."""
    found = list(dict.fromkeys(quantity for values in gathered.values() for quantity in values))
    domains = list(dict.fromkeys(q.domain for q in found))
    return tuple(sorted(found, key=lambda q: (q.domain == POOLED, domains.index(q.domain))))


def by_name(methods: Sequence[Method], *, slices: bool = False) -> dict[str, Values]:
    """Values of every method, with the domains put together in 2D.

    Raises:
        ValueError: two methods of one name.
    """
    if len({m.name for m in methods}) < len(methods):
        raise ValueError(f"methods must differ in name, got {', '.join(m.name for m in methods)}")
    if slices:
        return {m.name: with_pooled(slice_values(m.slices)) for m in methods}
    return {m.name: exam_values(m.scores) for m in methods}


def higher_is_better(metric: str) -> bool | None:
    """Whether the best value is the highest; None where no end is better, as of a volume."""
    if metric.endswith("_ml"):
        return None
    return not (metric.endswith("_mm") or metric == "ravd")


def _with_means(rows: Iterable[tuple[Quantity, Place, float]]) -> Values:
    values: Values = {}
    bones: dict[Quantity, dict[Place, list[float]]] = {}
    for quantity, place, value in rows:
        at = values.setdefault(quantity, {})
        if place in at:
            raise ValueError(f"two values of {' '.join(quantity)} for exam {place.exam!r}, slice {place.slice}")
        at[place] = value
        if quantity.structure != UNION:
            bones.setdefault(quantity._replace(structure=MEAN), {}).setdefault(place, []).append(value)
    means = {quantity: {place: _mean(found) for place, found in at.items()} for quantity, at in bones.items()}
    return values | means


def _mean(found: list[float]) -> float:
    """Mean of what has an answer; NaN where nothing has."""
    known = [value for value in found if not np.isnan(value)]
    return sum(known) / len(known) if known else float("nan")
