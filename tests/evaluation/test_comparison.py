"""Methods against a chosen one: pairing, sign, correction and degenerate answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pedseg.errors import UsageError
from pedseg.evaluation.comparison import compare_exams, compare_slices
from pedseg.evaluation.gather import POOLED
from pedseg.evaluation.scores import UNION, Method, Score, SliceScore


def exams(name: str, *values: float, metric: str = "dice", domain: str = "knee") -> Method:
    return Method(name, tuple(Score(f"e{i}", domain, UNION, metric, v) for i, v in enumerate(values)))


def slices(name: str, values: dict[tuple[str, int], float], domain: str = "knee") -> Method:
    return Method(name, (), tuple(SliceScore(e, domain, UNION, k, "dice", v) for (e, k), v in values.items()))


def scattered(name: str, seed: int, shift: float = 0.0) -> Method:
    random = np.random.default_rng(seed)
    return slices(name, {(f"e{k % 4}", k): float(random.beta(9, 1) - shift) for k in range(80)})


def test_exams_are_paired_by_name_whatever_their_order() -> None:
    ours = exams("ours", 0.9, 0.8, 0.7, 0.95)
    other = Method("other", tuple(reversed(exams("", 0.8, 0.75, 0.5, 0.9).scores)))
    (row,) = compare_exams([ours, other], "ours")
    assert (row.method, row.against, row.of, row.test, row.n, row.n_exams) == (
        "other", "ours", "exams", "wilcoxon", 4, 4,
    )  # fmt: skip
    assert row.difference == pytest.approx(-0.1)  # (-0.1 - 0.05 - 0.2 - 0.05) / 4
    assert (row.p, row.effect) == (2 / 2**4, -1.0)
    assert row.favours == "ours"


def test_lower_distances_favour_the_method_that_has_them() -> None:
    (row,) = compare_exams([exams("a", 2.0, 3.0, metric="assd_mm"), exams("b", 1.0, 1.0, metric="assd_mm")], "a")
    assert (row.difference, row.favours) == (-1.5, "b")


def test_volumes_are_not_compared() -> None:
    assert compare_exams([exams("a", 2.0, metric="volume_ml"), exams("b", 1.0, metric="volume_ml")], "a") == ()


def test_only_what_both_scored_counts() -> None:
    (row,) = compare_exams([exams("a", 0.5, math.nan, 0.7, 0.8), exams("b", 0.4, 0.9, 0.5)], "a")
    assert (row.n, row.difference) == (2, pytest.approx(-0.15))


def test_slices_are_paired_and_tested_as_scipy_does() -> None:
    a, b = scattered("a", 0), scattered("b", 1, shift=0.03)
    (row,) = compare_slices([a, b], "a")
    x, y = ([s.value for s in m.slices] for m in (a, b))
    assert row.p == pytest.approx(stats.wilcoxon(x, y).pvalue)
    assert (row.n, row.n_exams) == (80, 4)
    assert row.interval[0] < row.difference < row.interval[1]
    (two,) = compare_slices([a, b], "a", test="kolmogorov_smirnov")
    assert two.p == pytest.approx(stats.ks_2samp(x, y).pvalue)
    assert two.finding.statistic == pytest.approx(stats.ks_2samp(x, y).statistic)


def test_p_is_corrected_over_the_methods_of_a_metric() -> None:
    ours = exams("ours", *(0.9 + 0.001 * k for k in range(6)))
    worse = exams("worse", *(0.8 + 0.002 * k for k in range(6)))
    alike = exams("alike", *(0.9 + 0.001 * k + (0.01 if k % 2 else -0.011) for k in range(6)))
    rows = {row.method: row for row in compare_exams([worse, ours, alike], "ours")}
    assert rows["worse"].p == 2 / 2**6
    assert rows["worse"].p_holm == 2 * rows["worse"].p
    assert rows["alike"].p_holm == rows["alike"].p > 0.05


def test_domains_are_also_put_together() -> None:
    both = [Method(n, exams(n, *v).scores + exams(n, *v, domain="ankle").scores)
            for n, v in (("a", (0.9, 0.8, 0.7)), ("b", (0.8, 0.7, 0.6)))]  # fmt: skip
    rows = compare_exams(both, "a")
    assert [(row.domain, row.n, row.p) for row in rows] == [
        ("knee", 3, 2 / 2**3), ("ankle", 3, 2 / 2**3), (POOLED, 6, 2 / 2**6),
    ]  # fmt: skip


def test_equal_methods_have_p_one() -> None:
    for test in ("wilcoxon", "kolmogorov_smirnov"):
        (row,) = compare_slices([scattered("a", 0), scattered("b", 0)], "a", test=test)  # type: ignore[arg-type]
        assert (row.p, row.effect, row.difference, row.interval) == (1.0, 0.0, 0.0, (0.0, 0.0))
        assert (row.note, row.favours) == ("all differences are zero", "")


def test_one_exam_has_no_interval() -> None:
    a, b = slices("a", {("e", 1): 0.5, ("e", 2): 0.6}), slices("b", {("e", 1): 0.4, ("e", 2): 0.5})
    (row,) = compare_slices([a, b], "a")
    assert row.note == "one exam: no interval"
    assert all(math.isnan(end) for end in row.interval)
    assert row.p == 0.5


def test_methods_that_share_no_slice_are_not_tested() -> None:
    shared = slices("c", {("e", 1): 0.1})
    one, two = compare_slices([slices("a", {("e", 1): 0.5}), slices("b", {("e", 2): 0.4}), shared], "a")
    assert (one.note, one.n, one.n_exams) == ("no common slices", 0, 0)
    assert all(math.isnan(v) for v in (one.p, one.p_holm, one.effect, one.difference))
    assert two.p_holm == two.p  # what was not tested does not count


def test_an_unknown_chosen_method_is_refused() -> None:
    with pytest.raises(UsageError, match=r"PS-A120: no method is named 'our'.*did you mean 'ours'"):
        compare_exams([exams("ours", 0.5), exams("b", 0.4)], "our")
