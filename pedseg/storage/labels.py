"""Labels of a user's file -> labels of the domain, on the image's grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.errors import GeometryError, InputError
from pedseg.volumes import Geometry
from pedseg.volumes.nifti import MAX_VOXELS

GRID_TOLERANCE_MM = 0.1
GRID_TOLERANCE_VOXELS = 0.25
ROUNDING = 1e-3
PART = 1 << 20
ON = 255
"""What many tools write where a mask of one structure is set."""
FARTHEST = 1 << 31
"""Voxels from the image at which a grid is elsewhere, whatever its affine says."""


def remap_labels(array: NDArray[Any], domain: Domain, where: str) -> NDArray[np.uint8]:
    """Values of a user's label file -> labels 0..n.

    Raises:
        InputError: PS-A71, PS-A72, PS-A73.
    """
    result = mask_labels(array, domain, where)
    refuse_empty(result, where)
    return result


def mask_labels(
    array: NDArray[Any], domain: Domain, where: str, *, values: Mapping[int, tuple[int, ...]] | None = None
) -> NDArray[np.uint8]:
    """Values of anybody's mask -> labels 0..n; nothing labelled is an answer too.

    Args:
        array: (I, J, K) whole numbers.
        domain: says which values mean which structure.
        where: the exam's name, for messages.
        values: label -> values, in place of the domain's; every other value is then background.

    Raises:
        InputError: PS-A71 values of no structure, PS-A72 values that are not whole.
    """
    found, counts = _counts(array, where)
    meant = domain.source_values if values is None else values
    lookup = {source: label for label, sources in meant.items() for source in sources}
    counted = zip(found, counts, strict=True)
    foreign = [f"{_told(value)} ({n} voxels)" for value, n in counted if value != 0 and value not in lookup]
    if foreign and values is None:
        if set(found) <= {0, ON}:
            raise InputError("PS-A71", f"{where}: the mask holds {ON} alone, {_which_structure(domain)}")
        wanted = ", ".join(str(v) for v in sorted(lookup))
        raise InputError(
            "PS-A71",
            f"{where}: labels {', '.join(foreign[:8])} are not of {domain.name} ({wanted}): "
            "correct the mask, or name them in source_value of a domain.yaml (of predictions: with --labels)",
        )
    return _looked_up(array, lookup)


def _told(value: int) -> str:
    return str(value) if abs(value) < 1 << 53 else f"{value:g}"


def _which_structure(domain: Domain) -> str:
    if domain.n_classes == 2:
        name = next(iter(domain.labels))
        return f"{name} is {domain.source_values[1][0]}: give {name} source_value: [{ON}] in a domain.yaml"
    known = ", ".join(f"{name} {domain.source_values[label][0]}" for name, label in domain.labels.items())
    return f"which tells no structure from another: export a label map ({known})"


def binary_mask(array: NDArray[Any], where: str) -> NDArray[np.bool_]:
    """A file that holds one structure: background and one other value.

    Raises:
        InputError: PS-A71 several values, PS-A72 values that are not whole.
    """
    found, _ = _counts(array, where)
    if len(others := [v for v in found if v != 0]) > 1:
        shown = ", ".join(map(str, others[:8]))
        raise InputError("PS-A71", f"{where}: values {shown} in the mask of one structure: give one file a structure")
    inside: NDArray[np.bool_] = np.rint(array) != 0
    return inside


def refuse_empty(labels: NDArray[np.uint8], where: str) -> None:
    """An exam to learn from holds a label.

    Raises:
        InputError: PS-A73.
    """
    if not labels.any():
        raise InputError("PS-A73", f"{where}: no voxel is labelled: annotate the exam or leave it out")


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
    if sorted(axes) != [0, 1, 2]:
        raise _elsewhere(where, "the axes point elsewhere")
    distance = _apart_mm(_reordered(own, axes, flips), wanted)
    if distance > _tolerance_mm(wanted):
        far = f"corners {distance:.2f} mm apart" if np.isfinite(distance) else f"{own.shape} against {wanted.shape}"
        raise _elsewhere(where, far)
    return _turned(array, axes, flips)


def onto_larger_grid(array: NDArray[np.uint8], own: Geometry, wanted: Geometry, where: str) -> NDArray[np.uint8]:
    """Labels of a part of the image's grid on the whole of it, moved by whole voxels.

    A DICOM SEG may keep the labelled frames alone, and its own step between slices is that of the frames it keeps:
    each labelled slice is placed by itself. Where `own` reaches beyond the image it must be background.

    Args:
        array: (I, J, K) labels on the grid `own`, slices along K.
        own: grid of the label file.
        wanted: grid of the image.
        where: the exam's name, for the message.

    Raises:
        GeometryError: PS-A69 the voxels do not fall on voxels of the image, or labelled ones lie beyond it.
    """
    result = np.zeros(wanted.shape, np.uint8)
    labelled = np.flatnonzero(array.any(axis=(0, 1)))
    beyond = 0
    for k in labelled if len(labelled) else range(1):
        single = _moved(own, np.array([0, 0, k]), (*own.shape[:2], 1))
        beyond += _place(array[..., k : k + 1], single, wanted, where, onto=result)
    if beyond:
        raise _elsewhere(where, f"{beyond} labelled voxels lie beyond it")
    return result


def _place(array: NDArray[np.uint8], own: Geometry, wanted: Geometry, where: str, *, onto: NDArray[np.uint8]) -> int:
    """Put labels of a part of a grid where they belong; how many lie beyond it."""
    axes, flips = _storage_order(own, wanted)
    if sorted(axes) != [0, 1, 2]:
        raise _elsewhere(where, "the axes point elsewhere")
    part, labels = _reordered(own, axes, flips), _turned(array, axes, flips)
    start = np.clip(np.rint(wanted.to_index(part.affine[:3, 3])), -FARTHEST, FARTHEST).astype(np.int64)
    distance = _apart_mm(part, _moved(wanted, start, part.shape))
    if distance > _tolerance_mm(wanted):
        raise _elsewhere(where, f"corners {distance:.2f} mm from the voxels of the image")
    low, high = np.maximum(start, 0), np.minimum(start + part.shape, wanted.shape)
    shared = labels[_box(low - start, np.maximum(high, low) - start)]
    if shared.size:
        onto[_box(low, high)] = shared
    return int(np.count_nonzero(labels)) - int(np.count_nonzero(shared))


def covering_grid(own: Geometry, other: Geometry) -> Geometry:
    """The grid `own` continued by whole voxels until it holds `other`.

    Two DICOM SEG of one exam may each keep other frames. `own` comes back where the two lie too far apart.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        corners = np.rint(own.to_index(other.corners_mm()))
    if not np.isfinite(corners).all() or np.abs(corners).max() > FARTHEST:
        return own
    low = np.minimum(corners.min(axis=0), 0).astype(np.int64)
    high = np.maximum(corners.max(axis=0), np.subtract(own.shape, 1)).astype(np.int64)
    i, j, k = (int(n) for n in high - low + 1)
    return own if i * j * k > MAX_VOXELS else _moved(own, low, (i, j, k))


def axis_on_grid(axis: int | None, own: Geometry, wanted: Geometry) -> int | None:
    """An array axis of `own` as that of `wanted` that runs along it; None where nothing tells."""
    axes, _ = _storage_order(own, wanted)
    return axes.index(axis) if axis in axes else None


def _elsewhere(where: str, detail: str) -> GeometryError:
    return GeometryError("PS-A69", f"{where}: labels are not on the image's grid ({detail}): resample them onto it")


def _tolerance_mm(wanted: Geometry) -> float:
    return min(GRID_TOLERANCE_MM, GRID_TOLERANCE_VOXELS * min(wanted.spacing_mm))


def _apart_mm(a: Geometry, b: Geometry) -> float:
    """Largest corner distance; infinite where an affine's numbers are too large to tell."""
    with np.errstate(over="ignore", invalid="ignore"):
        distance = a.corner_distance_mm(b)
    return distance if np.isfinite(distance) else float("inf")


def _turned(array: NDArray[np.uint8], axes: list[int], flips: list[bool]) -> NDArray[np.uint8]:
    if axes == [0, 1, 2] and not any(flips):
        return array
    return np.ascontiguousarray(array.transpose(axes)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)])


def _moved(grid: Geometry, start: NDArray[np.int64], shape: tuple[int, int, int]) -> Geometry:
    """The grid continued from another first voxel."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm(start)
    return Geometry(shape, affine)


def _box(low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[slice, ...]:
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


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
    return [int(value) for value in np.rint(values)], counts.tolist()


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
