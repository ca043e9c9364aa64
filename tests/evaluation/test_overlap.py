"""Dice by hand, against sets, and on empty label maps."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.evaluation.overlap import confusion, dice


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
