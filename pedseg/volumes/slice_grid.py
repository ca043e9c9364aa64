"""Where windows lie on a volume's slices: view, pixel spacing, padding, overlap."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np

from pedseg.errors import Notice
from pedseg.volumes.geometry import TIE, Geometry, Matrix
from pedseg.volumes.resample import AxisPair
from pedseg.volumes.volume import Volume

MIN_OVERLAP = 0.25
ANISOTROPIC = 1.3
"""Slices are where spacing is this much coarser than along either other axis."""

_VIEWS: dict[str, Matrix] = {
    "sagittal": np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]]),
    "coronal": np.array([[0.0, -1, 0], [0, 0, -1], [-1, 0, 0]]),
    "axial": np.array([[0.0, 0, 1], [0, -1, 0], [-1, 0, 0]]),
}
"""RAS directions in which (slices, rows, columns) go up: head or front on top, patient's right on the left."""


@dataclass(frozen=True, eq=False)
class SliceGrid:
    """How a volume becomes windows; made by `plan_slices`.

    Args:
        geometry: the volume's own grid.
        axes: array axes that run along (slices, rows, columns).
        flips: whether each of them runs against the view.
        spacing_mm: of the target pixels, rows and columns alike.
        window: pixels along both sides of a window, W.
        size: target pixels along (rows, columns), padding included; at least W.
        offsets: first (row, column) of each of the T windows.
    """

    geometry: Geometry
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    spacing_mm: float
    window: int
    size: tuple[int, int]
    offsets: tuple[tuple[int, int], ...]

    @property
    def n_slices(self) -> int:
        """N."""
        return self.geometry.shape[self.axes[0]]

    @property
    def plane(self) -> str:
        """Anatomical plane of the slices."""
        return self.geometry.plane_of(self.axes[0])

    def finer(self, factor: int) -> SliceGrid:
        """The same windows with every pixel divided along both sides."""
        return replace(
            self,
            spacing_mm=self.spacing_mm / factor,
            window=self.window * factor,
            size=(self.size[0] * factor, self.size[1] * factor),
            offsets=tuple((row * factor, column * factor) for row, column in self.offsets),
        )

    @property
    def left_right_axis(self) -> Literal[0, 1] | None:
        """Image axis along the patient's left-right: 0 rows, 1 columns, None when the slices are sagittal."""
        return left_right_axis_of(self.plane)

    @property
    def pairs(self) -> tuple[AxisPair, AxisPair]:
        """Source and target axes of rows and of columns."""
        shape, spacing = self.geometry.shape, self.geometry.spacing_mm
        rows, columns = (
            AxisPair(shape[axis], spacing[axis], size, self.spacing_mm)
            for axis, size in zip(self.axes[1:], self.size, strict=True)
        )
        return rows, columns

    @property
    def turns(self) -> tuple[tuple[int, bool], ...]:
        """Size and flip along (slices, rows, columns)."""
        return tuple((self.geometry.shape[axis], flip) for axis, flip in zip(self.axes, self.flips, strict=True))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """PS-W121 where one window does not cover a slice."""
        if len(self.offsets) == 1:
            return ()
        wide = " x ".join(f"{size * self.spacing_mm:.0f}" for size in self.size)
        reach = self.window * self.spacing_mm
        return (
            Notice("PS-W121", f"the exam is {wide} mm, a window {reach:.0f} mm: {len(self.offsets)} windows a slice"),
        )

    @classmethod
    def of_plain(cls, values: Mapping[str, Any]) -> SliceGrid:
        """What `as_plain` gave, as a grid again."""
        shape, axes, flips = (tuple(values[key]) for key in ("shape", "axes", "flips"))
        offsets = tuple((int(row), int(column)) for row, column in values["offsets"])
        geometry = Geometry(shape, np.asarray(values["affine"], dtype=np.float64))
        size = (int(values["size"][0]), int(values["size"][1]))
        return cls(geometry, axes, flips, float(values["spacing_mm"]), int(values["window"]), size, offsets)

    def as_plain(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {
            "shape": list(self.geometry.shape),
            "affine": self.geometry.affine.tolist(),
            "axes": list(self.axes),
            "flips": list(self.flips),
            "spacing_mm": self.spacing_mm,
            "window": self.window,
            "size": list(self.size),
            "offsets": [list(offset) for offset in self.offsets],
        }


def left_right_axis_of(plane: str) -> Literal[0, 1] | None:
    """Image axis along the patient's left-right in slices of a plane: 0 rows, 1 columns, None for sagittal ones."""
    rows, columns = np.abs(_VIEWS[plane][1:, 0])
    return 0 if rows else 1 if columns else None


def choose_slice_axis(volume: Volume, plane: str) -> tuple[int, Notice | None]:
    """Array axis to slice along: that of the acquisition, else that of the domain's plane.

    Args:
        volume: its `slice_axis` decides; without one, a clearly coarsest spacing does.
        plane: the domain's plane.

    Returns:
        The axis, and PS-W120 when its plane is not the domain's.
    """
    axis = volume.slice_axis
    if axis is None:
        spacing = volume.spacing_mm
        coarsest = int(np.argmax(spacing))
        others = max(s for a, s in enumerate(spacing) if a != coarsest)
        axis = coarsest if spacing[coarsest] > (ANISOTROPIC + TIE) * others else volume.geometry.axis_of(plane)
    own = volume.geometry.plane_of(axis)
    if own == plane:
        return axis, None
    return axis, Notice("PS-W120", f"acquired {own}, the domain is planned {plane}: sliced {own}, as acquired")


def plan_slices(geometry: Geometry, *, slice_axis: int, spacing_mm: float, window: int = 256) -> SliceGrid:
    """Lay windows over the slices of a volume.

    Args:
        geometry: the volume's grid.
        slice_axis: array axis 0, 1 or 2 that counts the slices.
        spacing_mm: of the target pixels.
        window: pixels along a window's side.
    """
    if not spacing_mm > 0 or window < 1 or slice_axis not in (0, 1, 2):
        raise ValueError(f"need spacing_mm > 0, window > 0, slice_axis 0..2; got {spacing_mm}, {window}, {slice_axis}")
    axes, flips = _turn(geometry, slice_axis)
    size = tuple(_target_size(geometry.shape[a] * geometry.spacing_mm[a] / spacing_mm, window) for a in axes[1:])
    offsets = product(_offsets(size[0], window), _offsets(size[1], window))
    return SliceGrid(geometry, axes, flips, float(spacing_mm), window, (size[0], size[1]), tuple(offsets))


def _turn(geometry: Geometry, slice_axis: int) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Which array axes run along (slices, rows, columns) of the view, and which of them run against it."""
    view = _VIEWS[geometry.plane_of(slice_axis)]
    along = view @ geometry.direction  # (view axis, array axis)
    b, c = (axis for axis in range(3) if axis != slice_axis)
    straight = abs(along[1, b]) + abs(along[2, c])
    crossed = abs(along[1, c]) + abs(along[2, b])
    axes = (slice_axis, b, c) if straight >= crossed - TIE else (slice_axis, c, b)
    slices, rows, columns = (bool(along[i, axis] < 0) for i, axis in enumerate(axes))
    return axes, (slices, rows, columns)


def _target_size(extent: float, window: int) -> int:
    """Target pixels over an extent in pixels: up to half a pixel over either end needs no second window."""
    return window if extent <= window + 1 + TIE else math.ceil(extent - TIE)


def _offsets(size: int, window: int) -> list[int]:
    """First pixels of windows that cover `size` evenly and overlap by a quarter or more."""
    if size <= window:
        return [0]
    stride = max(1, math.floor(window * (1 - MIN_OVERLAP)))
    count = math.ceil((size - window) / stride) + 1
    return [round(i * (size - window) / (count - 1)) for i in range(count)]
