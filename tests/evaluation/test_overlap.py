"""Overlap by hand, against sets, slice by slice, and on empty label maps."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.evaluation.overlap import (
    confusion,
    dice,
    dice_of,
    predicted_of,
    ravd_of,
    referenced_of,
    sensitivity_of,
    slice_confusion,
    specificity_of,
    union_of,
)


def test_dice_worked_out_by_hand():
    prediction = np.array([[0, 1, 1], [2, 2, 0]])
    reference = np.array([[0, 1, 2], [2, 2, 2]])
    # label 1: 2*1/(2+1); label 2: 2*2/(2+4); label 3: nowhere
    np.testing.assert_allclose(dice(prediction, reference, 4), [2 / 3, 4 / 6, np.nan])
    np.testing.assert_array_equal(confusion(prediction, reference, 3), [[1, 0, 1], [0, 1, 1], [0, 0, 2]])


def test_equals_set_arithmetic_in_every_memory_order():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, size=(2, 130, 110, 90)).astype(np.uint8)
    expected = [2 * np.sum((a == k) & (b == k)) / (np.sum(a == k) + np.sum(b == k)) for k in range(1, 5)]
    for x, y in ((a, b), (np.asfortranarray(a), b), (np.asfortranarray(a), np.asfortranarray(b))):
        np.testing.assert_allclose(dice(x, y, 5), expected)


def test_a_structure_found_where_none_is_or_missed_scores_zero():
    empty, full = np.zeros((3, 3), dtype=np.uint8), np.ones((3, 3), dtype=np.uint8)
    assert dice(full, empty, 2).tolist() == [0]
    assert dice(empty, full, 2).tolist() == [0]
    assert np.isnan(dice(empty, empty, 2)).all()


def test_unlike_shapes_and_foreign_labels_are_refused():
    with pytest.raises(ValueError, match=r"one shape, got \(2,\) and \(3,\)"):
        dice(np.zeros(2, int), np.zeros(3, int), 2)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        dice(np.array([0, 2]), np.array([0, 1]), 2)


def test_ratios_worked_out_by_hand():
    """Label 1: TP 1, FP 1, FN 1; label 2: TP 1, FP 2, FN 1; label 3 only in the prediction; label 4 nowhere."""
    prediction = np.array([1, 1, 2, 2, 2, 3, 0, 0])
    reference = np.array([1, 2, 2, 1, 0, 0, 0, 0])
    counts = confusion(prediction, reference, 5)
    np.testing.assert_array_equal(sensitivity_of(counts), [1 / 2, 1 / 2, np.nan, np.nan])
    np.testing.assert_array_equal(specificity_of(counts), [5 / 6, 4 / 6, 7 / 8, 1])
    np.testing.assert_array_equal(ravd_of(counts), [0, 1 / 2, 1, np.nan])
    np.testing.assert_array_equal(predicted_of(counts), [2, 3, 1, 0])
    np.testing.assert_array_equal(referenced_of(counts), [2, 2, 0, 0])


def test_the_union_confuses_no_structure_with_another():
    """The four voxels of the reference are found, two more are not there."""
    prediction = np.array([1, 1, 2, 2, 2, 3, 0, 0])
    reference = np.array([1, 2, 2, 1, 0, 0, 0, 0])
    union = union_of(confusion(prediction, reference, 5))
    np.testing.assert_array_equal(union, [[2, 0], [2, 4]])
    np.testing.assert_array_equal(union, confusion(prediction > 0, reference > 0, 2))
    values = [of(union).item() for of in (dice_of, sensitivity_of, specificity_of, ravd_of)]
    assert values == [8 / 10, 1, 2 / 4, 2 / 4]


def test_specificity_has_no_answer_where_the_reference_fills_the_grid():
    full, half = np.ones(4, dtype=int), np.array([1, 1, 0, 0])
    assert np.isnan(specificity_of(confusion(half, full, 2))).all()
    assert ravd_of(confusion(half, full, 2)).tolist() == [0.5]


def test_a_prediction_of_three_times_the_volume_is_off_by_two():
    assert ravd_of(confusion(np.ones(6, int), np.array([1, 1, 0, 0, 0, 0]), 2)).tolist() == [2]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_counted_as_one_by_one(axis, order):
    rng = np.random.default_rng(1)
    # more than one chunk, most of it background
    shape = (120, 110, 100)
    a, b = (rng.integers(0, 4, size=shape) * (rng.random(shape) < 0.2) for _ in range(2))
    a = np.asarray(a.astype(np.uint8), order=order)
    tables = slice_confusion(a, b, 4, axis=axis)
    for i in range(shape[axis]):
        np.testing.assert_array_equal(tables[i], confusion(a.take(i, axis), b.take(i, axis), 4))
    np.testing.assert_array_equal(tables.sum(axis=0), confusion(a, b, 4))
    np.testing.assert_allclose(dice_of(tables)[7], dice(a.take(7, axis), b.take(7, axis), 4))
