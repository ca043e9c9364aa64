"""Volume <-> windows: bars on analytic solids, orientations, wide exams, geometry."""

from __future__ import annotations

import tracemalloc
from itertools import permutations, product

import numpy as np
import pytest
from stacks import stack_geometry

from pedseg.volumes.geometry import Geometry
from pedseg.volumes.resample import up
from pedseg.volumes.slices import (
    from_windows,
    iter_onehot,
    labels_to_windows,
    plan_slices,
    to_windows,
    windows_to_onehot,
)


def _affine(spacing, *, angles=(0.0, 0.0, 0.0), origin=(3.0, -41.0, 12.0)):
    a, b, c = angles
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rx @ ry @ rz @ np.diag(spacing)
    affine[:3, 3] = origin
    return affine


def _solids(shape, spacing):
    """An ellipsoid 52 x 44 x 60 mm (1), one 26 x 22 x 20 mm (2), a plate of a 60 mm sphere, 1.5 to 3 mm thick (3)."""
    x, y, z = np.meshgrid(
        *((np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij", sparse=True
    )
    labels = np.zeros(shape, dtype=np.uint8)
    labels[((x + 22) / 26) ** 2 + ((y - 14) / 22) ** 2 + (z / 30) ** 2 < 1] = 1
    labels[((x - 30) / 13) ** 2 + ((y + 32) / 11) ** 2 + (z / 10) ** 2 < 1] = 2
    u, v = x * np.cos(0.4) + y * np.sin(0.4), y * np.cos(0.4) - x * np.sin(0.4)
    radius = np.sqrt((u - 70) ** 2 + (v - 10) ** 2 + z**2)
    blade = (np.abs(radius - 60) < 0.75 + 0.75 * np.minimum(np.abs(v - 10) / 30, 1)) & (np.abs(v - 10) < 30) & (u < 70)
    labels[blade & (labels == 0)] = 3
    return labels


def _dice(a, b, label):
    a, b = a == label, b == label
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((512, 512, 9), (0.375, 0.375, 6.0)), ((512, 448, 9), (0.27, 0.31, 6.0)), ((512, 512, 7), (0.5, 0.5, 8.0))],
)
def test_probabilities_and_labels_come_back_within_the_bars_at_1_mm(shape, spacing):
    labels = _solids(shape, spacing)
    grid = plan_slices(Geometry(shape, _affine(spacing, angles=(0.1, -0.2, 0.15))), slice_axis=2, spacing_mm=260 / 256)
    soft = from_windows(iter_onehot(labels, grid, 4), grid).labels
    hard = from_windows(windows_to_onehot(labels_to_windows(labels, grid, 4), 4), grid).labels
    assert [_dice(soft, labels, b) >= bar for b, bar in ((1, 0.99), (2, 0.99), (3, 0.97))] == [True] * 3
    assert [_dice(hard, labels, b) >= bar for b, bar in ((1, 0.98), (2, 0.98), (3, 0.85))] == [True] * 3
    fine = labels_to_windows(labels, grid.finer(2), 4)
    shares = from_windows(windows_to_onehot(fine, 4, detail=2), grid).labels
    assert [_dice(shares, labels, b) >= bar for b, bar in ((1, 0.995), (2, 0.99), (3, 0.96))] == [True] * 3


def test_finer_labels_lie_over_the_same_pixels():
    """Averaged over each pixel, they are what the pixel's own shares say, wherever windows and padding lie."""
    shape, spacing = (150, 190, 2), (1.0, 0.8, 5.0)
    grid = plan_slices(Geometry(shape, _affine(spacing)), slice_axis=2, spacing_mm=1.6, window=64)
    assert len(grid.offsets) > 1
    labels = _solids(shape, spacing)
    exact = np.stack(list(iter_onehot(labels, grid, 4)))
    shares = np.stack(list(windows_to_onehot(labels_to_windows(labels, grid.finer(2), 4), 4, detail=2)))
    assert np.abs(shares - exact).mean() < 0.02
    assert np.abs(shares.mean((0, 1, 3, 4)) - exact.mean((0, 1, 3, 4))).max() < 0.003


def test_every_storage_order_gives_the_same_windows_and_gets_its_own_labels_back():
    rng = np.random.default_rng(0)
    shape, spacing = (30, 24, 7), (0.9, 1.1, 3.0)
    image = rng.normal(size=shape).astype(np.float32)
    labels = _solids(shape, (3.0, 4.0, 9.0))
    affine = _affine(spacing, angles=(0.2, 0.1, -0.3))
    first = plan_slices(Geometry(shape, affine), slice_axis=2, spacing_mm=1.3, window=32)
    windows, masks = to_windows(image, first), labels_to_windows(labels, first, 4)
    back = from_windows(windows_to_onehot(masks, 4), first).labels
    assert set(np.unique(back)) == {0, 1, 2, 3}
    for order, flips in product(permutations(range(3)), product((1, -1), repeat=3)):
        step = tuple(slice(None, None, f) for f in flips)
        stored = np.transpose(image, order)[step]
        turned = np.eye(4)
        turned[:3, :3] = np.eye(3)[:, order] * flips
        turned[:3, 3] = np.eye(3)[:, order] @ [0 if f > 0 else n - 1 for f, n in zip(flips, stored.shape, strict=True)]
        geometry = Geometry(stored.shape, affine @ turned)
        grid = plan_slices(geometry, slice_axis=order.index(2), spacing_mm=1.3, window=32)
        np.testing.assert_array_equal(to_windows(stored, grid), windows)
        np.testing.assert_array_equal(labels_to_windows(np.transpose(labels, order)[step], grid, 4), masks)
        restored = from_windows(windows_to_onehot(masks, 4), grid).labels
        np.testing.assert_array_equal(restored, np.transpose(back, order)[step])
        np.testing.assert_allclose(stack_geometry(grid).affine, stack_geometry(first).affine, atol=1e-9)


@pytest.mark.parametrize(
    ("plane_axis", "top_left_mm"),
    [(0, (None, 1, 1)), (1, (-1, None, 1)), (2, (-1, 1, None))],
    ids=["sagittal", "coronal", "axial"],
)
def test_the_view_has_head_or_front_on_top_and_the_right_side_or_the_front_on_the_left(plane_axis, top_left_mm):
    # RAS+ identity affine: +R is index up along axis 0, so the patient's right lies at high i.
    image = np.zeros((11, 11, 11), dtype=np.float32)
    corner = [5, 5, 5]
    for axis, side in enumerate(top_left_mm):
        if side is not None:
            corner[axis] = 10 if side > 0 else 0
    corner = [10 - c if a == 0 and a != plane_axis else c for a, c in enumerate(corner)]
    image[tuple(corner)] = 1
    grid = plan_slices(Geometry(image.shape, np.eye(4)), slice_axis=plane_axis, spacing_mm=1.0, window=11)
    n, _, row, column = np.unravel_index(to_windows(image, grid).argmax(), (11, 1, 11, 11))
    assert (n, row, column) == (5, 0, 0)
    assert grid.left_right_axis == (None if plane_axis == 0 else 1)


def test_identity_spacing_is_the_image_itself_centred_in_padding():
    rng = np.random.default_rng(1)
    image = rng.normal(size=(2, 10, 6)).astype(np.float32)
    affine = np.diag([-1.0, -1.0, -1.0, 1.0])  # sagittal slices, stored top down and front to back
    grid = plan_slices(Geometry(image.shape, affine), slice_axis=0, spacing_mm=1.0, window=12)
    windows = to_windows(image, grid)
    expected = np.full((2, 12, 12), image.min())
    expected[:, 3:9, 1:11] = image.transpose(0, 2, 1)
    np.testing.assert_allclose(windows[:, 0], expected, atol=1e-6)


def test_a_wide_exam_is_covered_evenly_with_a_quarter_overlap_and_nothing_is_cropped():
    shape, spacing = (300, 100, 5), (1.0, 0.8, 4.0)
    labels = np.ones(shape, dtype=np.uint8)
    labels[140:160, 40:60] = 2
    grid = plan_slices(Geometry(shape, _affine(spacing)), slice_axis=2, spacing_mm=1.0, window=128)
    starts = sorted({c for _, c in grid.offsets})
    assert (len(grid.offsets), starts, grid.size) == (3, [0, 86, 172], (128, 300))
    assert max(np.diff(starts)) <= 128 * 0.75
    assert grid.notices[0].code == "PS-W121"
    back = from_windows(iter_onehot(labels, grid, 3), grid).labels
    assert (back != labels).mean() < 0.002
    assert (back[[0, -1]] == 1).all()


def test_overlapping_windows_are_averaged_and_agreeing_ones_leave_no_seam():
    geometry = Geometry((3, 200, 40), np.eye(4))
    grid = plan_slices(geometry, slice_axis=0, spacing_mm=1.0, window=64)
    probabilities = np.random.default_rng(2).dirichlet((1, 1), size=grid.size).transpose(2, 0, 1).astype(np.float32)
    tiles = np.stack([probabilities[:, r : r + 64, c : c + 64] for r, c in grid.offsets])
    stack = from_windows([tiles] * 3, grid).stack
    np.testing.assert_allclose(stack[1], probabilities, atol=1e-3)


def test_windows_hold_every_pixel_at_its_place_to_1e_4_mm():
    shape, spacing = (60, 90, 6), (0.6, 0.45, 2.5)  # whole ratios: a ramp stays a ramp
    geometry = Geometry(shape, _affine(spacing, angles=(0.3, -0.5, 0.2)))
    grid = plan_slices(geometry, slice_axis=2, spacing_mm=1.8, window=32)
    ramp = geometry.to_mm(np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1))
    stack = stack_geometry(grid)
    n, r, c = 4, 13, 19
    seen = [to_windows(np.ascontiguousarray(ramp[..., axis]), grid)[n, 0, r, c] for axis in range(3)]
    np.testing.assert_allclose(stack.to_mm((n, r, c)), seen, atol=1e-4)
    # Centre of the stack and of the exam are one point.
    np.testing.assert_allclose(
        stack.to_mm((np.array(stack.shape) - 1) / 2), geometry.to_mm((np.array(shape) - 1) / 2), atol=1e-9
    )


def test_probability_of_a_box_equals_the_two_operators_on_the_whole_slice():
    geometry = Geometry((30, 26, 4), _affine((1.0, 0.8, 3.0), angles=(0.0, 0.0, np.pi)))
    grid = plan_slices(geometry, slice_axis=2, spacing_mm=1.5, window=24)
    tiles = np.random.default_rng(3).dirichlet((1, 1, 1), size=(4, 1, 24, 24)).transpose(0, 1, 4, 2, 3)
    restored = from_windows(tiles, grid)
    whole = restored.probability(1, (slice(None),) * 3)
    box = (slice(3, 9), slice(20, 26), slice(1, 3))
    np.testing.assert_allclose(restored.probability(1, box), whole[box], atol=1e-6)
    every = np.stack([restored.probability(label, (slice(None),) * 3) for label in range(3)])
    assert (every.argmax(axis=0) == restored.labels).mean() > 0.999
    rows, columns = (up(pair) for pair in grid.pairs)
    one = rows.weights.toarray() @ tiles[0, 0, 1] @ columns.weights.toarray().T
    assert np.abs(np.sort(one.ravel()) - np.sort(np.asarray(whole[..., 0], dtype=float).ravel())).max() < 2e-3


def test_padding_pixels_have_no_say_in_the_exam():
    geometry = Geometry((20, 20, 2), np.diag([0.5, 0.5, 2, 1]))
    grid = plan_slices(geometry, slice_axis=2, spacing_mm=1.0, window=32)
    tiles = np.zeros((1, 2, 32, 32), dtype=np.float32)
    tiles[:, 1] = 1
    tiles[:, :, 11:21, 11:21] = tiles[:, ::-1, 11:21, 11:21]
    assert not from_windows([tiles, tiles], grid).labels.any()


def test_wrong_shapes_and_counts_are_refused():
    grid = plan_slices(Geometry((8, 8, 3), np.eye(4)), slice_axis=2, spacing_mm=1.0, window=8)
    with pytest.raises(ValueError, match="need 3 slices, got 1"):
        from_windows(np.zeros((1, 1, 2, 8, 8)), grid)
    with pytest.raises(ValueError, match=r"need \(1, C, 8, 8\)"):
        from_windows(np.zeros((3, 2, 2, 8, 8)), grid)
    with pytest.raises(ValueError, match="array must be"):
        to_windows(np.zeros((8, 8, 4)), grid)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 5.0], ids=["confident", "mixed", "undecided"])
def test_working_in_boxes_gives_the_argmax_of_the_dense_product(alpha):
    geometry = Geometry((70, 61, 3), np.diag([0.5, 0.45, 2, 1]))
    grid = plan_slices(geometry, slice_axis=2, spacing_mm=1.1, window=40)
    rng = np.random.default_rng(4)
    tiles = rng.dirichlet((alpha,) * 6, size=(3, 1, 40, 40)).transpose(0, 1, 4, 2, 3).astype(np.float32)
    tiles[1, :, 1:, :20] = 0  # half a slice of background
    tiles[1, :, 0, :20] = 1
    got = from_windows(tiles, grid)
    rows, columns = (up(pair).weights.toarray().astype(np.float64) for pair in grid.pairs)
    dense = np.einsum("ir,ncrs,js->ncij", rows, tiles[:, 0], columns)
    top = np.sort(dense, axis=1)
    clear = top[:, -1] - top[:, -2] > 1e-5
    seen = np.transpose(got.labels, (2, 1, 0))[:, ::-1, ::-1]  # axial, RAS storage: rows run to P, columns to L
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(seen[clear], dense.argmax(axis=1)[clear])


def test_going_back_needs_memory_for_the_result_and_a_slice_only():
    grid = plan_slices(Geometry((512, 512, 16), np.diag([0.3, 0.3, 1, 1])), slice_axis=2, spacing_mm=0.6)
    tiles = np.random.default_rng(6).dirichlet((1,) * 5, size=(1, 256, 256)).transpose(0, 3, 1, 2).astype(np.float32)
    tracemalloc.start()
    restored = from_windows((tiles for _ in range(16)), grid)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - restored.labels.nbytes - restored.stack.nbytes < 16 * 2**20
    assert restored.labels.nbytes + restored.stack.nbytes == 16 * (512 * 512 + 5 * 256 * 256 * 2)
