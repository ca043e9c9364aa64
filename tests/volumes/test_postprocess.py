"""Post-processing against scipy over the whole volume, voxel by voxel, and its rules one by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from pedseg.volumes.postprocess import closed, postprocess

BALL = np.zeros((5, 5, 5), dtype=bool)
for _at in np.ndindex(5, 5, 5):
    BALL[_at] = sum((a - 2) ** 2 for a in _at) <= 4


def _naive(labels, n_classes, probabilities):
    """METHODS section 7 read word by word."""
    kept = np.zeros_like(labels)
    for label in range(1, n_classes):
        components, n = ndimage.label(labels == label, np.ones((3, 3, 3)))
        masks = [components == c for c in range(1, n + 1)]
        order = sorted(
            masks, key=lambda m: (-m.sum(), -probabilities[label][m].sum(), int(np.flatnonzero(m.ravel())[0]))
        )
        if order:
            kept[order[0]] = label
    result = kept.copy()
    best = np.full(labels.shape, -1.0)
    for label in range(1, n_classes):
        padded = np.pad(kept == label, 2)
        grown = ndimage.binary_closing(padded, BALL)[2:-2, 2:-2, 2:-2]
        wins = grown & (kept == 0) & (probabilities[label] > best)
        result[wins], best[wins] = label, probabilities[label][wins]
    return result


def _blobs(seed, shape=(34, 40, 28), n_classes=4):
    """Bones that touch the border and one another, with holes and specks."""
    rng = np.random.default_rng(seed)
    fields = np.stack([ndimage.gaussian_filter(rng.normal(size=shape), 3, mode="constant") for _ in range(n_classes)])
    fields[0] += 0.01
    labels = fields.argmax(axis=0).astype(np.uint8)
    labels[rng.random(shape) < 0.03] = 0
    labels[rng.random(shape) < 0.01] = n_classes - 1
    return labels, rng.random((n_classes, *shape))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("order", ["C", "F"])
def test_equals_scipy_over_the_whole_volume(seed, order):
    labels, probabilities = _blobs(seed)
    expected = _naive(labels, 4, probabilities)
    stored = np.asarray(labels, order=order)
    np.testing.assert_array_equal(postprocess(stored, 4, probabilities), expected)
    np.testing.assert_array_equal(postprocess(stored[::-1], 4, probabilities[:, ::-1]), expected[::-1])
    assert ((expected != labels) & (expected != 0)).any()


def test_the_ball_has_33_voxels_and_not_81():
    gap = np.zeros((9, 9, 9), dtype=bool)
    gap[:, :, :3] = gap[:, :, 6:] = True
    assert BALL.sum() == 33
    np.testing.assert_array_equal(closed(gap), ndimage.binary_closing(np.pad(gap, 2), BALL)[2:-2, 2:-2, 2:-2])


def test_a_shaft_that_leaves_the_volume_loses_nothing():
    labels = np.zeros((9, 9, 6), dtype=np.uint8)
    labels[3:6, 3:6] = 1
    np.testing.assert_array_equal(postprocess(labels, 2), labels)


def test_the_largest_component_stays_even_where_it_hangs_by_a_corner():
    labels = np.zeros((12, 12, 12), dtype=np.uint8)
    labels[0:3, 0:3, 0:3] = labels[3:6, 3:6, 3:6] = 1  # 54 voxels by a corner
    labels[8:11, 8:12, 8:12] = 1  # 48 voxels
    result = postprocess(labels, 2)
    assert result[8:].sum() == 0
    assert (result[:6][labels[:6] == 1] == 1).all()


def test_of_two_components_of_one_size_the_more_probable_stays_then_the_first():
    labels = np.zeros((11, 4, 4), dtype=np.uint8)
    labels[1:3, :2, :2] = labels[7:9, :2, :2] = 1
    probabilities = np.full((2, 11, 4, 4), 0.6)
    assert postprocess(labels, 2, probabilities)[1, 0, 0] == 1
    assert postprocess(labels, 2)[7, 0, 0] == 0
    probabilities[1, 8, 1, 1] = 0.7
    kept = postprocess(labels, 2, lambda label, box: probabilities[label][box])
    assert (kept[1, 0, 0], kept[7, 0, 0]) == (0, 1)


def test_a_voxel_two_bones_claim_goes_to_the_more_probable_then_the_lower_label():
    labels = np.zeros((15, 15, 15), dtype=np.uint8)
    labels[:, :, 2:13:2], labels[:, :, 3:13:2] = 1, 2  # leaves of two books, pushed into one another
    labels[:2, :, 2:13], labels[13:, :, 2:13] = 1, 2
    labels[7, 7] = 0  # a drilled hole through both
    probabilities = np.zeros((3, 15, 15, 15))
    naive = {}
    for first in (0.5, 0.2):
        probabilities[1], probabilities[2] = first, 0.3
        naive[first] = _naive(labels, 3, probabilities)
        np.testing.assert_array_equal(postprocess(labels, 3, probabilities), naive[first])
    assert (naive[0.5][7, 7, 4:11], naive[0.2][7, 7, 4:11]) == (pytest.approx(1), pytest.approx(2))
    probabilities[1] = probabilities[2]
    np.testing.assert_array_equal(postprocess(labels, 3, probabilities), naive[0.5])


def test_missing_bones_and_empty_volumes_stay_missing():
    labels = np.zeros((5, 6, 7), dtype=np.uint8)
    assert not postprocess(labels, 4).any()
    labels[2, 2, 2] = 3
    np.testing.assert_array_equal(postprocess(labels, 4), labels)


def test_labels_beyond_the_classes_are_refused():
    with pytest.raises(ValueError, match=r"0\.\.1, got 2"):
        postprocess(np.full((3, 3, 3), 2, dtype=np.uint8), 2)


def _boxes(*sizes: int) -> np.ndarray:
    """Bars of so many voxels along one axis, apart by one."""
    labels = np.zeros((len(sizes) * 4, 3, max(sizes) + 2), dtype=np.uint8)
    for i, size in enumerate(sizes):
        labels[4 * i, 1, 1 : 1 + size] = 1
    return labels


def _kept(labels: np.ndarray) -> list[int]:
    return [int(labels[4 * i].sum()) for i in range(len(labels) // 4)]


@pytest.mark.parametrize(
    ("pieces", "expected"), [(1, [0, 7, 0, 0]), (2, [5, 7, 0, 0]), (3, [5, 7, 0, 3]), (9, [5, 7, 2, 3])]
)
def test_a_union_of_bones_keeps_as_many_components_as_it_has_bones(pieces, expected):
    """D, section 3.3."""
    assert _kept(postprocess(_boxes(5, 7, 2, 3), 2, pieces=pieces)) == expected


def test_of_equal_components_the_more_probable_take_the_places_left():
    labels = _boxes(4, 6, 4, 4)
    assert _kept(postprocess(labels, 2, pieces=3)) == [4, 6, 4, 0]
    probabilities = np.full((2, *labels.shape), 0.6)
    probabilities[1, 12:] = 0.9
    assert _kept(postprocess(labels, 2, probabilities, pieces=2)) == [0, 6, 0, 4]
    assert _kept(postprocess(labels, 2, probabilities, pieces=3)) == [4, 6, 0, 4]


def test_pieces_are_closed_each_by_itself():
    """Two slabs two voxels apart: as one bone the gap would close, as two it stays a joint."""
    labels = np.zeros((9, 9, 8), dtype=np.uint8)
    labels[:, :, :3] = labels[:, :, 5:] = 1
    result = postprocess(labels, 2, pieces=2)
    np.testing.assert_array_equal(result, labels)
    assert closed(labels == 1)[4, 4, 3]
    labels[4, 4, 1] = labels[4, 4, 6] = 0  # holes in either
    result = postprocess(labels, 2, pieces=2)
    assert (result[4, 4, 1], result[4, 4, 6]) == (1, 1)
