"""The images of a series -> an ordered stack with one affine, or a refusal that says what is wrong.

Order and spacing come from Image Position and Image Orientation alone; Instance Number, Slice
Location, Slice Thickness and Spacing Between Slices are never used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedseg.dicom.alike import SAME_PLACE_MM, alike_in_place
from pedseg.dicom.frame import Frame
from pedseg.dicom.series import Series
from pedseg.errors import GeometryError, InputError, Notice
from pedseg.volumes.geometry import LPS_TO_RAS, Matrix

SILENT_MM = 0.01
"""Positions off the regular grid by less than this are rounding."""
UNEVEN_MM, UNEVEN_RATIO = 0.1, 0.05
"""Above this, or this part of the spacing, uneven slices are refused; between, they are warned of."""
SHEAR_MM, SHEAR_PIXELS = 0.1, 0.25
"""Sideways drift from first to last slice from which the shear is worth a warning."""
BESIDE_MM = 1.0
"""How far beside the others an image in a gap may begin."""
ORTHOGONAL_SILENT, ORTHOGONAL = 1e-4, 1e-3
"""Cosine between rows and columns: rounding below, an error above; the affine keeps what lies between."""
UNIT_SILENT, UNIT_REFUSED = 1e-4, 0.02
"""Deviation of a direction's length from 1: rounding below, an error above."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Ordered images and where they lie.

    Args:
        frames: in the order of K.
        affine: (4, 4), index (column, row, slice) to RAS+ mm.
        notices: warnings met.
    """

    frames: tuple[Frame, ...]
    affine: Matrix
    notices: tuple[Notice, ...] = ()


def build_stack(series: Series, *, min_slices: int = 4) -> Stack:
    """Order the images along their normal and check that they form one regular grid.

    Args:
        series: a candidate whose repeated images are already resolved.
        min_slices: fewer positions are no volume.

    Raises:
        GeometryError, InputError: see the `_check_*` functions, one fault each.
    """
    _check_damage(series)
    _check_count(series, min_slices)
    notices: list[Notice] = []
    rows, columns = _directions(series.frames, notices)
    frames, positions = _ordered(series.frames, np.cross(rows, columns))
    normal = np.cross(rows, columns)
    _check_gaps(series, frames, positions, normal)
    # Least squares would leave smaller residuals, but let one odd slice move all others.
    step = (positions[-1] - positions[0]) / (len(frames) - 1)
    _check_even(frames, positions, step, notices)
    between_rows, between_columns = np.median([f.spacing_mm for f in frames], axis=0)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([rows * between_columns, columns * between_rows, step])
    affine[:3, 3] = positions[0]
    _check_turned(frames, affine, notices)
    _check_shear(step, normal, series.first, len(frames), notices)
    _check_continued(series, affine)
    return Stack(tuple(frames), LPS_TO_RAS @ affine, tuple(notices))


def _check_damage(series: Series) -> None:
    """An image of the series that cannot be used may be a slice."""
    for frame in sorted(series.damaged, key=lambda f: f.name):
        if frame.fault is not None:
            raise frame.fault


def _check_count(series: Series, min_slices: int) -> None:
    if series.n_slices < max(min_slices, 2):
        text = f"localizer-like: {series.n_slices} slices, a volume needs {max(min_slices, 2)}"
        todo = "give the folder of the whole series, or pedseg_predict a lower --min-slices"
        raise InputError("PS-A40", f"{text}; {todo}")


def _directions(frames: Sequence[Frame], notices: list[Notice]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit directions of the column index and of the row index, LPS."""
    vectors = np.median([frame.orientation for frame in frames], axis=0).reshape(2, 3)
    lengths = np.linalg.norm(vectors, axis=1)
    off = float(np.abs(lengths - 1).max())
    if off > UNIT_REFUSED:
        text = f"Image Orientation (Patient) has lengths {lengths[0]:.4f} and {lengths[1]:.4f}, 1 was wanted"
        raise GeometryError("PS-A44", f"{frames[0].name}: {text}; export the series again")
    if off > UNIT_SILENT:
        notices.append(Notice("PS-W44", f"Image Orientation (Patient) was {100 * off:.2f} % off unit length"))
    rows, columns = vectors / lengths[:, None]
    if (cosine := abs(float(rows @ columns))) > ORTHOGONAL_SILENT:
        text = f"rows and columns are {np.degrees(np.arccos(min(cosine, 1.0))):.2f} degrees apart, 90 were wanted"
        if cosine > ORTHOGONAL:
            raise GeometryError("PS-A43", f"{frames[0].name}: {text}; export the series again")
        notices.append(Notice("PS-W43", f"{text}: the affine keeps the skew"))
    return rows, columns


def _ordered(frames: Sequence[Frame], normal: NDArray[np.float64]) -> tuple[list[Frame], NDArray[np.float64]]:
    """Frames and their (n, 3) positions by distance along the normal, ties by UID.

    Raises:
        GeometryError: PS-A30 two images at one place along the normal.
    """
    positions = np.array([frame.position for frame in frames], dtype=np.float64)
    along = positions @ normal
    order = sorted(range(len(frames)), key=lambda i: (along[i], frames[i].uid, frames[i].number))
    ordered = [frames[i] for i in order]
    tied = np.diff(along[order]) < SAME_PLACE_MM
    same = np.flatnonzero(tied & ~np.concatenate([[False], tied[:-1]]))  # the first two images of each place
    if same.size:
        k = int(same[0])
        names = f"{ordered[k].name} and {ordered[k + 1].name}"
        text = f"{same.size} positions hold several different images, first {names} at position {k + 1}"
        raise GeometryError("PS-A30", f"{text}: remove the ones not meant")
    return ordered, positions[order]


def _check_gaps(
    series: Series, frames: Sequence[Frame], positions: NDArray[np.float64], normal: NDArray[np.float64]
) -> None:
    """Missing slices: a distance that is a multiple of the usual one."""
    distances = np.diff(positions @ normal)
    usual = float(np.median(distances))
    steps = np.round(distances / usual).astype(int)
    multiple = np.abs(distances / usual - steps) <= 2 * UNEVEN_RATIO * steps
    missing = np.maximum(steps - 1, 0)
    if not missing.any() or not multiple.all():
        return
    n_missing = int(missing.sum())
    k = int(np.argmax(missing > 0))
    text = f"gap of {distances[k]:.2f} mm ({distances[k] / usual:.1f} x {usual:.2f}) between slice {k + 1} and {k + 2}"
    images = "1 image" if n_missing == 1 else f"{n_missing} images"
    text = f"{text} of {len(frames)}: {images} missing"
    for frame in (*series.left_out, *series.siblings):
        if _between(frame, positions[k], normal * distances[k]):
            text = f"{text}; {frame.name} lies there, but its {_difference(frame, series.first)} differs"
            break
    raise GeometryError("PS-A36", f"{text}; export the whole series")


def _between(frame: Frame, start: NDArray[np.float64], way: NDArray[np.float64]) -> bool:
    """Whether an image's first voxel lies in a gap."""
    offset = np.asarray(frame.position) - start
    part = float(offset @ way / (way @ way))
    return 0 < part < 1 and bool(np.linalg.norm(offset - part * way) < BESIDE_MM)


def _check_even(
    frames: Sequence[Frame], positions: NDArray[np.float64], step: NDArray[np.float64], notices: list[Notice]
) -> None:
    """Every position where equal steps from the first to the last put it, which is what the affine says."""
    grid = positions[0] + np.arange(len(positions))[:, None] * step
    off = np.linalg.norm(positions - grid, axis=1)
    k = int(off.argmax())
    if off[k] <= SILENT_MM:
        return
    spacing = float(np.linalg.norm(step))
    text = f"slice {k + 1} of {len(frames)} lies {off[k]:.3f} mm off the even spacing of {spacing:.3f} mm"
    if off[k] > min(UNEVEN_MM, UNEVEN_RATIO * spacing):
        raise GeometryError("PS-A38", f"{text} ({frames[k].name}): export the whole series, evenly spaced")
    notices.append(Notice("PS-W38", text))


def _check_shear(
    step: NDArray[np.float64], normal: NDArray[np.float64], frame: Frame, n_slices: int, notices: list[Notice]
) -> None:
    """Slices shifted sideways from one to the next; judged in mm at the last slice, not as an angle."""
    drift = float(np.linalg.norm(step - (step @ normal) * normal)) * (n_slices - 1)
    if drift > min(SHEAR_MM, SHEAR_PIXELS * min(frame.spacing_mm or (1.0,))):
        text = f"the last slice lies {drift:.2f} mm sideways of the first: the affine keeps the shear"
        notices.append(Notice("PS-W41", text))


def _check_turned(frames: Sequence[Frame], affine: Matrix, notices: list[Notice]) -> None:
    """Every slice's far corners where the affine puts them: tolerances on cosines grow with the image."""
    rows, columns = frames[0].matrix
    shared = affine[:3, :2].T * [[columns - 1], [rows - 1]]
    off = np.array([_edges(frame) for frame in frames]) - shared  # (n, 2, 3) mm
    far = np.linalg.norm([off[:, 0], off[:, 1], off.sum(axis=1)], axis=2).max(axis=0)
    k = int(far.argmax())
    if far[k] <= SILENT_MM:
        return
    text = f"slice {k + 1} of {len(frames)} is turned or scaled against the others: a corner lies {far[k]:.3f} mm off"
    if far[k] > UNEVEN_MM:
        raise GeometryError("PS-A45", f"{text} ({frames[k].name}): export the whole series again")
    notices.append(Notice("PS-W45", text))


def _edges(frame: Frame) -> NDArray[np.float64]:
    """(2, 3) mm, LPS: from the first voxel to the last of the first row, and to that of the first column."""
    vectors = np.reshape(frame.orientation or (0.0,) * 6, (2, 3))
    between_rows, between_columns = frame.spacing_mm or (0.0, 0.0)
    n_rows, n_columns = frame.matrix
    lengths = [[between_columns * (n_columns - 1)], [between_rows * (n_rows - 1)]]
    norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), UNIT_SILENT)
    edges: NDArray[np.float64] = vectors / norms * lengths
    return edges


def _check_continued(series: Series, affine: Matrix) -> None:
    """An image left aside for its orientation, spacing or matrix, one step past an end, is a damaged slice."""
    rows, columns = series.first.matrix
    first, step = affine[:3, 3], affine[:3, 2]
    middle = first + affine[:3, 0] * (columns - 1) / 2 + affine[:3, 1] * (rows - 1) / 2
    for frame in (*series.left_out, *series.siblings):
        if frame.position is None or frame.localizer:
            continue
        corner = np.asarray(frame.position)
        # A slice may have been turned about its first voxel or about its middle.
        offsets = (corner - first, corner + _edges(frame).sum(axis=0) / 2 - middle)
        if any(_past_an_end(offset, step, series.n_slices) for offset in offsets):
            text = f"{frame.name} continues the stack, but its {_difference(frame, series.first)} differs"
            raise GeometryError("PS-A45", f"{text}: export the whole series again, or remove that image")


def _difference(frame: Frame, first: Frame) -> str:
    """What keeps an image out of the stack."""
    if not alike_in_place(frame, first):
        return "orientation, spacing or matrix"
    return "echo" if frame.echo_time_ms != first.echo_time_ms else "stack number or kind"


def _past_an_end(offset: NDArray[np.float64], step: NDArray[np.float64], n_slices: int) -> bool:
    """Whether a point (mm from slice 0) lies one step before the first or behind the last slice."""
    k = float(offset @ step / (step @ step))
    on_line = bool(np.linalg.norm(offset - k * step) < SHEAR_MM)
    return on_line and min(abs(k + 1), abs(k - n_slices)) < UNEVEN_RATIO
