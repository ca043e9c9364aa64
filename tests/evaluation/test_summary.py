"""Means of many exams: worked out by hand, marked, and with what has no answer said."""

from __future__ import annotations

import math

import pytest

from pedseg.evaluation.gather import POOLED
from pedseg.evaluation.scores import MEAN, UNION, Method, Score, SliceScore
from pedseg.evaluation.summary import SliceSummary, Summary, marks, summarise, summarise_slices


def method(name: str, *dice: float, metric: str = "dice") -> Method:
    return Method(name, tuple(Score(f"e{i}", "knee", UNION, metric, v) for i, v in enumerate(dice)))


def in_slices(name: str, values: dict[tuple[str, str, int], float]) -> Method:
    return Method(name, (), tuple(SliceScore(e, d, UNION, k, "dice", v) for (d, e, k), v in values.items()))


def test_mean_and_sample_deviation() -> None:
    (row,) = summarise([method("a", 0.8, 0.9, 1.0)])
    assert (row.domain, row.structure, row.metric, row.method) == ("knee", UNION, "dice", "a")
    assert (row.mean, row.std) == (pytest.approx(0.9), pytest.approx(0.1))  # sqrt((0.01 + 0 + 0.01) / 2)
    assert (row.n, row.n_without, row.mark) == (3, 0, "")


def test_one_exam_has_no_deviation() -> None:
    (row,) = summarise([method("a", 0.8)])
    assert row.mean == 0.8
    assert math.isnan(row.std)


def test_exams_without_an_answer_are_counted_also_where_only_others_have_them() -> None:
    a, b = summarise([method("a", 0.8, math.nan), method("b", 0.7, 0.6, 0.5)])
    assert (a.mean, a.n, a.n_without) == (0.8, 1, 2)
    assert (b.n, b.n_without) == (3, 0)


def test_means_over_different_exams_are_not_marked() -> None:
    """b has the better mean only because the hard exam is not among its own."""
    rows = summarise([method("a", 0.9, 0.1), method("b", 0.8)])
    assert [row.mark for row in rows] == ["", ""]
    places = {("knee", "e0", 1): 0.9, ("knee", "e0", 2): 0.1}
    slices = [in_slices("a", places), in_slices("b", {("knee", "e0", 1): 0.8})]
    assert [row.mark for row in summarise_slices(slices)] == ["", ""]
    assert [row.mark for row in summarise_slices([slices[0], in_slices("b", places)])] == ["best", "best"]


def test_a_method_that_leaves_a_joint_out_is_told_without_a_mean() -> None:
    ankle = tuple(Score(f"e{i}", "ankle", UNION, "dice", 0.7) for i in range(3))
    rows = summarise([Method("a", method("", 0.9).scores + ankle), method("b", 0.8)])
    assert [(row.domain, row.method, row.n, row.n_without, row.mark) for row in rows] == [
        ("knee", "a", 1, 0, "best"), ("knee", "b", 1, 0, "second"), ("ankle", "a", 3, 0, ""), ("ankle", "b", 0, 3, ""),
    ]  # fmt: skip
    assert math.isnan(rows[-1].mean)


def test_a_method_without_any_answer_has_no_mean_and_no_mark() -> None:
    rows = summarise([method("a", math.nan), method("b", 0.7), method("c", 0.6)])
    assert math.isnan(rows[0].mean)
    assert [row.mark for row in rows] == ["", "best", "second"]


def test_every_bone_their_mean_and_the_union_have_a_row() -> None:
    scores = [Score("e", "knee", s, "dice", v) for s, v in (("femur", 0.4), ("tibia", 0.8), (UNION, 0.7))]
    rows: dict[str, Summary] = {row.structure: row for row in summarise([Method("a", tuple(scores))])}
    assert {name: row.mean for name, row in rows.items()} == {
        "femur": 0.4, "tibia": 0.8, UNION: 0.7, MEAN: pytest.approx(0.6),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "means", "wanted"),
    [
        ("dice", (0.9, 0.8, 0.7), ("best", "second", "")),
        ("assd_mm", (0.9, 0.8, 0.7), ("", "second", "best")),
        ("ravd", (0.02, 0.05), ("best", "second")),
        ("dice", (0.9, 0.9001, 0.8, 0.8), ("best", "best", "second", "second")),
        ("dice", (0.9, 0.901), ("second", "best")),
        ("assd_mm", (0.52, 0.54, 0.6), ("best", "best", "second")),
        ("volume_ml", (10.0, 20.0), ("", "")),
        ("dice", (0.9,), ("",)),
        ("dice", (0.9, math.nan), ("", "")),
        ("mssd_mm", (math.inf, 5.0, 6.0), ("", "best", "second")),
    ],
)
def test_marks_know_the_better_end_and_share_at_the_precision_shown(
    metric: str, means: tuple[float, ...], wanted: tuple[str, ...]
) -> None:
    assert tuple(marks(dict(zip("abcd", means, strict=False)), metric).values()) == wanted


def test_slices_have_the_distances_to_the_16th_and_84th_percentiles() -> None:
    """Of 0, 0.01 .. 1 the percentiles are their own numbers."""
    (row,) = summarise_slices([in_slices("a", {("knee", f"e{k % 2}", k): k / 100 for k in range(101)})])
    assert row == SliceSummary(
        "knee", UNION, "dice", "a", pytest.approx(0.5), pytest.approx(0.34), pytest.approx(0.34), 101, 2
    )


def test_a_long_tail_drags_the_mean_below_the_16th_percentile() -> None:
    (row,) = summarise_slices([in_slices("a", {("knee", "e", k): 1.0 if k else 0.0 for k in range(10)})])
    assert (row.mean, row.above, row.below) == (0.9, pytest.approx(0.1), pytest.approx(-0.1))


def test_several_domains_are_also_put_together() -> None:
    rows = summarise_slices([in_slices("a", {("knee", "e", 1): 1.0, ("ankle", "e", 1): 0.5})])
    assert [(row.domain, row.mean, row.n_exams) for row in rows] == [
        ("knee", 1.0, 1), ("ankle", 0.5, 1), (POOLED, 0.75, 2),
    ]  # fmt: skip


def test_a_slice_without_an_answer_is_left_out() -> None:
    (row,) = summarise_slices([in_slices("a", {("knee", "e", 1): math.nan, ("knee", "e", 2): 0.5})])
    assert (row.mean, row.n) == (0.5, 1)
    (none,) = summarise_slices([in_slices("a", {("knee", "e", 1): math.nan})])
    assert (math.isnan(none.mean), none.n, none.n_exams) == (True, 0, 0)
