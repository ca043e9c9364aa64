"""Geometry as a value: a grid of voxels in RAS+ millimetres.

`affine` (4, 4) float64 maps a voxel-centre index (i, j, k) to millimetres; spacing, directions and
origin are read from it, so they cannot disagree with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]
PLANES = ("sagittal", "coronal", "axial")
"""Plane of a slice whose normal runs along patient axis 0 (R), 1 (A), 2 (S)."""

TIE = 1e-3
"""Cosines and ratios closer than this are equal: in single precision an exam is seen as in the decimals of DICOM."""

LPS_TO_RAS: Matrix = np.diag([-1.0, -1.0, 1.0, 1.0])
LPS_TO_RAS.setflags(write=False)


@dataclass(frozen=True, eq=False)
class Geometry:
    """The grid of a volume.

    Args:
        shape: voxels along (I, J, K).
        affine: (4, 4), voxel-centre index to RAS+ mm. May hold shear; must be invertible.
    """

    shape: tuple[int, int, int]
    affine: Matrix

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise ValueError(f"affine must be a finite invertible 4x4 matrix, got {affine.tolist()}")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"shape must be three positive sizes, got {self.shape}")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along (I, J, K)."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def direction(self) -> Matrix:
        """(3, 3): columns are the unit directions of I, J, K in RAS."""
        unit: Matrix = self.affine[:3, :3] / np.asarray(self.spacing_mm)
        return unit

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def to_mm(self, index: ArrayLike) -> Matrix:
        """(..., 3) indices -> (..., 3) RAS mm."""
        points = np.asarray(index, dtype=np.float64)
        return points @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, points_mm: ArrayLike) -> Matrix:
        """(..., 3) RAS mm -> (..., 3) fractional indices."""
        offset = np.asarray(points_mm, dtype=np.float64) - self.affine[:3, 3]
        return offset @ np.linalg.inv(self.affine[:3, :3]).T

    def corners_mm(self) -> Matrix:
        """(8, 3): centres of the corner voxels."""
        ends = product(*((0, n - 1) for n in self.shape))
        return self.to_mm(list(ends))

    def corner_distance_mm(self, other: Geometry) -> float:
        """Largest distance between like corners of two grids; infinite where shapes differ."""
        if self.shape != other.shape:
            return float("inf")
        return float(np.linalg.norm(self.corners_mm() - other.corners_mm(), axis=1).max())

    def plane_of(self, axis: int) -> str:
        """Anatomical plane of the slices across array axis 0, 1 or 2: the nearest of `PLANES`, the first of equals."""
        normal = np.linalg.inv(self.affine[:3, :3])[axis]
        along = np.abs(normal / np.linalg.norm(normal))
        return PLANES[int(np.argmax(along >= along.max() - TIE))]

    def axis_of(self, plane: str) -> int:
        """Array axis whose slices lie nearest to an anatomical plane, where every plane has an axis of its own."""
        normals = np.linalg.inv(self.affine[:3, :3])
        along = np.abs(normals / np.linalg.norm(normals, axis=1, keepdims=True))
        orders = list(permutations(range(3)))
        sums = np.array([along[chosen, range(3)].sum() for chosen in orders])
        axes = orders[int(np.argmax(sums >= sums.max() - TIE))]
        return axes[PLANES.index(plane)]
