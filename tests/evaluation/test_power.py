"""What so many exams can show: by hand, and drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.evaluation.power import COUNTED, Power, powers
from pedseg.evaluation.scores import UNION, Method, Score
from pedseg.evaluation.two_samples import wilcoxon


def test_five_exams_can_show_nothing() -> None:
    power = Power("knee", 5)
    assert power.smallest_p == 0.0625
    assert not power.enough
    assert power.sentence == (
        "n = 5 exams: no difference, however large, can reach p < 0.05 (smallest possible p 0.0625)"
    )


@pytest.mark.parametrize(("n", "p"), [(0, 1.0), (1, 1.0), (2, 0.5), (6, 0.03125)])
def test_the_smallest_p_is_that_of_one_sign(n: int, p: float) -> None:
    assert Power("knee", n).smallest_p == p
    assert wilcoxon(np.arange(1.0, n + 1)).p == p


def test_six_exams_show_what_keeps_all_six_on_one_side() -> None:
    """Only 0 of the rank sum reaches 0.05 with six: the normal law's 0.8 ** (1 / 6) quantile is 1.79."""
    assert Power("knee", 6).detectable == pytest.approx(1.79, abs=0.005)
    assert "1.79 standard deviations" in Power("knee", 6).sentence


def test_many_exams_follow_the_formula() -> None:
    """(1.960 + 0.8416) / sqrt(100 x 0.9549)."""
    assert Power("knee", 100).detectable == pytest.approx(0.2867, abs=1e-4)


def test_the_formula_meets_the_counted_ones() -> None:
    detectable = [Power("knee", n).detectable for n in range(6, 30)]
    assert detectable == sorted(detectable, reverse=True)


@pytest.mark.parametrize("n", [7, 12, 17, 20])
def test_the_counted_differences_are_found_eight_times_in_ten(n: int) -> None:
    random = np.random.default_rng(n)
    found = [wilcoxon(random.standard_normal(n) + COUNTED[n]).p < 0.05 for _ in range(1500)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def test_powers_count_the_exams_that_all_methods_have() -> None:
    def method(name: str, knees: int, ankles: int) -> Method:
        places = [("knee", i) for i in range(knees)] + [("ankle", i) for i in range(ankles)]
        return Method(name, tuple(Score(f"e{i}", domain, UNION, "dice", 0.5) for domain, i in places))

    rows = powers([method("a", 6, 4), method("b", 8, 3)])
    assert [(row.domain, row.n) for row in rows] == [("knee", 6), ("ankle", 3), ("all domains", 9)]
    assert [row.n for row in powers([method("a", 6, 0)])] == [6]
    assert powers([]) == ()


def test_exams_without_a_reference_show_nothing() -> None:
    """A volume is compared with nothing, and an exam where nothing was there has no answer."""
    answers = {"e0": ("dice", 0.5), "e1": ("volume_ml", 20.0), "e2": ("dice", float("nan")), "e3": ("assd_mm", 1.0)}
    one = Method("a", tuple(Score(exam, "knee", UNION, metric, value) for exam, (metric, value) in answers.items()))
    assert [row.n for row in powers([one, Method("b", one.scores)])] == [2]
