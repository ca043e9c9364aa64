"""Tests, effect sizes and intervals against counting by hand, scipy and naive loops."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pedseg.evaluation.two_samples import cliffs_delta, cluster_interval, holm, kolmogorov_smirnov, wilcoxon

Array = NDArray[np.float64]


def naive_p(differences: Array) -> float:
    """Every sign given to every rank: how many rank sums are as far out."""
    kept = differences[differences != 0]
    ranks = stats.rankdata(np.abs(kept))
    smaller = min(ranks[kept > 0].sum(), ranks[kept < 0].sum())
    sums = [ranks @ np.array(signs) for signs in itertools.product((0, 1), repeat=len(ranks))]
    return min(1.0, 2 * sum(s <= smaller for s in sums) / len(sums))


def test_five_differences_of_one_sign() -> None:
    found = wilcoxon(np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert (found.statistic, found.p, found.effect) == (0.0, 2 / 2**5, 1.0)


def test_rank_biserial_by_hand() -> None:
    """Ranks 1, 2, 3, 4 with the second below: (8 - 2) / 10; sums 0..2 are 1 + 1 + 1 of 16 signs."""
    found = wilcoxon(np.array([1.0, -2.0, 3.0, 4.0]))
    assert (found.statistic, found.effect, found.p) == (2.0, pytest.approx(0.6), pytest.approx(6 / 16))


@pytest.mark.parametrize("seed", range(4))
def test_small_samples_are_counted_with_ties_and_zeros(seed: int) -> None:
    differences = np.random.default_rng(seed).integers(-3, 5, size=10).astype(float)
    assert wilcoxon(differences).p == pytest.approx(naive_p(differences))


@pytest.mark.parametrize("n", [12, 30, 50, 51, 400])
def test_without_ties_p_is_scipys(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.3, 1, n)
    assert wilcoxon(differences).p == pytest.approx(stats.wilcoxon(differences).pvalue)


def test_differences_blurred_by_floats_tie() -> None:
    """0.9 - 0.8 and 0.8 - 0.7 are not one float."""
    blurred = np.array([0.9 - 0.8, 0.7 - 0.8, 0.5])
    assert wilcoxon(blurred) == wilcoxon(np.array([0.1, -0.1, 0.5]))


@pytest.mark.parametrize("differences", [np.zeros(7), np.zeros(0)])
def test_no_difference_is_no_evidence(differences: Array) -> None:
    found = wilcoxon(differences)
    assert (found.p, found.effect) == (1.0, 0.0)


@pytest.mark.parametrize(("first", "second", "delta"), [
    ([3.0, 4.0], [1.0, 2.0], 1.0), ([1.0], [1.0, 2.0], -0.5), ([1.0, 2.0, 3.0], [2.0], 0.0),
])  # fmt: skip
def test_cliffs_delta_by_hand(first: list[float], second: list[float], delta: float) -> None:
    assert cliffs_delta(np.array(first), np.array(second)) == delta


def test_cliffs_delta_is_that_of_all_pairs() -> None:
    random = np.random.default_rng(0)
    first, second = random.integers(0, 9, 40).astype(float), random.integers(0, 9, 30).astype(float)
    pairs = np.sign(first[:, None] - second[None, :])
    assert cliffs_delta(first, second) == pytest.approx(pairs.mean())


def test_kolmogorov_smirnov_by_hand() -> None:
    """Apart altogether: distance 1; of the 20 ways to order 3 and 3, two are as far out."""
    found = kolmogorov_smirnov(np.array([4.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    assert (found.statistic, found.p, found.effect) == (1.0, pytest.approx(2 / 20), 1.0)


def test_the_interval_draws_whole_exams() -> None:
    """Naive: draw exams, put their slices together, take the mean."""
    exams = [("knee", f"e{e}") for e in range(6) for _ in range(e + 1)]
    differences = np.array([float(e[1][1:]) for e in exams])
    random, means = np.random.default_rng(1), []
    for _ in range(4000):
        drawn = random.integers(0, 6, size=6)
        means.append(np.concatenate([[float(e)] * (e + 1) for e in drawn]).mean())
    got = cluster_interval(differences, exams, resamples=4000)
    assert got == pytest.approx(np.percentile(means, (2.5, 97.5)), abs=0.12)


def test_slices_that_agree_within_exams_do_not_narrow_the_interval() -> None:
    once = cluster_interval(np.array([0.0, 1.0, 2.0]), [("k", "a"), ("k", "b"), ("k", "c")])
    exams = [("k", e) for e in "abc" for _ in range(100)]
    assert cluster_interval(np.repeat([0.0, 1.0, 2.0], 100), exams) == pytest.approx(once)


def test_exams_are_drawn_inside_their_domain() -> None:
    """Domains differ, exams of one do not: the mean of both cannot move."""
    exams = [("knee", "a"), ("knee", "b"), ("ankle", "a"), ("ankle", "b")]
    assert cluster_interval(np.array([1.0, 1.0, 0.0, 0.0]), exams) == (0.5, 0.5)


@pytest.mark.parametrize("exams", [[("knee", "a")] * 3, [("knee", "a"), ("ankle", "a"), ("ankle", "a")]])
def test_one_exam_a_domain_has_no_interval(exams: list[tuple[str, str]]) -> None:
    assert all(math.isnan(end) for end in cluster_interval(np.array([0.1, 0.2, 0.3]), exams))


def test_the_interval_is_seeded_and_fast() -> None:
    random = np.random.default_rng(0)
    differences, exams = random.normal(size=3000), [("knee", f"e{k % 17}") for k in range(3000)]
    start = time.perf_counter()
    first = cluster_interval(differences, exams, seed=3)
    assert time.perf_counter() - start < 1
    assert cluster_interval(differences, exams, seed=3) == first != cluster_interval(differences, exams, seed=4)


def test_holm_by_hand() -> None:
    """Sorted 0.01 x 3, 0.02 x 2, 0.04 x 1: the last two are at least the one before."""
    assert holm([0.04, 0.01, math.nan, 0.02]) == (0.04, 0.03, pytest.approx(math.nan, nan_ok=True), 0.04)
    assert holm([0.6, 0.7]) == (1.0, 1.0)
    assert holm([]) == ()
