"""Images that belong together, or seem to: what section A2 of the catalogue builds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from a1_faults import Write, compressed
from mr_series import GRID, Grid, decimal, image, raw, save, uid, write_series
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    JPEG2000Lossless,
    KeyObjectSelectionDocumentStorage,
    MRSpectroscopyStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

AXIAL = {"along_row": (1.0, 0.0, 0.0), "along_column": (0.0, 1.0, 0.0)}
FAR = (80.0, 0.0, 0.0)
SLICES = range(GRID.n)
HALF_WAY = tuple(GRID.lps @ [0, 0, 0.5, 1])[:3]
"""Between the first slice and the second."""


def moved(mm: float) -> tuple[float, ...]:
    """The first slice's place, so far along the normal."""
    return tuple(GRID.lps @ [0, 0, mm / GRID.step, 1])[:3]


def series(**tags: object) -> Write:
    """The whole series with other tags; None removes one."""
    return lambda folder: write_series(folder, **tags)


def each(tags_of: Callable[[int], dict[str, object]]) -> Write:
    """Tags of their own for each slice; None removes one, or the whole slice."""

    def change(k: int, _ds: Dataset) -> Dataset:
        return image(GRID, k, **({"SOPInstanceUID": uid("image", k)} | tags_of(k)))

    return lambda folder: write_series(folder, change)


def some(*numbers: int, **tags: object) -> Write:
    """Other tags in the slices of these numbers, which count from 1."""
    return each(lambda k: tags if k + 1 in numbers else {})


def raw_values(values: Callable[[int], dict[str, tuple[str, bytes]]]) -> Write:
    """Values as bytes that pydicom itself would not write."""

    def change(k: int, ds: Dataset) -> Dataset:
        for keyword, (vr, value) in values(k).items():
            raw(ds, keyword, vr, value)
        return ds

    return lambda folder: write_series(folder, change)


def together(*writers: Write) -> Write:
    """What several writers do, in one folder."""

    def write(folder: Path) -> None:
        for one in writers:
            one(folder)

    return write


def stack(prefix: str, grid: Grid, **tags: object) -> Write:
    """Another stack beside the series."""
    return lambda folder: write_series(folder, grid=grid, prefix=prefix, **tags)


def other(n: int = 10, grid: Grid | None = None, **tags: object) -> Write:
    """A second series of the same study."""
    named = {"SeriesInstanceUID": uid("other"), "SeriesNumber": 7} | tags
    return stack("other", grid or Grid(n=n, origin=FAR), **named)


def localizer(n: int = 3, **tags: object) -> Write:
    """Images across the series, under its own UID."""
    return stack("loc", Grid(n=n, step=9.0, **AXIAL), **tags)


def three_planes(n: int) -> Write:
    """A localizer of three planes with n images each, under the series' own UID."""
    coronal = {"along_row": (1.0, 0.0, 0.0), "along_column": (0.0, 0.0, -1.0)}
    sagittal = {"along_row": (0.0, 1.0, 0.0), "along_column": (0.0, 0.0, -1.0)}
    planes = {"tra": AXIAL, "cor": coronal, "sag": sagittal}
    return together(*(stack(name, Grid(n=n, step=9.0, **plane)) for name, plane in planes.items()))


def between(folder: Path) -> None:
    """Three images between the slices, in every number like them."""
    grid = Grid(n=3, step=4.0, origin=HALF_WAY)
    write_series(folder, grid=grid, prefix="loc", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])


def last_foreign(**tags: object) -> Write:
    """The last slice as an image of another kind under the series' UID."""

    def change(k: int, ds: Dataset) -> Dataset:
        return image(GRID, k, **tags) if k == GRID.n - 1 else ds

    return lambda folder: write_series(folder, change)


def captures(folder: Path) -> None:
    """Pictures and documents that are no MR images."""
    colour = image(GRID, 0, SamplesPerPixel=3, PhotometricInterpretation="RGB")
    colour.BitsAllocated, colour.BitsStored, colour.HighBit = 8, 8, 7
    colour.PlanarConfiguration, colour.PixelData = 0, bytes(48 * 40 * 3)
    save(colour, folder / "colour")
    save(image(GRID, 1, PhotometricInterpretation="PALETTE COLOR"), folder / "palette")
    colour.SOPClassUID = colour.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    save(colour, folder / "capture")
    save(image(GRID, 0, SOPClassUID=KeyObjectSelectionDocumentStorage, PixelData=None), folder / "document")


def objects(folder: Path) -> None:
    """What a viewer and a scanner leave beside an exam."""
    for sop_class in (GrayscaleSoftcopyPresentationStateStorage, SegmentationStorage, MRSpectroscopyStorage):
        save(image(GRID, 2, SOPClassUID=sop_class, SOPInstanceUID=uid(sop_class)), folder / f"object{sop_class[-4:]}")
    save(image(GRID, 2, SOPClassUID="1.3.46.670589.11.0.0.12.1", SOPInstanceUID=uid("raw")), folder / "philips")


def repeated(**tags_of: list[object]) -> Write:
    """The series once for each list entry, with those tags; grey values differ by 500 each time."""
    n = len(next(iter(tags_of.values())))

    def change(k: int, _ds: Dataset) -> list[Dataset]:
        return [again(k, copy, {key: values[copy] for key, values in tags_of.items()}, n) for copy in range(n)]

    return lambda folder: write_series(folder, change)


def again(k: int, copy: int, tags: dict[str, object], n: int = 2) -> Dataset:
    """Slice k with a UID of its own, 500 grey values higher for each copy."""
    ds = image(GRID, k, **tags)
    ds.SOPInstanceUID = uid("image", k, copy)
    ds.InstanceNumber = k * n + copy + 1
    ds.PixelData = (GRID.plane(k) + 500 * copy).astype("<u2").tobytes()
    return ds


def kinds(*words: str, at: int = 2) -> list[object]:
    """Image Types that differ in one value."""
    types = []
    for word in words:
        values = ["ORIGINAL", "PRIMARY", "M", "ND"]
        values[at] = word
        types.append(values)
    return types


DIXON = [["DERIVED", "PRIMARY", "DIXON", kind] for kind in ("WATER", "FAT", "IN_PHASE", "OUT_PHASE")]


def counted_phases(folder: Path) -> None:
    """Two time points whose acquisition and trigger numbers also grow from slice to slice."""

    def change(k: int, _ds: Dataset) -> list[Dataset]:
        tags = [{"AcquisitionNumber": 2 * k + c, "TriggerTime": str(40 * k + c)} for c in (0, 1)]
        return [again(k, c, tags[c] | {"TemporalPositionIdentifier": c + 1}) for c in (0, 1)]

    write_series(folder, change)


def sent_again(folder: Path) -> None:
    """One slice twice, the second time with a UID and an acquisition number of its own."""
    write_series(folder)
    save(image(GRID, 5, SOPInstanceUID=uid("again"), AcquisitionNumber=99), folder / "again")


def copies(folder: Path) -> None:
    """Two files copied by hand."""
    for name in ("im0003", "im0016"):
        (folder / f"copy of {name}").write_bytes((folder / name).read_bytes())


def rounded_copies(folder: Path) -> None:
    """Two copies whose positions were rounded to five digits."""
    write_series(folder)
    for k in (3, 7):
        ds = image(GRID, k)
        ds.ImagePositionPatient = [f"{float(v):.5g}" for v in ds.ImagePositionPatient]
        save(ds, folder / f"copy{k}")


def numbers_written_twice(folder: Path) -> None:
    """Series Number 4 and 04 by turns, and no Series Instance UID."""

    def change(k: int, _: Dataset) -> Dataset:
        return raw(image(GRID, k, SeriesInstanceUID=None), "SeriesNumber", "IS", b"04" if k % 2 else b"4 ")

    write_series(folder, change)


def compressed_copies(folder: Path) -> None:
    """An archive that sends each image as it is and compressed."""
    for k in SLICES:
        save(compressed(JPEG2000Lossless, image(GRID, k)), folder / f"jpeg{k}")


def same_place(k: int, pixels_of: int, **tags: object) -> Write:
    """One more image at the place of slice k with the grey values of another."""

    def write(folder: Path) -> None:
        ds = image(GRID, k, **tags)
        ds.PixelData = image(GRID, pixels_of).PixelData
        save(ds, folder / "other")

    return write


def same_uid_everywhere(folder: Path) -> None:
    write_series(folder, SOPInstanceUID=uid("one for all"))


def jittered(folder: Path, *, noise_of: float = 2e-6) -> None:
    """Orientations that differ in their last digits from slice to slice, as double-oblique series have them."""
    noise = np.random.default_rng(3).uniform(-noise_of, noise_of, (GRID.n, 6))

    def tags(k: int) -> dict[str, object]:
        cosines = np.array([*GRID.along_row, *GRID.along_column]) + noise[k]
        return {"ImageOrientationPatient": [decimal(v) for v in cosines]}

    each(tags)(folder)


def turning(folder: Path) -> None:
    """A projection that turns about an axis: each image has an orientation of its own."""

    def tags(k: int) -> dict[str, object]:
        angle = np.radians(11 * k)
        cosines = (float(np.cos(angle)), float(np.sin(angle)), 0.0, 0.0, 0.0, -1.0)
        return {"ImageOrientationPatient": [decimal(v) for v in cosines], "ImageType": ["DERIVED", "PRIMARY", "MIP"]}

    each(tags)(folder)


CT = {"SOPClassUID": CTImageStorage, "Modality": "CT", "RescaleIntercept": "0", "RescaleSlope": "1"}
CAPTURE = {"SOPClassUID": SecondaryCaptureImageStorage}
JAPANESE = "ISO 2022 IR 6\\ISO 2022 IR 87"


def without_instance(folder: Path) -> None:
    """No SOP Instance UID in the data set; the meta group has one."""

    def change(k: int, ds: Dataset) -> Dataset:
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        del ds.SOPInstanceUID
        return ds

    write_series(folder, change)


def unknown_charset(folder: Path) -> None:
    """Bytes that no character set explains, in values that are shown."""
    for path in write_series(folder, SpecificCharacterSet="ISO_IR 100", Manufacturer="Acme Scanner").iterdir():
        data = path.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 999")
        path.write_bytes(data.replace(b"Acme Scanner", b"\xff\xfe\x1b[31m\x07\xe9me!"))


def blanks(folder: Path) -> None:
    """Numbers as text with blanks, signs and zeros."""

    def values(k: int) -> dict[str, tuple[str, bytes]]:
        position = [f" {decimal(v)} " if v < 0 else f"+0{decimal(v)}" for v in (GRID.lps @ [0, 0, k, 1])[:3]]
        return {"ImagePositionPatient": ("DS", "\\".join(position).encode() + b"\0"), "EchoTime": ("DS", b" 4.40 ")}

    raw_values(values)(folder)


def place_text(k: int) -> bytes:
    """Image Position (Patient) of slice k as stored."""
    text = "\\".join(decimal(v) for v in (GRID.lps @ [0, 0, k, 1])[:3])
    return (text + " " * (len(text) % 2)).encode()


def phases_by(tags_of: Callable[[int, int], dict[str, object] | None]) -> Write:
    """Two images at each place, the second 500 grey values higher; None drops one."""

    def change(k: int, _ds: Dataset) -> list[Dataset]:
        return [again(k, c, tags) for c in (0, 1) if (tags := tags_of(k, c)) is not None]

    return lambda folder: write_series(folder, change)


def both_sides(folder: Path) -> None:
    """Two parallel stacks under one UID, 16 cm apart, the second of its own Instance Numbers."""
    write_series(folder)
    far = tuple(GRID.lps @ [0, 0, 200, 1])[:3]
    write_series(folder, lambda k, _: image(Grid(origin=far), k, InstanceNumber=17 + k), prefix="right")


def half_way(first: dict[str, object], second: dict[str, object]) -> Write:
    """Two volumes half a step apart under one UID."""
    return together(series(**first), stack("b", Grid(origin=HALF_WAY), **second))


def laced(**tags: object) -> Write:
    """Another volume half a step on, its columns mirrored: what lies at each place is another thing."""

    def mirrored(k: int, ds: Dataset) -> Dataset:
        ds.SOPInstanceUID = uid("laced", k)
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)[:, ::-1].tobytes()
        return ds

    return together(series(), lambda folder: write_series(folder, mirrored, grid=Grid(origin=HALF_WAY), prefix="b",
                                                          **tags))


def hole(folder: Path) -> None:
    """Four slices, twenty missing ones, and twelve slices."""
    grid = Grid(n=36)
    write_series(folder, lambda k, ds: None if 4 <= k < 24 else ds, grid=grid)


def jittered_phases(folder: Path) -> None:
    """Eight time points whose positions differ by a few micrometres: more places at each slice than a slab has."""
    rng = np.random.default_rng(9)

    def change(k: int, _ds: Dataset) -> list[Dataset]:
        made = [again(k, c, {"TemporalPositionIdentifier": c + 1}, 8) for c in range(8)]
        for ds in made:
            ds.ImagePositionPatient = [decimal(float(v) + rng.uniform(-0.004, 0.004)) for v in ds.ImagePositionPatient]
        return made

    write_series(folder, change)


def two_letters(folder: Path) -> None:
    """The upper half of the slices is of a patient whose number differs in one byte of a national alphabet."""
    numbers = (b"ZZPHI-M\xf6ller ", b"ZZPHI-M\xfcller ")
    write_series(folder, lambda k, ds: raw(ds, "PatientID", "LO", numbers[k // 8]))
