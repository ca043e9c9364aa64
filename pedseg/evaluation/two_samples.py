"""Two methods on the same exams or slices: tests, effect sizes and an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
EXACT_UP_TO = 50
_SAME = 12  # decimals: two differences that agree to a billionth of a per cent are one difference, blurred by floats


@dataclass(frozen=True)
class Finding:
    """What a test says of two methods.

    Args:
        statistic: the test's own.
        p: two-sided.
        effect: -1..1, positive where the first method's values are larger.
    """

    statistic: float
    p: float
    effect: float


def wilcoxon(differences: NDArray[np.float64]) -> Finding:
    """Signed-rank test of paired differences; differences of zero are left out (Wilcoxon 1945).

    Up to 50 differences the distribution is counted exactly, tied ranks included, where scipy's answer depends on its
    version and its approximation can fall below what so few exams can show; beyond that it is scipy's.

    Args:
        differences: (n,) first method minus second.

    Returns:
        The smaller rank sum, p, and the matched-pairs rank-biserial correlation: the favourable minus the unfavourable
        share of the rank sum (Kerby 2014). All zero: p is 1 and the effect 0.
    """
    from scipy import stats

    moved = np.round(differences, _SAME)
    moved = moved[moved != 0]
    if len(moved) == 0:
        return Finding(0.0, 1.0, 0.0)
    ranks = stats.rankdata(np.abs(moved))
    above, below = float(ranks[moved > 0].sum()), float(ranks[moved < 0].sum())
    exact = len(moved) <= EXACT_UP_TO
    p = _exact_p(ranks, min(above, below)) if exact else float(stats.wilcoxon(moved).pvalue)
    return Finding(min(above, below), p, (above - below) / (above + below))


def kolmogorov_smirnov(first: NDArray[np.float64], second: NDArray[np.float64]) -> Finding:
    """Two-sample test of distributions (A section 3.3, B section 3.4), with Cliff's delta.

    Args:
        first: (n,) scores of one method.
        second: (m,) of the other.

    Returns:
        The largest distance between the distribution functions, p, and the share of pairs where the first is larger
        minus the share where it is smaller (Cliff 1993).
    """
    from scipy.stats import ks_2samp

    found = ks_2samp(first, second)
    return Finding(float(found.statistic), float(found.pvalue), cliffs_delta(first, second))


def cliffs_delta(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """(#{first > second} - #{first < second}) over all pairs, in -1..1."""
    order = np.sort(second)
    smaller = np.searchsorted(order, first, side="left").sum()
    larger = (len(order) - np.searchsorted(order, first, side="right")).sum()
    return float(int(smaller) - int(larger)) / (len(first) * len(second))


def cluster_interval(
    differences: NDArray[np.float64], exams: Sequence[tuple[str, str]], *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval of the mean difference, whole exams drawn with replacement inside their domain.

    Slices of one exam are not independent: drawing slices would give an interval that is far too narrow. Exams of one
    patient do count as independent, for scores name no patient. With few exams the interval is still too narrow.

    Args:
        differences: (n,) of slices or exams.
        exams: domain and exam of each.
        resamples: how many draws.
        seed: of the draws.

    Returns:
        Percentiles 2.5 and 97.5; NaN where every domain has one exam, for nothing is known between exams then.
    """
    number = {exam: at for at, exam in enumerate(dict.fromkeys(exams))}
    at = np.array([number[exam] for exam in exams], dtype=np.intp)
    sums, counts = np.bincount(at, differences), np.bincount(at)
    random = np.random.default_rng(seed)
    total, size, several = np.zeros(resamples), np.zeros(resamples), False
    for domain in dict.fromkeys(domain for domain, _ in number):
        inside = [place for exam, place in number.items() if exam[0] == domain]
        times = random.multinomial(len(inside), [1 / len(inside)] * len(inside), size=resamples)
        total += times @ sums[inside]
        size += times @ counts[inside]
        several = several or len(inside) > 1
    if not several:
        return float("nan"), float("nan")
    low, high = np.percentile(total / size, (2.5, 97.5))
    return float(low), float(high)


def holm(values: Sequence[float]) -> tuple[float, ...]:
    """P-values corrected for as many tests (Holm 1979); NaN is no test and stays."""
    adjusted = np.full(len(values), np.nan)
    order = [int(i) for i in np.argsort(values) if not np.isnan(values[i])]
    least = 0.0
    for done, i in enumerate(order):
        least = max(least, min(1.0, values[i] * (len(order) - done)))
        adjusted[i] = least
    return tuple(float(p) for p in adjusted)


def _exact_p(ranks: NDArray[np.float64], smaller: float) -> float:
    """Two-sided: the share of all 2^n signs whose smaller rank sum is at most this one.

    Ranks are halves where tied, so twice the ranks are counted: `ways[s]` signs give a doubled sum s.
    """
    doubled = np.rint(2 * ranks).astype(int)
    ways = np.zeros(doubled.sum() + 1)
    ways[0] = 1
    for rank in doubled:
        ways[rank:] = ways[rank:] + ways[:-rank]
    tail = ways[: round(2 * smaller) + 1].sum()
    return float(min(1.0, 2 * tail / 2.0 ** len(ranks)))
