"""A volume: grey values or labels on a grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.errors import Notice
from pedseg.volumes.geometry import Geometry, Matrix


@dataclass(frozen=True, eq=False)
class Volume:
    """An exam's image or its labels.

    Args:
        array: (I, J, K).
        affine: (4, 4) float64, voxel-centre index to RAS+ mm.
        slice_axis: array axis along which the slices were acquired; None where nothing tells.
        notices: warnings met on the way in.
        facts: plain values about the source for reports (vendor, field strength, ...); no identity.
    """

    array: NDArray[Any]
    affine: Matrix
    slice_axis: int | None = None
    notices: tuple[Notice, ...] = ()
    facts: dict[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", Geometry(self.array.shape, self.affine).affine)

    @property
    def geometry(self) -> Geometry:
        """The grid without the values."""
        return Geometry(self.array.shape, self.affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (I, J, K)."""
        return self.geometry.shape

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along (I, J, K)."""
        return self.geometry.spacing_mm

    def with_array(self, array: NDArray[Any]) -> Volume:
        """The same grid with other values; facts and notices stay."""
        if array.shape != self.array.shape:
            raise ValueError(f"array must be {self.array.shape}, got {array.shape}")
        return replace(self, array=np.asarray(array))
