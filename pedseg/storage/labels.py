"""Labels of a user's file -> labels of the domain, on the image's grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.errors import GeometryError, InputError
from pedseg.volumes import Geometry

GRID_TOLERANCE_MM = 0.1
GRID_TOLERANCE_VOXELS = 0.25
ROUNDING = 1e-3
PART = 1 << 20


def remap_labels(array: NDArray[Any], domain: Domain, where: str) -> NDArray[np.uint8]:
    """Values of a user's label file -> labels 0..n.

    Raises:
        InputError: PS-A71, PS-A72, PS-A73.
    """
    values, counts = _counts(array, where)
    lookup = {source: label for label, sources in domain.source_values.items() for source in sources}
    foreign = [f"{v} ({n} voxels)" for v, n in zip(values, counts, strict=True) if v != 0 and v not in lookup]
    if foreign:
        wanted = ", ".join(str(v) for v in sorted(lookup))
        raise InputError(
            "PS-A71",
            f"{where}: labels {', '.join(foreign[:8])} are not of {domain.name} ({wanted}): "
            "correct the mask, or name them in source_value of a domain.yaml",
        )
    result = _looked_up(array, lookup)
    if not result.any():
        raise InputError("PS-A73", f"{where}: no voxel is labelled: annotate the exam or leave it out")
    return result


def onto_grid(array: NDArray[np.uint8], own: Geometry, wanted: Geometry, where: str) -> NDArray[np.uint8]:
    """Labels in the image's storage order, where both grids hold the same voxels.

    Args:
        array: (I, J, K) labels on the grid `own`.
        own: grid of the label file.
        wanted: grid of the image.
        where: the exam's name, for the message.

    Raises:
        GeometryError: PS-A69 no order of axes brings the corners together.
    """
    axes, flips = _storage_order(own, wanted)
    detail = "the axes point elsewhere"
    if sorted(axes) == [0, 1, 2]:
        distance = _reordered(own, axes, flips).corner_distance_mm(wanted)
        if distance <= min(GRID_TOLERANCE_MM, GRID_TOLERANCE_VOXELS * min(wanted.spacing_mm)):
            if axes == [0, 1, 2] and not any(flips):
                return array
            turned = array.transpose(axes)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
            return np.ascontiguousarray(turned)
        detail = f"corners {distance:.2f} mm apart" if np.isfinite(distance) else f"{own.shape} against {wanted.shape}"
    raise GeometryError("PS-A69", f"{where}: labels are not on the image's grid ({detail}): resample them onto it")


def _counts(array: NDArray[Any], where: str) -> tuple[list[int], list[int]]:
    if _small_integers(array):
        # In parts: bincount makes an 8-byte copy of what it counts.
        flat = array.ravel(order="K")
        totals = np.zeros(int(array.max()) + 1, np.int64)
        for start in range(0, len(flat), PART):
            totals += np.bincount(flat[start : start + PART], minlength=len(totals))
        found = np.flatnonzero(totals)
        return found.tolist(), totals[found].tolist()
    values, counts = np.unique(array, return_counts=True)
    if not np.isfinite(values).all() or np.abs(values - np.rint(values)).max() > ROUNDING:
        raise InputError("PS-A72", f"{where}: labels are not whole numbers (an interpolated mask?): export it again")
    return np.rint(values).astype(int).tolist(), counts.tolist()


def _looked_up(array: NDArray[Any], lookup: dict[int, int]) -> NDArray[np.uint8]:
    if _small_integers(array):
        table = np.zeros(int(array.max()) + 1, np.uint8)
        for source, label in lookup.items():
            if 0 <= source < len(table):
                table[source] = label
        looked_up: NDArray[np.uint8] = table[array]
        return looked_up
    result = np.zeros(array.shape, np.uint8)
    rounded = np.rint(array)
    for source, label in lookup.items():
        result[rounded == source] = label
    return result


def _small_integers(array: NDArray[Any]) -> bool:
    return bool(array.dtype.kind in "iu" and array.size and array.min() >= 0 and array.max() < 1 << 16)


def _storage_order(own: Geometry, wanted: Geometry) -> tuple[list[int], list[bool]]:
    """For each axis of `wanted`: the axis of `own` that runs along it, and whether it runs against it."""
    steps = np.linalg.inv(own.affine[:3, :3]) @ wanted.affine[:3, :3]
    axes = [int(a) for a in np.abs(steps).argmax(axis=0)]
    return axes, [bool(steps[axis, k] < 0) for k, axis in enumerate(axes)]


def _reordered(own: Geometry, axes: list[int], flips: list[bool]) -> Geometry:
    """The same voxels stored in another order."""
    to_own = np.zeros((4, 4))
    to_own[3, 3] = 1
    for k, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        to_own[axis, k] = -1 if flip else 1
        to_own[axis, 3] = own.shape[axis] - 1 if flip else 0
    i, j, k = (own.shape[axis] for axis in axes)
    return Geometry((i, j, k), own.affine @ to_own)
