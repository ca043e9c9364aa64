"""Scores of many exams in a few numbers, as the papers' tables give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedseg.evaluation.gather import Place, Quantity, Values, by_name, higher_is_better, quantities
from pedseg.evaluation.scores import MEAN, UNION, Method, unit_of

Mark = Literal["", "best", "second"]
RESOLUTION = {"fraction": 0.001, "mm": 0.1, "ml": 0.1}
"""The last place that tables show: 0.1 %, 0.1 mm, 0.1 ml."""
BAND = (16, 84)
"""Percentiles of the 68 % interval (B section 3.4, D section S1)."""


@dataclass(frozen=True)
class Summary:
    """One metric of one structure in 3D, over the exams of a domain.

    Args:
        domain: such as `knee`.
        structure: a bone, `mean` (over the bones of an exam: A, B, C) or `all` (their union: D).
        metric: ratios are fractions.
        method: by name.
        mean: over exams with an answer; NaN where none has.
        std: with n - 1 in the denominator; NaN below two exams.
        n: exams with an answer.
        n_without: exams that some method was scored on and this one has no answer for.
        mark: of the mean among the methods.
    """

    domain: str
    structure: str
    metric: str
    method: str
    mean: float
    std: float
    n: int
    n_without: int
    mark: Mark = ""


@dataclass(frozen=True)
class SliceSummary:
    """One metric in 2D, over slices that hold a structure.

    Args:
        domain: such as `knee`, or `all domains`.
        structure: `mean` (over the bones in the slice) or `all`.
        metric: ratios are fractions.
        method: by name.
        mean: over slices with an answer.
        above: from the mean up to the 84th percentile; negative where a long tail drags the mean past it.
        below: from the mean down to the 16th percentile; negative likewise.
        n: slices with an answer.
        n_exams: that they come from.
        mark: of the mean among the methods.
    """

    domain: str
    structure: str
    metric: str
    method: str
    mean: float
    above: float
    below: float
    n: int
    n_exams: int
    mark: Mark = ""


def summarise(methods: Sequence[Method]) -> tuple[Summary, ...]:
    """Mean and standard deviation in 3D, per domain, structure, metric and method, best and second best marked.

    A method without any score in a domain that others have scores in is there without a mean. Means over different
    exams are not marked.

    Raises:
        ValueError: two methods of one name, or two values for one exam.
    """
    gathered = by_name(methods)
    rows: list[Summary] = []
    for quantity in quantities(gathered):
        found = _of(gathered, quantity)
        found |= {name: {} for name, values in gathered.items() if all(q.domain != quantity.domain for q in values)}
        exams = len(set().union(*found.values()))
        mark = _fair_marks(found, quantity.metric)
        known = {name: _known(at.values()) for name, at in found.items()}
        rows += [
            Summary(*quantity, name, _mean(values), _std(values), len(values), exams - len(values), mark[name])
            for name, values in known.items()
        ]
    return tuple(rows)


def summarise_slices(methods: Sequence[Method]) -> tuple[SliceSummary, ...]:
    """Mean with the distances to the 16th and 84th percentiles in 2D; of several domains also put together.

    Raises:
        ValueError: two methods of one name, or two values for one slice.
    """
    gathered = by_name(methods, slices=True)
    rows: list[SliceSummary] = []
    for quantity in quantities(gathered):
        if quantity.structure not in {MEAN, UNION}:
            continue
        found = _of(gathered, quantity)
        mark = _fair_marks(found, quantity.metric)
        for name, at in found.items():
            exams = len({(place.domain, place.exam) for place, value in at.items() if not np.isnan(value)})
            rows.append(_slice_summary(quantity, name, _known(at.values()), exams, mark[name]))
    return tuple(rows)


def marks(means: Mapping[str, float], metric: str) -> dict[str, Mark]:
    """Best and second best; equal at the precision that tables show share a mark, one method alone has none."""
    places = {name: round(mean / RESOLUTION[unit_of(metric)]) for name, mean in means.items() if np.isfinite(mean)}
    higher = higher_is_better(metric)
    if higher is None or len(places) < 2:
        return dict.fromkeys(means, "")
    order = sorted(set(places.values()), reverse=higher)
    names: dict[int, Mark] = dict(zip(order, ("best", "second"), strict=False))
    return {name: names.get(places[name], "") if name in places else "" for name in means}


def _of(gathered: Mapping[str, Values], quantity: Quantity) -> dict[str, dict[Place, float]]:
    return {name: values[quantity] for name, values in gathered.items() if quantity in values}


def _fair_marks(found: Mapping[str, Mapping[Place, float]], metric: str) -> dict[str, Mark]:
    """None where methods have answers for different exams or slices: their means cannot be compared."""
    answered = {frozenset(place for place, value in at.items() if not np.isnan(value)) for at in found.values()}
    if len(answered - {frozenset()}) > 1:
        return dict.fromkeys(found, "")
    return marks({name: _mean(_known(at.values())) for name, at in found.items()}, metric)


def _slice_summary(quantity: Quantity, name: str, values: NDArray[np.float64], exams: int, mark: Mark) -> SliceSummary:
    mean = _mean(values)
    low, high = np.percentile(values, BAND) if len(values) else (np.nan, np.nan)
    return SliceSummary(*quantity, name, mean, float(high - mean), float(mean - low), len(values), exams, mark)


def _known(values: Iterable[float]) -> NDArray[np.float64]:
    array = np.fromiter(values, dtype=np.float64)
    kept: NDArray[np.float64] = array[~np.isnan(array)]
    return kept


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _std(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
