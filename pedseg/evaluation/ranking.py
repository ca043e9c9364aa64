"""Methods ranked by several metrics at once (D section 3.5), with thresholds as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedseg.errors import UsageError, did_you_mean
from pedseg.evaluation.gather import Place, Quantity, Values, by_name, exam_values, higher_is_better
from pedseg.evaluation.scores import UNION, Method
from pedseg.evaluation.thresholds import RankingSystem, load_ranking


@dataclass(frozen=True)
class Ranked:
    """One method in the ranking of a domain (D table 4).

    Args:
        domain: such as `knee`.
        method: by name.
        mean: 0..100, of the exams' scores; NaN without an exam.
        std: with n - 1 in the denominator; NaN below two exams.
        rank: 1 is best; equal scores share it.
        n: exams.
        n_missing: of them without a mask of this method, where others have one; they score zero. A method without any
            score in a domain where others have some stays in its ranking so.
    """

    domain: str
    method: str
    mean: float
    std: float
    rank: int
    n: int
    n_missing: int


@dataclass(frozen=True)
class MovedRanking:
    """Ranks of a domain's methods after one threshold was moved.

    Args:
        metric: whose threshold was moved.
        threshold: its new value, in the metric's unit.
        ranks: in the order of the methods.
        tau: Kendall's, between these ranks and those before, -1..1; NaN where either has all methods equal.
    """

    metric: str
    threshold: float
    ranks: tuple[int, ...]
    tau: float


@dataclass(frozen=True)
class Robustness:
    """Whether a domain's ranks hold when thresholds move (D table S2).

    Args:
        domain: such as `knee`.
        methods: by name.
        ranks: before any threshold moves.
        moved: one for every moved threshold.
    """

    domain: str
    methods: tuple[str, ...]
    ranks: tuple[int, ...]
    moved: tuple[MovedRanking, ...]

    @property
    def leader_stays(self) -> bool:
        """Whether the same methods rank first, whatever the threshold."""
        return all([r == 1 for r in m.ranks] == [r == 1 for r in self.ranks] for m in self.moved)


def exam_scores(
    method: Method, domain: str, *, system: RankingSystem | None = None, structure: str = UNION
) -> dict[str, dict[str, float]]:
    """Scores 0..100 by exam and metric: what a spider plot shows.

    A domain without references has none. An exam with no answer at all (nothing in the mask, nothing in the reference)
    is left out; where one metric alone has none (the reference is empty, so no sensitivity) it scores zero. A structure
    the mask misses needs no rule: its Dice is 0 and its distances are the longest possible.

    Args:
        method: with scores.
        domain: such as `knee`.
        system: None is D's.
        structure: `all` as D; `mean` or a bone only when asked for.

    Raises:
        UsageError: PS-A96 the scores hold no such structure or metric.
    """
    return _exam_scores(method.name, exam_values(method.scores), domain, system or load_ranking(), structure)


def rank(
    methods: Sequence[Method], *, system: RankingSystem | None = None, structure: str = UNION
) -> tuple[Ranked, ...]:
    """Mean score, its standard deviation and rank of every method, per domain.

    An exam that another method was scored on and this one was not scores zero, and so does every exam of a domain that
    it leaves out: what a method leaves out must not help it. `Ranked.n_missing` says so. Domains where no method was
    compared with a reference are not ranked.

    Args:
        methods: with scores; those of a domain are ranked among themselves.
        system: None is D's.
        structure: `all` as D; never another unless asked for.

    Raises:
        UsageError: PS-A96 the scores hold no such structure or metric.
        ValueError: two methods of one name, or two values for one exam.
    """
    return _rank(by_name(methods), system or load_ranking(), structure)


def robustness(
    methods: Sequence[Method], *, system: RankingSystem | None = None, structure: str = UNION
) -> tuple[Robustness, ...]:
    """Ranks under every moved threshold, per domain; arguments and refusals as of `rank`."""
    gathered, system = by_name(methods), system or load_ranking()
    base = _ranks(_rank(gathered, system, structure))
    moved = [(metric, value, _ranks(_rank(gathered, other, structure))) for metric, value, other in system.moved()]
    return tuple(
        Robustness(
            domain,
            tuple(ranks),
            tuple(ranks.values()),
            tuple(
                MovedRanking(metric, value, tuple(new[domain].values()), _tau(ranks, new[domain]))
                for metric, value, new in moved
            ),
        )
        for domain, ranks in base.items()
    )


def _rank(gathered: Mapping[str, Values], system: RankingSystem, structure: str) -> tuple[Ranked, ...]:
    found = dict.fromkeys(q.domain for values in gathered.values() for q in values)
    domains = [domain for domain in found if any(_compared(values, domain) for values in gathered.values())]
    return tuple(row for domain in domains for row in _rank_domain(gathered, domain, system, structure))


def _rank_domain(
    gathered: Mapping[str, Values], domain: str, system: RankingSystem, structure: str
) -> tuple[Ranked, ...]:
    answered = {name: _exam_scores(name, values, domain, system, structure) for name, values in gathered.items()}
    exams = {exam for found in answered.values() for exam in found}
    missing = {name: len(exams - _exams(values, domain)) for name, values in gathered.items()}
    scores = {
        name: np.array([np.mean([*each.values()]) for each in found.values()] + [0.0] * missing[name])
        for name, found in answered.items()
    }
    means = {name: float(found.mean()) if len(found) else float("nan") for name, found in scores.items()}
    return tuple(
        Ranked(domain, name, means[name], _std(found), _place(means[name], means.values()), len(found), missing[name])
        for name, found in scores.items()
    )


def _compared(values: Values, domain: str) -> bool:
    """Whether the domain has more than volumes, which need no reference."""
    return any(q.domain == domain and higher_is_better(q.metric) is not None for q in values)


def _exams(values: Values, domain: str) -> set[str]:
    return {place.exam for quantity, at in values.items() if quantity.domain == domain for place in at}


def _std(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _exam_scores(
    name: str, values: Values, domain: str, system: RankingSystem, structure: str
) -> dict[str, dict[str, float]]:
    if not _compared(values, domain):
        return {}
    columns = {metric: _column(name, values, Quantity(domain, structure, metric)) for metric in system.metrics}
    found: dict[str, dict[str, float]] = {}
    for place in dict.fromkeys(place for column in columns.values() for place in column):
        each = {metric: column.get(place, float("nan")) for metric, column in columns.items()}
        if not all(np.isnan(value) for value in each.values()):
            found[place.exam] = {metric: system.metrics[metric].score(value) for metric, value in each.items()}
    return found


def _column(name: str, values: Values, wanted: Quantity) -> dict[Place, float]:
    if wanted in values:
        return values[wanted]
    structures = dict.fromkeys(q.structure for q in values if q.domain == wanted.domain)
    if wanted.structure not in structures:
        known = did_you_mean(wanted.structure, structures)
        raise UsageError("PS-A96", f"ranking: {name} has no scores of {wanted.structure!r} in {wanted.domain}; {known}")
    metrics = {q.metric for q in values if q[:2] == wanted[:2]}
    known = did_you_mean(wanted.metric, metrics)
    raise UsageError("PS-A96", f"ranking: {name} has no metric {wanted.metric!r} in {wanted.domain}; {known}")


def _place(mean: float, means: Iterable[float]) -> int:
    """1 and the methods that are better; by a billionth is not better. A method without an exam comes last."""
    if np.isnan(mean):
        return 1 + sum(not np.isnan(other) for other in means)
    return 1 + sum(other > mean + 1e-9 for other in means)


def _ranks(rows: Sequence[Ranked]) -> dict[str, dict[str, int]]:
    ranks: dict[str, dict[str, int]] = {}
    for row in rows:
        ranks.setdefault(row.domain, {})[row.method] = row.rank
    return ranks


def _tau(before: dict[str, int], after: dict[str, int]) -> float:
    from scipy.stats import kendalltau

    if len(set(before.values())) < 2 or len(set(after.values())) < 2:
        return float("nan")
    return float(kendalltau([*before.values()], [*after.values()]).statistic)
