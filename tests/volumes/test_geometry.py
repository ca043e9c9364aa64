"""A grid of voxels in RAS millimetres, against values worked out by hand."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from pedseg.volumes.geometry import LPS_TO_RAS, PLANES, Geometry

# Columns: I runs right 2 mm a voxel, J up 0.5 mm, K forwards 3 mm; voxel (0, 0, 0) lies at (10, 20, 30).
AFFINE = np.array([[2.0, 0, 0, 10], [0, 0, 3, 20], [0, 0.5, 0, 30], [0, 0, 0, 1]])
GRID = Geometry((4, 6, 5), AFFINE)


def oblique(degrees: float, axis: int) -> np.ndarray:
    """A turn about a patient axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = [a for a in range(3) if a != axis]
    turn = np.eye(4)
    turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
    return turn


def test_what_is_read_off_the_affine() -> None:
    assert GRID.spacing_mm == (2.0, 0.5, 3.0)
    assert GRID.voxel_mm3 == pytest.approx(3.0)
    np.testing.assert_array_equal(GRID.direction, [[1, 0, 0], [0, 0, 1], [0, 1, 0]])


def test_indices_and_millimetres() -> None:
    np.testing.assert_array_equal(GRID.to_mm([1, 2, 3]), [12, 29, 31])
    np.testing.assert_array_equal(GRID.to_mm([[0, 0, 0], [3, 5, 4]]), [[10, 20, 30], [16, 32, 32.5]])
    np.testing.assert_allclose(GRID.to_index([12, 29, 31]), [1, 2, 3])


def test_oblique_sheared_indices_come_back() -> None:
    affine = oblique(23, 0) @ oblique(-11, 2) @ AFFINE
    affine[0, 2] += 0.4  # shear
    grid = Geometry((30, 20, 10), affine)
    index = np.random.default_rng(0).uniform(0, 30, (50, 3))
    np.testing.assert_allclose(grid.to_index(grid.to_mm(index)), index, atol=1e-10)


def test_corners_are_voxel_centres() -> None:
    corners = GRID.corners_mm()
    assert corners.shape == (8, 3)
    np.testing.assert_array_equal(corners[0], [10, 20, 30])
    np.testing.assert_array_equal(corners[-1], GRID.to_mm([3, 5, 4]))


def test_distance_between_grids_is_the_worst_corner() -> None:
    moved = AFFINE.copy()
    moved[:3, 3] += (3, 0, 4)
    assert GRID.corner_distance_mm(Geometry(GRID.shape, moved)) == pytest.approx(5)
    wider = AFFINE @ np.diag([1.1, 1, 1, 1])  # 0.2 mm more a voxel: 0.6 mm at the fourth
    assert GRID.corner_distance_mm(Geometry(GRID.shape, wider)) == pytest.approx(0.6)
    assert GRID.corner_distance_mm(Geometry((4, 6, 6), AFFINE)) == np.inf


def test_planes_by_hand() -> None:
    assert [GRID.plane_of(axis) for axis in range(3)] == ["sagittal", "axial", "coronal"]
    assert [GRID.axis_of(plane) for plane in PLANES] == [0, 2, 1]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_planes_follow_the_affine_in_every_storage_order(order: tuple[int, ...]) -> None:
    """Array axis `a` runs along patient axis `order[a]`, turned by up to 20 degrees, in both directions."""
    for signs in product((-1, 1), repeat=3):
        affine = np.zeros((4, 4))
        affine[3, 3] = 1
        for axis, (towards, sign) in enumerate(zip(order, signs, strict=True)):
            affine[towards, axis] = sign * (0.3 + axis)
        grid = Geometry((8, 8, 8), oblique(20, 0) @ oblique(-15, 1) @ affine)
        assert [grid.plane_of(axis) for axis in range(3)] == [PLANES[towards] for towards in order]
        assert [grid.axis_of(PLANES[towards]) for towards in order] == [0, 1, 2]


def test_it_cannot_be_changed_from_outside() -> None:
    given = AFFINE.copy()
    grid = Geometry((4, 6, 5), given)
    given[0, 3] = 99
    assert grid.affine[0, 3] == 10
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 3] = 99


@pytest.mark.parametrize(
    "affine", [np.eye(3), np.zeros((4, 4)), np.full((4, 4), np.nan), np.diag([1.0, 1, 0, 1])], ids=str
)
def test_an_affine_that_is_none_is_refused(affine: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite invertible 4x4"):
        Geometry((2, 2, 2), affine)


@pytest.mark.parametrize("shape", [(2, 2), (2, 0, 2), (1, 2, 3, 4)])
def test_a_shape_that_is_none_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="three positive sizes"):
        Geometry(shape, np.eye(4))  # type: ignore[arg-type]


def test_lps_and_ras_differ_in_the_first_two_axes() -> None:
    np.testing.assert_array_equal(LPS_TO_RAS @ [1, 2, 3, 1], [-1, -2, 3, 1])
    np.testing.assert_array_equal(LPS_TO_RAS @ LPS_TO_RAS, np.eye(4))


def test_three_planes_show_three_axes_however_the_grid_lies() -> None:
    """Where each plane takes its nearest axis for itself, one grid in seven shows one axis twice."""
    turns = np.linalg.qr(np.random.default_rng(0).normal(size=(300, 3, 3)))[0]
    affines = [np.block([[turn, np.zeros((3, 1))], [np.zeros(3), 1]]) for turn in turns]
    grids = [Geometry((4, 6, 5), affine) for affine in affines]
    assert all(sorted(grid.axis_of(plane) for plane in PLANES) == [0, 1, 2] for grid in grids)
