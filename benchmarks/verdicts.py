"""Whether a reader put every voxel of a faulty series at its place in the patient: its grey value tells."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.readings import Outcome, Reading

RIGHT_MM = 0.04
"""A voxel farther than this from its place is wrong."""
MAX_INFLATED = 1 << 24
DEFLATED = b"1.2.840.10008.1.2.1.99"
GREY_SHARE = 1e-4
"""Grey values may differ by this part of their range: a reader may round them."""
CHOICES = ("PS-A20", "PS-A25", "PS-A26", "PS-A31")
"""Refusals where one of several volumes is to be chosen: any of them, whole, is a defensible answer."""
RIGHT, REFUSED, PICKED, WARNED, SILENT, LOST = COLUMNS = (
    "right",
    "rightly refused",
    "one of several taken",
    "wrong with a warning",
    "silently wrong",
    "readable series lost",
)


@dataclass(frozen=True)
class Rule:
    """How grey values rise with LPS millimetres in the series: grey = base + slopes . lps."""

    slopes: np.ndarray
    base: float


@dataclass(frozen=True, eq=False)
class GreyExam:
    """A series that is judged by its grey values: like a `DicomRow`.

    Args:
        id, fault, build: of the row.
        grid: where its voxels lie.
        truth: (columns, rows, slices) grey values.
    """

    id: str
    fault: str
    build: Callable[[Path], object]
    grid: Any
    truth: np.ndarray
    code: str = ""
    readable: bool = True
    choice: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """What a folder holds, by its headers.

    Args:
        positions: different image positions.
        images: images, frames counted.
    """

    positions: int
    images: int


@dataclass(frozen=True)
class Verdict:
    """Of one reader on one row.

    Args:
        verdict: one of `COLUMNS`.
        why: a few words.
        printed: whether a line stood on stderr: no warning that a program could catch, but told.
    """

    verdict: str
    why: str = ""
    printed: bool = False


def judge(row: Any, outcome: Outcome, held: Held, rule: Rule) -> Verdict:
    """Right, wrong or lost.

    Args:
        row: `DicomRow`: its code, whether it is readable, and the grid of the one volume it holds.
        outcome: what a reader made of the folder.
        held: what is in the folder.
        rule: how grey values tell the place.
    """
    readable = not row.code if row.readable is None else row.readable
    if not outcome.readings:
        return Verdict(LOST if readable else REFUSED, outcome.end, outcome.printed)
    errors = [_error_mm(row, reading, rule) for reading in outcome.readings]
    found = _readable(row, outcome.readings, errors) if readable else _other(row, outcome.readings, errors, held)
    verdict, why = found
    if verdict == SILENT and outcome.warnings:
        verdict, why = WARNED, f"{why}; {outcome.warnings[0]}"
    return Verdict(verdict, why, outcome.printed)


def _error_mm(row: Any, reading: Reading, rule: Rule) -> float:
    if isinstance(row, GreyExam):
        return grey_error_mm(reading, row)
    return place_error_mm(reading, rule, free=row.code in CHOICES, above=getattr(row, "extra", 0))


def _readable(row: Any, readings: Sequence[Reading], errors: Sequence[float]) -> tuple[str, str]:
    """One of the volumes must be the whole one; a part of it alone misleads, pieces and other images are no answer."""
    grid = row.grid
    whole = [{grid.rows, grid.columns} <= set(r.array.shape) and slices_of(r, row) >= grid.n for r in readings]
    if any(e <= RIGHT_MM and all_there for e, all_there in zip(errors, whole, strict=True)):
        return RIGHT, ""
    if (worst := max(errors)) > RIGHT_MM:
        return SILENT, _how_far(worst)
    parts = [r for r in readings if {grid.rows, grid.columns} <= set(r.array.shape)]
    if not parts:
        return LOST, "other images were read"
    if (count := sum(slices_of(r, row) for r in parts)) >= grid.n:
        return LOST, f"in {len(parts)} pieces"
    return SILENT, f"{count} of {grid.n} slices"


def _other(row: Any, readings: Sequence[Reading], errors: Sequence[float], held: Held) -> tuple[str, str]:
    """Where pedseg refuses, a volume must hold every position, or every image where there is a choice."""
    if (worst := max(errors)) > RIGHT_MM:
        return SILENT, _how_far(worst)
    count = sum(slices_of(r, row) for r in readings)
    if row.code in CHOICES:
        return (RIGHT, "") if count >= held.images else (PICKED, f"{count} of {held.images} images")
    return (RIGHT, "") if count >= held.positions else (SILENT, f"{count} of {held.positions} slices")


def _how_far(error_mm: float) -> str:
    return f"{error_mm:.2f} mm off" if np.isfinite(error_mm) else "other grey values, or no volume of them"


def slices_of(reading: Reading, row: Any) -> int:
    """Voxels by those of a slice; at least one."""
    size = row.grid.rows * row.grid.columns if row.grid is not None else max(reading.array.shape[:2]) ** 2
    return max(1, round(reading.array.size / size))


def place_error_mm(reading: Reading, rule: Rule, *, free: bool = False, above: float = 0.0) -> float:
    """Largest distance between where a reader puts a voxel and where its grey value says that it lies.

    A grey value fixes one coordinate, so this is a lower bound; rounding adds up to 0.01 mm. Infinite for what is no
    volume of single numbers.

    Args:
        reading: a reader's volume.
        rule: how grey values tell the place.
        free: whether all values may stand equally above or below the rule, as another echo's do.
        above: by how much they are meant to.
    """
    array = reading.array
    array = array.reshape(array.shape + (1,) * (3 - array.ndim))
    if array.ndim != 3 or array.dtype.kind not in "iuf" or not np.isfinite(reading.affine).all():
        return float("inf")
    index = np.stack(np.meshgrid(*map(np.arange, array.shape), indexing="ij"), axis=-1)
    lps = (index @ reading.affine[:3, :3].T + reading.affine[:3, 3]) * [-1, -1, 1]
    off = array - above - (lps @ rule.slopes + rule.base)
    if free:
        off = off - np.median(off)
    worst = float(np.abs(off).max() / np.linalg.norm(rule.slopes))
    return worst if np.isfinite(worst) else float("inf")


def grey_error_mm(reading: Reading, exam: GreyExam) -> float:
    """Largest distance of a voxel from its place on the exam's grid; infinite where grey values are others."""
    shape = (exam.grid.columns, exam.grid.rows, exam.grid.n)
    if sorted(reading.array.shape) != sorted(shape) or reading.array.dtype.kind not in "iuf":
        return float("inf")
    index = np.argwhere(np.ones(reading.array.shape, bool))
    places = index @ reading.affine[:3, :3].T + reading.affine[:3, 3]
    inverse = np.linalg.inv(exam.grid.ras)
    exact = places @ inverse[:3, :3].T + inverse[:3, 3]
    whole = np.rint(exact).astype(int)
    error = float(np.linalg.norm((exact - whole) @ exam.grid.ras[:3, :3].T, axis=1).max())
    if not np.isfinite(error) or (whole < 0).any() or (whole >= shape).any():
        return float("inf")
    off = np.abs(exam.truth[tuple(whole.T)] - reading.array.reshape(-1).astype(float)).max()
    return error if off <= GREY_SHARE * np.ptp(exam.truth) else float("inf")


def held_by(path: Path) -> Held:
    """Positions and images that the headers below a path name; what cannot be read counts for nothing."""
    import pydicom

    positions, images = set(), 0
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if not file.is_file() or file.is_symlink() or _inflates_beyond(file.read_bytes(), MAX_INFLATED):
            continue
        try:
            ds = pydicom.dcmread(file, stop_before_pixels=True)
            frames = [g.PlanePositionSequence[0] for g in ds.get("PerFrameFunctionalGroupsSequence", [])] or [ds]
            found = [tuple(round(float(v), 3) for v in f.ImagePositionPatient) for f in frames if "Rows" in ds]
        except Exception:  # noqa: BLE001  # the files are faulty on purpose
            continue
        positions |= set(found)
        images += len(found)
    return Held(len(positions), images)


def _inflates_beyond(data: bytes, size: int) -> bool:
    """A deflate bomb would keep pydicom busy for hours."""
    if DEFLATED not in data[:1000]:
        return False
    start = 144 + int.from_bytes(data[140:144], "little")  # behind the meta group, whose length stands first
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacker.decompress(data[start:], size)
    return bool(unpacker.unconsumed_tail)
