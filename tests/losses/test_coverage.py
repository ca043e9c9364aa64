"""Targets: shares of pixels, by hand."""

from __future__ import annotations

import pytest
import torch

from pedseg.losses import coverage, majority

FINE = torch.tensor([[[1, 1, 0, 2], [1, 2, 0, 2], [0, 0, 2, 2], [0, 1, 2, 2]]], dtype=torch.uint8)


def test_shares_of_two_by_two_pixels() -> None:
    shares = coverage(FINE, 3, (2, 2))
    expected = [[[0, 0.5], [0.75, 0]], [[0.75, 0], [0.25, 0]], [[0.25, 0.5], [0, 1]]]
    assert shares[0].tolist() == expected


def test_whole_pixels_are_one_hot() -> None:
    onehot = coverage(FINE, 3, (4, 4))
    assert onehot.sum(1).eq(1).all()
    assert torch.equal(onehot.argmax(1), FINE.long())


def test_majority_takes_the_lower_label_on_a_tie() -> None:
    assert majority(FINE, 3, (2, 2)).tolist() == [[[1, 0], [0, 2]]]
    assert majority(FINE, 3, (4, 4)) is FINE


def test_uneven_division_is_refused() -> None:
    with pytest.raises(ValueError, match=r"divide pixels of \(3, 3\) evenly, got \(1, 4, 4\)"):
        coverage(FINE, 3, (3, 3))
