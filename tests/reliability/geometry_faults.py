"""Writers of series whose slices lie where they should not, or whose headers say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from mr_series import GRID, Change, Grid, decimal, image, raw, uid, write_series
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

Write = Callable[[Path], object]
Vector = tuple[float, float, float]


def series(change: Change | None = None, *, grid: Grid = GRID, **tags: object) -> Write:
    """The series, each slice changed, or with other tags."""
    return lambda folder: write_series(folder, change, grid=grid, **tags)


def without(*missing: int) -> Write:
    """Some slices, counted from 0, are not there."""
    return series(lambda k, ds: None if k in missing else ds)


def only(n: int) -> Write:
    """The first n slices."""
    return series(lambda k, ds: ds if k < n else None)


def some(numbers: object, *, grid: Grid = GRID, **tags: object) -> Write:
    """Other tags in some slices, counted from 0."""
    return series(lambda k, ds: image(grid, k, **tags) if k in numbers else ds, grid=grid)  # type: ignore[operator]


def one_raw(keyword: str, value: bytes, vr: str = "DS") -> Write:
    """Slice 5 holds bytes that pydicom would not write."""
    return series(lambda k, ds: raw(ds, keyword, vr, value) if k == 4 else ds)


def moved(offsets: Mapping[int, Vector], *, grid: Grid = GRID) -> Write:
    """Slices that lie elsewhere (LPS mm) than their grey values tell."""

    def change(k: int, ds: Dataset) -> Dataset:
        position = zip(ds.ImagePositionPatient, offsets.get(k, (0.0, 0.0, 0.0)), strict=True)
        ds.ImagePositionPatient = [decimal(a + b) for a, b in position]
        return ds

    return series(change, grid=grid)


def along(mm: float) -> Vector:
    """So far along the normal."""
    x, y, z = np.cross(GRID.along_row, GRID.along_column) * mm
    return float(x), float(y), float(z)


def stretched(mm: float) -> Write:
    """Each distance between slices is larger than the one before."""
    return moved({k: along(mm * k * (k - 1) / 2) for k in range(GRID.n)})


def jitter(mm: float) -> Write:
    """Every position is off by up to so much along each axis."""
    noise = np.random.default_rng(2).uniform(-mm, mm, (GRID.n, 3))
    return moved({k: (float(x), float(y), float(z)) for k, (x, y, z) in enumerate(noise)})


def rounded(digits: int, grid: Grid = GRID) -> Write:
    """Positions printed with so many digits behind the point."""

    def change(_: int, ds: Dataset) -> Dataset:
        ds.ImagePositionPatient = [f"{float(v):.{digits}f}" for v in ds.ImagePositionPatient]
        return ds

    return series(change, grid=grid)


def counted(number: Callable[[int], int]) -> Write:
    """Instance Numbers by a rule."""
    return series(lambda k, _: image(GRID, k, InstanceNumber=number(k)))


def shuffled(folder: Path) -> None:
    """File names and Instance Numbers run against the positions."""
    counted(lambda k: GRID.n - k)(folder)
    paths = sorted(folder.iterdir())
    for n, path in zip(np.random.default_rng(0).permutation(len(paths)), paths, strict=True):
        path.rename(folder / f"x{n:04d}")


def random_numbers(folder: Path) -> None:
    order = np.random.default_rng(1).permutation(GRID.n) + 1
    counted(lambda k: int(order[k]))(folder)


def interleaved(folder: Path) -> None:
    """Odd slices were acquired first: numbers and times follow the acquisition."""
    order = [*range(0, GRID.n, 2), *range(1, GRID.n, 2)]

    def change(k: int, _: Dataset) -> Dataset:
        n = order.index(k)
        return image(GRID, k, InstanceNumber=n + 1, AcquisitionNumber=k % 2 + 1, TriggerTime=f"{50 * n}")

    write_series(folder, change)


def own_acquisitions(folder: Path) -> None:
    """Every slice counts as an acquisition of its own, with a time of its own."""
    write_series(folder, lambda k, _: image(GRID, k, AcquisitionNumber=k + 1, TriggerTime=f"{40 * k}"))


def thick_text(folder: Path) -> None:
    """Slice Thickness and Spacing Between Slices that are no numbers."""

    def change(_: int, ds: Dataset) -> Dataset:
        return raw(raw(ds, "SliceThickness", "DS", b"thin"), "SpacingBetweenSlices", "DS", b"nan ")

    write_series(folder, change)


def even(text: str) -> bytes:
    """Padded to an even number of bytes."""
    return (text + " " * (len(text) % 2)).encode()


def odd_digits(folder: Path) -> None:
    """Numbers with signs, exponents and spaces, and no digit before or behind the point."""

    def change(_: int, ds: Dataset) -> Dataset:
        x, y, z = map(float, ds.ImagePositionPatient)
        raw(ds, "ImagePositionPatient", "DS", even(rf"{x:+.9f}\ {y * 10:.9f}e-1 \{z / 1000:.12f}E+03"))
        return raw(ds, "PixelSpacing", "DS", even(r".3\.25"))

    write_series(folder, change)


def many_digits(folder: Path) -> None:
    """Numbers of more than the 16 characters allowed."""

    def change(k: int, ds: Dataset) -> Dataset:
        position = (GRID.lps @ [0, 0, k, 1])[:3]
        return raw(ds, "ImagePositionPatient", "DS", even("\\".join(f"{v:.17f}" for v in position)))

    write_series(folder, change)


def one_too_long(folder: Path) -> None:
    """The directions of one slice are 1 % too long."""
    some([7], ImageOrientationPatient=orientation(np.multiply(GRID.along_row, 1.01), GRID.along_column))(folder)


def few_digits(digits: int) -> Write:
    """Directions printed with so many digits behind the point."""
    numbers = (*GRID.along_row, *GRID.along_column)
    return series(ImageOrientationPatient=[f"{v:.{digits}f}" for v in numbers])


def nested(change: Change | None = None, *, icon: bool = False) -> Write:
    """Sequences whose items hold another image's place, matrix and pixels, before and behind the image's own."""

    def with_items(k: int, ds: Dataset) -> Dataset:
        item = Dataset()
        item.ImagePositionPatient, item.ImageOrientationPatient = ["1", "2", "3"], ["1", "0", "0", "0", "1", "0"]
        item.PixelSpacing, item.Rows, item.Columns = ["7", "7"], 2, 2
        if icon:
            item.BitsAllocated, item.PixelData = 8, b"\1\2\3\4"
        ds.SourceImageSequence, ds.IconImageSequence = Sequence([item]), Sequence([item])
        ds["IconImageSequence"].is_undefined_length = item.is_undefined_length_sequence_item = bool(k % 2)
        made = change(k, ds) if change else ds
        return made if isinstance(made, Dataset) else ds

    return series(with_items)


def place_twice(mm: float) -> Write:
    """A second Image Position in each file, so far off."""

    def write(folder: Path) -> None:
        for path in write_series(folder).iterdir():
            data = path.read_bytes()
            start = data.index(b"\x20\0\x32\0DS")
            length = int.from_bytes(data[start + 6 : start + 8], "little")
            end = start + 8 + length
            numbers = [float(v) + mm for v in data[start + 8 : end].split(b"\\")]
            value = even("\\".join(f"{v:.4f}" for v in numbers)) if mm else data[start + 8 : end]
            second = data[start : start + 6] + len(value).to_bytes(2, "little") + value
            path.write_bytes(data[:end] + second + data[end:])

    return write


def without_place(_: int, ds: Dataset) -> Dataset:
    del ds.ImagePositionPatient
    return ds


def old_position(_: int, ds: Dataset) -> Dataset:
    """Image Position of ACR-NEMA times, which lies in no patient coordinates."""
    ds.add_new(0x00200030, "DS", ds.ImagePositionPatient)
    return without_place(_, ds)


def two_acquisitions(folder: Path) -> None:
    """A second acquisition of the same slices, the table 0.3 mm farther."""
    write_series(folder)
    other = replace(GRID, origin=tuple(np.add(GRID.origin, along(0.3))))
    write_series(folder, grid=other, prefix="other", AcquisitionNumber=2)


def in_halves(folder: Path) -> None:
    """Even and odd slices are two acquisitions of one volume, a step of 1.6 mm each."""
    write_series(folder, lambda k, _: image(GRID, k, AcquisitionNumber=k % 2 + 1, InstanceNumber=k // 2 + 1))


def private(group: int, creator: str, element: int, vr: str, value: object) -> Write:
    """A private element in its maker's first block."""

    def change(_: int, ds: Dataset) -> Dataset:
        ds.private_block(group, creator, create=True).add_new(element, vr, value)
        return ds

    return series(change)


def orientation(rows: object, columns: object) -> list[str]:
    """Image Orientation (Patient) as text."""
    return [decimal(v) for v in (*np.asarray(rows, float), *np.asarray(columns, float))]


def turned(angle: float) -> list[str]:
    """Orientation of a slice turned in its plane's first axis by so many radians."""
    rows = np.cos(angle) * np.array(GRID.along_row) + np.sin(angle) * np.cross(GRID.along_row, GRID.along_column)
    return orientation(rows, GRID.along_column)


def scaled_orientation(factor: float) -> Write:
    scaled = orientation(np.array(GRID.along_row) * factor, np.array(GRID.along_column) * factor)
    return series(ImageOrientationPatient=scaled)


def skewed(dot: float) -> Grid:
    """A grid whose rows and columns are not orthogonal."""
    x, y, z = np.array(GRID.along_column) * np.sqrt(1 - dot**2) + np.array(GRID.along_row) * dot
    return replace(GRID, along_column=(float(x), float(y), float(z)))


def sheared(n: int, degrees: float) -> Grid:
    """Each slice is shifted along the rows."""
    x, y, z = np.array(GRID.along_row) * GRID.step * np.tan(np.radians(degrees))
    return replace(GRID, n=n, shear=(float(x), float(y), float(z)))


def turned_about_its_middle(folder: Path) -> None:
    """The last slice; its first voxel lies off the line of the others."""
    rows = np.array(turned(0.2)[:3], dtype=float)
    half = (GRID.columns - 1) * GRID.column_spacing / 2 * (np.array(GRID.along_row) - rows)

    def change(k: int, ds: Dataset) -> Dataset:
        if k < GRID.n - 1:
            return ds
        position = [decimal(float(v) + d) for v, d in zip(ds.ImagePositionPatient, half, strict=True)]
        return image(GRID, k, ImagePositionPatient=position, ImageOrientationPatient=turned(0.2))

    write_series(folder, change)


def flipped_alternately(folder: Path) -> None:
    """Every second slice is stored upside down, and says so."""
    far = GRID.lps @ [0, GRID.rows - 1, 0, 0]

    def change(k: int, ds: Dataset) -> Dataset:
        if k % 2 == 0:
            return ds
        position = [decimal(float(v) + d) for v, d in zip(ds.ImagePositionPatient, far[:3], strict=True)]
        down = orientation(GRID.along_row, -np.array(GRID.along_column))
        flipped = image(GRID, k, ImagePositionPatient=position, ImageOrientationPatient=down)
        flipped.PixelData = GRID.plane(k)[::-1].astype("<u2").tobytes()
        return flipped

    write_series(folder, change)


def spun(folder: Path) -> None:
    """Sixteen localizer images through one axis, like the spokes of a wheel."""

    def change(k: int, _: Dataset) -> Dataset:
        angle = np.pi * k / GRID.n
        rows = (np.cos(angle), np.sin(angle), 0.0)
        position = [decimal(-5 * v) for v in rows]
        return image(GRID, k, ImagePositionPatient=position, ImageOrientationPatient=orientation(rows, (0, 0, -1)))

    write_series(folder, change)


def twice_and_missing(folder: Path) -> None:
    """One slice was sent twice, another not at all."""
    write_series(folder, lambda k, ds: [ds, image(GRID, 3, SOPInstanceUID=uid("again"))] if k == 3 else ds)
    (folder / "im0009").unlink()


def mosaic_beside(folder: Path) -> None:
    """A mosaic of another series in the folder."""
    write_series(folder)
    tags = {"SeriesInstanceUID": uid("mosaic"), "SeriesNumber": 9, "ImageType": ["DERIVED", "PRIMARY", "M", "MOSAIC"]}
    write_series(folder, grid=replace(GRID, n=3), prefix="mosaic", **tags)
