"""Slices turned for the eye: radiological convention, true proportion, and which slice to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.volumes import Geometry

EDGES = {"sagittal": "APSI", "coronal": "RLSI", "axial": "RLAP"}
"""Letters at the left, right, top and bottom of a picture: towards which side of the patient it goes there."""
Colour = tuple[int, int, int]
REFERENCE: Colour = (255, 0, 0)
"""Outline of the reference."""

_DIRECTIONS = {
    "sagittal": np.array([[0.0, 0, -1], [0, -1, 0]]),
    "coronal": np.array([[0.0, 0, -1], [-1, 0, 0]]),
    "axial": np.array([[0.0, -1, 0], [-1, 0, 0]]),
}
"""RAS directions in which picture rows (down) and columns (right) go up: radiological convention."""


class View:
    """How the slices of a grid in one plane become pictures.

    Args:
        geometry: the grid.
        plane: of `volumes.geometry.PLANES`; the array axis nearest to it is cut across.
    """

    def __init__(self, geometry: Geometry, plane: str) -> None:
        self.plane = plane
        self.axis = geometry.axis_of(plane)
        rest = [a for a in range(3) if a != self.axis]
        along = _DIRECTIONS[plane] @ geometry.direction[:, rest]
        self._swap = bool(abs(along[0, 0]) + abs(along[1, 1]) < abs(along[0, 1]) + abs(along[1, 0]))
        along = along[:, ::-1] if self._swap else along
        rest = rest[::-1] if self._swap else rest
        self._steps = tuple(-1 if along[i, i] < 0 else 1 for i in range(2))
        self.slices = geometry.shape[self.axis]
        self.size_mm = (
            geometry.shape[rest[0]] * geometry.spacing_mm[rest[0]],
            geometry.shape[rest[1]] * geometry.spacing_mm[rest[1]],
        )
        """Height and width."""

    def take(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """Slice `index` of (I, J, K): rows down, columns right."""
        picture: NDArray[Any] = array.take(index, axis=self.axis)
        picture = picture.T if self._swap else picture
        return picture[:: self._steps[0], :: self._steps[1]]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Millimetres for imshow, so that proportions are true."""
        return 0.0, self.size_mm[1], self.size_mm[0], 0.0


def grey_limits(array: NDArray[Any]) -> tuple[float, float]:
    """Grey values shown as black and as white: percentiles 1 and 99.5 of every 32nd voxel."""
    low, high = np.percentile(array[::4, ::4, ::2], (1, 99.5))
    return float(low), float(high)


def middle_slice(labels: NDArray[Any], axis: int) -> int:
    """The slice with most structures, then most of them covered; the middle one of an empty volume."""
    rest = tuple(a for a in range(3) if a != axis)
    counts = np.stack([(labels == v).sum(axis=rest) for v in np.unique(labels) if v] or [np.zeros(labels.shape[axis])])
    if not counts.any():
        return int(labels.shape[axis] // 2)
    score = np.sqrt(counts / np.maximum(1, counts.max(axis=1, keepdims=True))).sum(axis=0)
    return int(score.argmax())


def worst_slice(prediction: NDArray[Any], reference: NDArray[Any] | None, axis: int) -> int:
    """The slice with most voxels of another label than the reference's; where they agree, the middle one."""
    if reference is None:
        return middle_slice(prediction, axis)
    apart = (prediction != reference).sum(axis=tuple(a for a in range(3) if a != axis))
    return int(apart.argmax()) if apart.any() else middle_slice(reference, axis)
