"""A volume: values on a grid, with what was noticed on the way."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pedseg.errors import Notice
from pedseg.volumes import Volume

AFFINE = np.diag([0.5, 0.75, 3.0, 1.0])
VOLUME = Volume(
    np.arange(24, dtype=np.int16).reshape(2, 3, 4), AFFINE, 2, (Notice("PS-W33", "derived"),), {"vendor": "none"}
)


def test_the_grid_goes_with_the_values() -> None:
    assert VOLUME.shape == VOLUME.geometry.shape == (2, 3, 4)
    assert VOLUME.spacing_mm == (0.5, 0.75, 3.0)
    np.testing.assert_array_equal(VOLUME.geometry.affine, AFFINE)


def test_other_values_on_the_same_grid_keep_all_else() -> None:
    labels = VOLUME.with_array(np.ones((2, 3, 4), np.uint8))
    assert labels.array.dtype == np.uint8
    assert (labels.slice_axis, labels.notices, labels.facts) == (2, VOLUME.notices, VOLUME.facts)
    assert labels.geometry.corner_distance_mm(VOLUME.geometry) == 0
    assert VOLUME.array[1, 2, 3] == 23


def test_values_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 4\), got \(3, 2, 4\)"):
        VOLUME.with_array(np.zeros((3, 2, 4)))


def test_the_affine_is_its_own() -> None:
    given = AFFINE.copy()
    volume = Volume(np.zeros((2, 2, 2)), given)
    given[0, 3] = 7
    assert volume.affine[0, 3] == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        volume.slice_axis = 1  # type: ignore[misc]


@pytest.mark.parametrize("shape", [(4,), (4, 4), (2, 2, 2, 2), (0, 2, 2)])
def test_an_array_that_is_no_volume_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="three positive sizes"):
        Volume(np.zeros(shape), np.eye(4))
