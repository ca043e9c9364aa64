"""Where windows lie on a volume's slices; what they do to its values is in test_slices.py."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from stacks import stack_geometry

from pedseg.volumes.geometry import PLANES, Geometry
from pedseg.volumes.slice_grid import MIN_OVERLAP, SliceGrid, choose_slice_axis, left_right_axis_of, plan_slices
from pedseg.volumes.volume import Volume


def planned(shape: tuple[int, int, int], *, window: int = 64, spacing_mm: float = 1.0) -> SliceGrid:
    """Axial slices of a volume of 1 mm voxels."""
    return plan_slices(Geometry(shape, np.eye(4)), slice_axis=2, spacing_mm=spacing_mm, window=window)


@settings(max_examples=60)
@given(st.integers(1, 90), st.integers(1, 400))
def test_windows_cover_a_slice_evenly_and_overlap_by_a_quarter(window: int, extent: int) -> None:
    grid = planned((1, extent, 1), window=window)
    starts = [row for row, _ in grid.offsets]
    steps = np.diff(starts)
    assert starts[0] == 0
    assert starts[-1] + window == grid.size[0]
    assert grid.size == (max(window, extent) if extent > window + 1 else window, window)
    assert not steps.size or (steps.min() > 0 and np.ptp(steps) <= 1)
    assert steps.max(initial=0) <= max(1, window * (1 - MIN_OVERLAP))


@pytest.mark.parametrize(("extent", "size"), [(1, 64), (64, 64), (65, 64), (65.0005, 64), (65.01, 66), (66, 66)])
def test_half_a_pixel_over_either_end_needs_no_second_window(extent: float, size: int) -> None:
    grid = planned((1, 65, 1), spacing_mm=65 / extent)
    assert grid.size[0] == size
    assert len(grid.offsets) == len(grid.notices) + 1 == (1 if size == 64 else 2)


def test_several_windows_a_slice_are_told_in_mm() -> None:
    grid = planned((30, 100, 5), window=64, spacing_mm=0.5)
    assert [str(n) for n in grid.notices] == ["PS-W121: the exam is 100 x 32 mm, a window 32 mm: 4 windows a slice"]


@pytest.mark.parametrize(
    ("axis", "axes", "flips", "plane", "left_right"),
    [(0, (0, 2, 1), (True, True, True), "sagittal", None), (1, (1, 2, 0), (True, True, True), "coronal", 1),
     (2, (2, 1, 0), (False, True, True), "axial", 1)],
)  # fmt: skip
def test_the_view_of_each_plane(
    axis: int, axes: tuple[int, ...], flips: tuple[bool, ...], plane: str, left_right: int | None
) -> None:
    """Of a volume whose axes run right, front, up: rows go down or to the back, columns to the front or the left."""
    grid = plan_slices(Geometry((7, 8, 9), np.eye(4)), slice_axis=axis, spacing_mm=1.0)
    assert (grid.axes, grid.flips, grid.plane, grid.left_right_axis) == (axes, flips, plane, left_right)
    assert (grid.n_slices, [size for size, _ in grid.turns]) == ((7, 8, 9)[axis], [(7, 8, 9)[a] for a in axes])
    assert [left_right_axis_of(p) for p in PLANES] == [None, 1, 1]


def test_the_target_stack_is_centred_on_the_slices() -> None:
    """Padding left and right differs by a pixel at most; pixels lie on voxels where both are 1 mm."""
    stack = stack_geometry(planned((10, 20, 3), window=32))
    assert (stack.shape, stack.spacing_mm) == ((3, 32, 32), (1.0, 1.0, 1.0))
    np.testing.assert_allclose(stack.to_mm([1, 15.5, 15.5]), [4.5, 9.5, 1])
    np.testing.assert_allclose(stack.to_mm([0, 6, 11]), [9, 19, 0])


def test_finer_windows_lie_where_they_lay() -> None:
    grid = planned((150, 190, 2))
    fine = grid.finer(2)
    assert fine.offsets == tuple((2 * row, 2 * column) for row, column in grid.offsets)
    assert (fine.window, fine.size, fine.spacing_mm) == (128, (380, 300), 0.5)
    coarse, halves = stack_geometry(grid), stack_geometry(fine)
    np.testing.assert_allclose(halves.to_mm([1, 20.5, 40.5]), coarse.to_mm([1, 10, 20]))


def test_a_grid_comes_back_from_its_plain_values() -> None:
    affine = np.array([[0.9, 0.3, 0, 1], [-0.3, 0.9, 0.1, 2], [0, 0.1, 4, 3], [0, 0, 0, 1]])
    grid = plan_slices(Geometry((40, 30, 6), affine), slice_axis=2, spacing_mm=1.1, window=16)
    again = SliceGrid.of_plain(json.loads(json.dumps(grid.as_plain())))
    assert again.as_plain() == grid.as_plain()
    assert (again.axes, again.flips, again.size, again.offsets) == (grid.axes, grid.flips, grid.size, grid.offsets)
    assert len(again.offsets) > 1
    np.testing.assert_array_equal(again.geometry.affine, grid.geometry.affine)


@pytest.mark.parametrize("wrong", [{"spacing_mm": 0.0}, {"spacing_mm": np.nan}, {"window": 0}, {"slice_axis": 3}])
def test_what_makes_no_windows_is_refused(wrong: dict[str, float]) -> None:
    wanted = {"slice_axis": 2, "spacing_mm": 1.0, "window": 64} | wrong
    with pytest.raises(ValueError, match=r"need spacing_mm > 0, window > 0, slice_axis 0\.\.2; got"):
        plan_slices(Geometry((4, 5, 6), np.eye(4)), **wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spacing", "slice_axis", "axis", "code"),
    [
        ((0.5, 0.5, 0.5), None, 2, None),
        ((0.5, 0.5, 0.5), 1, 1, "PS-W120"),
        ((0.4, 1.2, 0.4), None, 1, "PS-W120"),
        ((0.4, 0.4, 1.2), 2, 2, None),
        ((1.3, 1.0, 1.0), None, 2, None),
        ((1.32, 1.0, 1.0), None, 0, "PS-W120"),
    ],
)
def test_an_exam_is_sliced_as_acquired_else_in_the_domains_plane(
    spacing: tuple[float, ...], slice_axis: int | None, axis: int, code: str | None
) -> None:
    volume = Volume(np.zeros((4, 5, 6)), np.diag([*spacing, 1]), slice_axis=slice_axis)
    chosen, notice = choose_slice_axis(volume, "axial")
    assert (chosen, notice.code if notice else None) == (axis, code)


def half_way(first: ArrayLike, second: ArrayLike, *, shift: float) -> NDArray[np.float64]:
    """Slices whose directions lie at exactly 45 degrees to the body's, then off by a rounding of `shift`."""
    turn = np.column_stack([first, second, np.cross(first, second)]) / np.linalg.norm(first)
    affine = np.eye(4)
    affine[:3, :3] = (turn + shift * np.array([[1, -1, 1], [-1, 1, -1], [1, 1, -1]])) * (0.5, 0.5, 0.65)
    return affine


@pytest.mark.parametrize(
    ("first", "second"),
    [((1, 1, 0), (0, 0, -(2**0.5))), ((1, 1, 0), (-1, 1, 0)), ((0, 1, 1), (0, 1, -1)), ((1, 0, 1), (1, 0, -1))],
    ids=["oblique coronal", "axial", "sagittal", "coronal"],
)
def test_rounding_does_not_turn_the_view(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    """A file in single precision is sliced as its DICOM is: at 45 degrees, a ratio of 1.3, a whole pixel."""
    grids = []
    for shift in (0.0, 1e-7, -1e-7, 1e-6, -1e-6):
        volume = Volume(np.zeros((640, 512, 4), np.uint8), half_way(first, second, shift=shift))
        axis, _ = choose_slice_axis(volume, "axial")
        grid = plan_slices(volume.geometry, slice_axis=axis, spacing_mm=0.5, window=64)
        seen = (grid.axes, grid.flips, grid.size, grid.offsets, grid.plane)
        grids.append((axis, *seen, volume.geometry.axis_of("coronal")))
    assert len(set(grids)) == 1
