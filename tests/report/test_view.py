"""Slices turned for the eye; tests/report/test_figures.py shows them the right way round."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.report.view import EDGES, View, grey_limits, middle_slice, worst_slice
from pedseg.volumes import Geometry

SHAPE = (4, 5, 6)
RAS_SIDES = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


@pytest.mark.parametrize("plane", ["sagittal", "coronal", "axial"])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1)])
def test_letters_stand_where_the_patients_sides_are(plane: str, flips: tuple[int, int, int]) -> None:
    geometry = Geometry(SHAPE, np.diag([*flips, 1]))
    view = View(geometry, plane)
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    millimetres = geometry.to_mm(index)
    left, right, top, bottom = EDGES[plane]
    for letter, rows, columns in (
        (left, slice(None), 0), (right, slice(None), -1), (top, 0, slice(None)), (bottom, -1, slice(None))
    ):  # fmt: skip
        axis, sign = RAS_SIDES[letter]
        picture = sign * view.take(millimetres[..., axis], 2)
        assert (picture[rows, columns] == picture.max()).all()


def test_a_picture_is_as_large_as_its_slice() -> None:
    view = View(Geometry((10, 20, 30), np.diag([1.0, 0.5, 2.0, 1.0])), "sagittal")
    assert (view.axis, view.slices) == (0, 10)
    assert view.size_mm == (60.0, 10.0)
    assert view.extent == (0.0, 10.0, 60.0, 0.0)
    assert view.take(np.zeros((10, 20, 30)), 3).shape == (30, 20)


def test_the_worst_slice_has_most_voxels_apart() -> None:
    reference = np.zeros((6, 6, 6), np.uint8)
    reference[1:5, 1:5, 1:5] = 1
    prediction = reference.copy()
    prediction[1, 1, 2] = 0
    prediction[1:3, 1, 4] = 2  # the wrong bone is as bad as none
    assert worst_slice(prediction, reference, 2) == 4
    assert worst_slice(prediction, reference, 0) == 1
    assert worst_slice(reference, reference, 2) == middle_slice(reference, 2) == 1
    assert worst_slice(reference, None, 2) == 1


def test_the_middle_slice_shows_every_bone_and_an_empty_volume_its_middle() -> None:
    labels = np.zeros((2, 4, 9), np.uint8)
    labels[0, :, 0:5] = 1
    labels[1, 0, 3:8] = 2
    labels[1, :2, 4] = 2
    assert middle_slice(labels, 2) == 4
    assert middle_slice(np.zeros((2, 4, 9)), 2) == 4


def test_grey_limits_leave_out_the_extremes() -> None:
    array = np.full((64, 64, 64), 50.0)
    array[:32] = 10
    array[0, 0, 0] = 1e6
    assert grey_limits(array) == (10.0, 50.0)
