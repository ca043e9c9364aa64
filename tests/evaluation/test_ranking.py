"""The ranking of D: by hand, with exams that are missing, and under moved thresholds."""

from __future__ import annotations

import math

import pytest

from pedseg.errors import UsageError
from pedseg.evaluation.ranking import exam_scores, rank, robustness
from pedseg.evaluation.scores import MEAN, UNION, Method, Score
from pedseg.evaluation.thresholds import RankingSystem, Threshold

NAMES = ("dice", "sensitivity", "mssd_mm", "assd_mm", "ravd")
HALF = (0.9, 0.9, 15.0, 2.0, 0.05)
"""50 in every metric."""
GOOD = (0.95, 0.95, 7.5, 1.0, 0.025)
"""75 in every metric."""
NOTHING = (math.nan,) * 5


def method(name: str, *exams: tuple[float, ...], domain: str = "knee", structure: str = UNION) -> Method:
    scores = [
        Score(f"e{i}", domain, structure, metric, value)
        for i, values in enumerate(exams)
        for metric, value in zip(NAMES, values, strict=True)
    ]
    return Method(name, tuple(scores))


def test_an_exam_scores_metric_by_metric() -> None:
    found = exam_scores(method("a", (0.9, 0.79, 15.0, 1.0, 0.2), GOOD), "knee")
    assert list(found) == ["e0", "e1"]
    assert found["e0"] == pytest.approx(
        {"dice": 50, "sensitivity": 0, "mssd_mm": 50, "assd_mm": 75, "ravd": 0}
    )  # fmt: skip


def test_mean_deviation_and_rank() -> None:
    a, b = rank([method("a", HALF, HALF), method("b", GOOD, HALF)])
    assert (a.mean, a.std, a.rank, a.n) == (pytest.approx(50), pytest.approx(0), 2, 2)
    assert (b.mean, b.std, b.rank) == (pytest.approx(62.5), pytest.approx(17.678, abs=1e-3), 1)  # 25 / sqrt(2)


def test_equal_scores_share_a_rank_and_the_next_is_left_out() -> None:
    rows = rank([method("a", HALF), method("b", GOOD), method("c", GOOD), method("d", HALF)])
    assert [row.rank for row in rows] == [3, 1, 1, 3]
    assert all(math.isnan(row.std) for row in rows)


def test_domains_are_ranked_apart() -> None:
    a = Method("a", method("", GOOD).scores + method("", HALF, domain="ankle").scores)
    b = Method("b", method("", HALF).scores + method("", GOOD, domain="ankle").scores)
    rows = rank([a, b, method("c", HALF)])
    assert [(row.domain, row.method, row.rank) for row in rows] == [
        ("knee", "a", 1), ("knee", "b", 2), ("knee", "c", 2), ("ankle", "a", 2), ("ankle", "b", 1), ("ankle", "c", 3),
    ]  # fmt: skip


def test_an_exam_without_a_mask_scores_zero() -> None:
    """e1 is scored by another method only: 75 and 0."""
    a, b = rank([method("a", GOOD), method("b", HALF, HALF)])
    assert (a.mean, a.n, a.n_missing, a.rank) == (pytest.approx(37.5), 2, 1, 2)
    assert (b.mean, b.n_missing, b.rank) == (pytest.approx(50), 0, 1)


def test_a_method_that_leaves_a_joint_out_scores_zero_there() -> None:
    both = Method("a", method("", GOOD).scores + method("", GOOD, HALF, domain="ankle").scores)
    rows = [row for row in rank([both, method("b", HALF)]) if row.domain == "ankle"]
    assert [(row.method, row.mean, row.rank, row.n, row.n_missing) for row in rows] == [
        ("a", pytest.approx(62.5), 1, 2, 0), ("b", 0, 2, 2, 2),
    ]  # fmt: skip


def test_a_joint_without_references_is_not_ranked_and_ends_nothing() -> None:
    volumes = (Score("e0", "shoulder", UNION, "volume_ml", 12.0),)
    a, b = (Method(m.name, m.scores + volumes) for m in (method("a", GOOD), method("b", HALF)))
    assert [(row.domain, row.method) for row in rank([a, b])] == [("knee", "a"), ("knee", "b")]
    assert [found.domain for found in robustness([a, b])] == ["knee"]
    assert exam_scores(a, "shoulder") == {}
    assert rank([Method("a", volumes)]) == ()


def test_a_mask_that_was_not_compared_is_no_fault() -> None:
    """The other method has a reference of the shoulder: 75; here there is a mask and nothing to hold it against."""
    mask = Method("a", (Score("e0", "shoulder", UNION, "volume_ml", 12.0),))
    a, b = rank([mask, method("b", GOOD, domain="shoulder")])
    assert (math.isnan(a.mean), a.rank, a.n_missing) == (True, 2, 0)
    assert (b.mean, b.rank) == (pytest.approx(75), 1)


def test_an_exam_where_nothing_was_there_is_left_out_and_no_fault() -> None:
    a, b = rank([method("a", GOOD, NOTHING), method("b", HALF, (0.0, math.nan, 90.0, 90.0, 1.0))])
    assert (a.mean, a.n, a.n_missing) == (pytest.approx(75), 1, 0)
    assert (b.mean, b.n) == (pytest.approx(25), 2)  # an empty reference with a mask: zero, sensitivity included


def test_a_method_without_any_answer_comes_last() -> None:
    a, b = rank([method("a", NOTHING), method("b", HALF)])
    assert math.isnan(a.mean)
    assert (a.rank, b.rank) == (2, 1)


def test_the_mean_over_bones_counts_only_when_asked_for() -> None:
    bones = Method("a", method("", GOOD, structure="femur").scores + method("", HALF, structure="tibia").scores)
    with pytest.raises(UsageError, match=r"PS-A96: .*no scores of 'all' in knee.*known: femur, mean, tibia"):
        rank([bones])
    assert rank([bones], structure=MEAN)[0].mean == pytest.approx(62.5)


def test_a_metric_that_was_not_scored_is_refused() -> None:
    system = RankingSystem(title="t", source="s", metrics={"dise": Threshold(best=1, threshold=0)})
    with pytest.raises(UsageError, match="no metric 'dise' in knee; did you mean 'dice'"):
        exam_scores(method("a", HALF), "knee", system=system)


def test_moved_thresholds_change_ranks() -> None:
    """Base: a 50 + 0 = b 25 + 25 in Dice and ASSD. Dice from 0.85: a 33; from 0.75: a 60, b 40 + 25."""
    rules = {
        "dice": Threshold(best=1, threshold=0.8, moved=(0.75, 0.85)),
        "assd_mm": Threshold(best=0, threshold=4, moved=(2,)),
    }
    system = RankingSystem(title="t", source="s", metrics=rules)
    a = method("a", (0.90, 0, 0, 4.0, 0))
    b = method("b", (0.85, 0, 0, 2.9, 0))
    (found,) = robustness([a, b], system=system)
    assert (found.domain, found.methods, found.ranks) == ("knee", ("a", "b"), (2, 1))
    assert [(m.metric, m.threshold, m.ranks, m.tau) for m in found.moved] == [
        ("dice", 0.75, (2, 1), 1.0),
        ("dice", 0.85, (1, 2), -1.0),
        ("assd_mm", 2, (1, 2), -1.0),
    ]
    assert not found.leader_stays


def test_ten_systems_and_a_leader_that_stays() -> None:
    (found,) = robustness([method("a", GOOD), method("b", HALF)])
    assert len(found.moved) == 10
    assert found.leader_stays
    assert {m.tau for m in found.moved} == {1.0}


def test_one_method_or_a_tie_has_no_tau() -> None:
    for methods in ([method("a", GOOD)], [method("a", GOOD), method("b", GOOD)]):
        assert all(math.isnan(m.tau) for m in robustness(methods)[0].moved)
