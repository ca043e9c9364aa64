"""Every method held against a chosen one: p-values, each with an effect size and an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pedseg.errors import UsageError, did_you_mean
from pedseg.evaluation.gather import Place, Quantity, Values, by_name, higher_is_better, quantities, with_pooled
from pedseg.evaluation.scores import MEAN, UNION, Method
from pedseg.evaluation.two_samples import Finding, cluster_interval, holm, kolmogorov_smirnov, wilcoxon

TestName = Literal["wilcoxon", "kolmogorov_smirnov"]
NOTHING = Finding(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Comparison:
    """One method against the chosen one, on the slices or exams that both scored.

    Args:
        test: `wilcoxon` (D: paired) or `kolmogorov_smirnov` (A, B: two samples).
        of: what is counted, `slices` or `exams`.
        domain: such as `knee`, or `all domains`.
        structure: `mean`, `all` or a bone.
        metric: ratios are fractions.
        method: by name.
        against: the chosen one.
        n: slices or exams that both have an answer for.
        n_exams: that they come from.
        finding: the test's; NaN where the methods share nothing.
        p_holm: corrected over the methods compared for this metric.
        difference: mean of the method minus mean of the chosen one, in the metric's unit.
        interval: 95 % of that difference, from exams drawn again; NaN for one exam.
        note: what to know of a degenerate answer.
    """

    test: TestName
    of: Literal["slices", "exams"]
    domain: str
    structure: str
    metric: str
    method: str
    against: str
    n: int
    n_exams: int
    finding: Finding
    p_holm: float
    difference: float
    interval: tuple[float, float]
    note: str = ""

    @property
    def p(self) -> float:
        """Two-sided, not corrected."""
        return self.finding.p

    @property
    def effect(self) -> float:
        """Positive where the method's values are larger: rank-biserial (Wilcoxon), Cliff's delta (two samples)."""
        return self.finding.effect

    @property
    def favours(self) -> str:
        """The method with the better mean; empty where they are equal or share nothing."""
        if np.isnan(self.difference) or self.difference == 0:
            return ""
        return self.method if (self.difference > 0) == higher_is_better(self.metric) else self.against


def compare_slices(
    methods: Sequence[Method],
    against: str,
    *,
    test: TestName = "wilcoxon",
    structures: Sequence[str] = (MEAN, UNION),
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """2D scores of every other method against the chosen one's, per domain and with all domains put together.

    Both tests take slices as independent, as the papers do, though slices of one exam are not: p-values are too
    small, and the interval, which draws whole exams, is the sounder answer.

    Args:
        methods: with slices.
        against: name of the chosen one.
        test: `wilcoxon` pairs slice by slice; `kolmogorov_smirnov` compares two distributions of the same slices.
        structures: which to compare.
        seed: of the interval.

    Raises:
        UsageError: PS-A120 no method of that name.
        ValueError: two methods of one name, or two values for one slice.
    """
    _check_chosen(methods, against)
    return _compare(by_name(methods, slices=True), against, ("slices", test), structures, seed)


def compare_exams(
    methods: Sequence[Method], against: str, *, structures: Sequence[str] = (MEAN, UNION), seed: int = 0
) -> tuple[Comparison, ...]:
    """3D scores of every other method against the chosen one's: Wilcoxon, paired by exam.

    Args:
        methods: with scores.
        against: name of the chosen one.
        structures: which to compare.
        seed: of the interval.

    Raises:
        UsageError: PS-A120 no method of that name.
        ValueError: two methods of one name, or two values for one exam.
    """
    _check_chosen(methods, against)
    gathered = {name: with_pooled(values) for name, values in by_name(methods).items()}
    return _compare(gathered, against, ("exams", "wilcoxon"), structures, seed)


def _check_chosen(methods: Sequence[Method], against: str) -> None:
    names = [m.name for m in methods]
    if against not in names:
        raise UsageError("PS-A120", f"no method is named {against!r} to compare with; {did_you_mean(against, names)}")


def _compare(
    gathered: dict[str, Values],
    against: str,
    how: tuple[Literal["slices", "exams"], TestName],
    structures: Sequence[str],
    seed: int,
) -> tuple[Comparison, ...]:
    rows: list[Comparison] = []
    for quantity in quantities(gathered):
        if quantity.structure not in structures or higher_is_better(quantity.metric) is None:
            continue
        chosen = gathered[against].get(quantity, {})
        found = {name: values[quantity] for name, values in gathered.items() if quantity in values and name != against}
        answers = [_pair(quantity, (name, against), (at, chosen), how, seed) for name, at in found.items()]
        corrected = holm([answer.p for answer in answers])
        rows += [replace(answer, p_holm=p) for answer, p in zip(answers, corrected, strict=True)]
    return tuple(rows)


def _pair(
    quantity: Quantity,
    names: tuple[str, str],
    values: tuple[dict[Place, float], dict[Place, float]],
    how: tuple[Literal["slices", "exams"], TestName],
    seed: int,
) -> Comparison:
    of, test = how
    places = [at for at, v in values[0].items() if not np.isnan(v) and not np.isnan(values[1].get(at, np.nan))]
    exams = [(at.domain, at.exam) for at in places]
    counts = (len(places), len(set(exams)))
    nan = float("nan")
    if not places:
        return Comparison(test, of, *quantity, *names, *counts, NOTHING, nan, nan, (nan, nan), f"no common {of}")
    one, other = (np.array([at[place] for place in places]) for at in values)
    finding = wilcoxon(one - other) if test == "wilcoxon" else kolmogorov_smirnov(one, other)
    interval = cluster_interval(one - other, exams, seed=seed)
    told = _told(bool((one == other).all()), bool(np.isnan(interval[0])))
    return Comparison(
        test, of, *quantity, *names, *counts, finding, nan, float((one - other).mean()), interval, told
    )  # fmt: skip


def _told(equal: bool, one_exam: bool) -> str:
    said = ("all differences are zero" if equal else "", "one exam: no interval" if one_exam else "")
    return "; ".join(filter(None, said))
