"""Scores put together: means over bones, domains together, order, refusals."""

from __future__ import annotations

import math

import pytest

from pedseg.evaluation.gather import (
    POOLED,
    Place,
    Quantity,
    by_name,
    exam_values,
    higher_is_better,
    quantities,
    slice_values,
    with_pooled,
)
from pedseg.evaluation.scores import MEAN, UNION, Method, Score, SliceScore

SCORES = (
    Score("e1", "knee", "femur", "dice", 0.8),
    Score("e1", "knee", "tibia", "dice", 0.6),
    Score("e1", "knee", UNION, "dice", 0.9),
    Score("e2", "knee", "femur", "dice", 0.5),
    Score("e2", "knee", "tibia", "dice", math.nan),
    Score("e3", "knee", "femur", "dice", math.nan),
)


def test_the_mean_over_bones_leaves_out_the_union_and_what_has_no_answer() -> None:
    means = exam_values(SCORES)[Quantity("knee", MEAN, "dice")]
    assert means[Place("knee", "e1")] == pytest.approx(0.7)
    assert means[Place("knee", "e2")] == 0.5
    assert math.isnan(means[Place("knee", "e3")])


def test_a_union_alone_has_no_mean_over_bones() -> None:
    assert set(exam_values([SCORES[2]])) == {Quantity("knee", UNION, "dice")}


def test_the_mean_of_a_slice_is_over_its_bones() -> None:
    slices = [SliceScore("e1", "knee", bone, at, "dice", v) for bone, at, v in
              [("femur", 1, 1.0), ("tibia", 1, 0.5), ("femur", 2, 0.25)]]  # fmt: skip
    means = slice_values(slices)[Quantity("knee", MEAN, "dice")]
    assert means == {Place("knee", "e1", 1): 0.75, Place("knee", "e1", 2): 0.25}


def test_two_values_for_one_exam_are_refused() -> None:
    with pytest.raises(ValueError, match="two values of knee femur dice for exam 'e1'"):
        exam_values([SCORES[0], SCORES[0]])


def test_domains_put_together_keep_exams_of_one_name_apart_and_leave_out_bones() -> None:
    other = Score("e1", "ankle", UNION, "dice", 0.7)
    pooled = with_pooled(exam_values([*SCORES, other]))
    assert list(pooled[Quantity(POOLED, UNION, "dice")].values()) == [0.9, 0.7]
    assert Quantity(POOLED, "femur", "dice") not in pooled


def test_one_domain_is_not_put_together() -> None:
    assert all(q.domain == "knee" for q in with_pooled(exam_values(SCORES)))


def test_quantities_stand_domain_by_domain_with_the_pooled_last() -> None:
    one = Quantity("knee", UNION, "dice"), Quantity(POOLED, UNION, "dice")
    two = Quantity("ankle", UNION, "dice"), Quantity("knee", UNION, "ravd")
    got = quantities({"a": {key: {} for key in one}, "b": {key: {} for key in two}})
    assert got == (one[0], two[1], two[0], one[1])


def test_methods_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="methods must differ in name, got a, a"):
        by_name([Method("a", ()), Method("a", ())])


@pytest.mark.parametrize(
    ("metric", "better"),
    [("dice", True), ("surface_dice_1mm", True), ("specificity", True), ("assd_mm", False), ("ravd", False),
     ("volume_ml", None)],
)  # fmt: skip
def test_the_better_end_of_a_metric(metric: str, better: bool | None) -> None:
    assert higher_is_better(metric) is better
