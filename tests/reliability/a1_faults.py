"""Files and folders with a fault: what section A1 of the catalogue builds."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import jpeg_lossless
import numpy as np
from mr_series import GRID, Change, Grid, image, raw, save, uid, write_series
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

Write = Callable[[Path], object]
META_END = b"\x02\0\x10\0UI"
"""Where the transfer syntax stands: the last element that pydicom writes before its own names."""
PIXELS = b"\xe0\x7f\x10\x00OW"


def nothing(_folder: Path) -> None:
    """An empty folder."""


def files(**content: bytes) -> Write:
    """A writer of files that hold no image; `_` stands for a dot."""

    def write(folder: Path) -> None:
        for name, data in content.items():
            (folder / name.replace("_", ".")).write_bytes(data)

    return write


def with_series(*writers: Write) -> Write:
    """The whole series, and then what the writers do."""

    def write(folder: Path) -> None:
        write_series(folder)
        for each in writers:
            each(folder)

    return write


def clutter(folder: Path) -> None:
    """What systems leave beside images."""
    write_series(folder)
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" * 40)
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 40)
    (folder / "report.pdf").write_bytes(b"%PDF-1.4" * 40)
    (folder / "archive.zip").write_bytes(b"PK\3\4" * 40)
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"\x02\0\0\0UL\4\0\xff\xff\xff\x7f")
    (folder / "__MACOSX").mkdir()
    for k in range(GRID.n):
        (folder / "__MACOSX" / f"._im{k:04d}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X" * 20)


def documents(folder: Path) -> None:
    """A report as DICOM, without pixels."""
    write_series(folder)
    save(image(GRID, 0, SOPClassUID=EncapsulatedPDFStorage, PixelData=None, Rows=None), folder / "report")


def zipped_one_by_one(folder: Path) -> None:
    write_series(folder)
    for path in sorted(folder.iterdir()):
        path.with_name(f"{path.name}.dcm.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        path.unlink()


def emptied(*numbers: int) -> Write:
    """Files of the series without a byte."""
    return with_series(lambda folder: [(folder / f"im{n:04d}").write_bytes(b"") for n in numbers])


def links_to(*targets: str) -> Write:
    """The series and links beside it."""
    return with_series(lambda folder: [(folder / f"im{n:04d}").symlink_to(t) for n, t in enumerate(targets, 17)])


def cut(n: int) -> Write:
    """A slice that ends too early."""

    def write(folder: Path) -> None:
        path = write_series(folder) / "im0015"
        path.write_bytes(path.read_bytes()[:n])

    return write


def cut_copy(folder: Path) -> None:
    """A download that broke and was begun again: the whole file is there too."""
    data = (write_series(folder) / "im0015").read_bytes()
    (folder / "im0015.part").write_bytes(data[: len(data) - 2000])


def cut_bare_slice(n: int) -> Write:
    """The last slice without preamble and meta group, cut."""

    def write(folder: Path) -> None:
        path = write_series(folder) / "im0016"
        data = path.read_bytes()
        path.write_bytes(data[meta_end(data) :][:n])

    return write


def meta_end(data: bytes) -> int:
    """Where the data set begins."""
    return 132 + 12 + int.from_bytes(data[140:144], "little")


def compressed(syntax: UID, ds: Dataset) -> Dataset:
    """The image in another transfer syntax."""
    if not hasattr(ds, "file_meta"):
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax in (UID("1.2.840.10008.1.2.4.57"), UID("1.2.840.10008.1.2.4.70")):
        return jpeg_lossless.compress(ds, syntax)
    if syntax.is_encapsulated:
        ds.compress(syntax, generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = syntax
    return ds


def coded(*syntaxes: UID) -> Write:
    """The series, its slices in these transfer syntaxes in turn."""
    return lambda folder: write_series(folder, lambda k, ds: compressed(syntaxes[k % len(syntaxes)], ds))


def cut_compressed(syntax: UID) -> Write:
    """The compressed pixels of one slice are cut."""

    def write(folder: Path) -> None:
        coded(syntax)(folder)
        path = folder / "im0015"
        path.write_bytes(path.read_bytes()[:-60])

    return write


def cut_coded_copy(name: str) -> Write:
    """A broken download of a compressed slice, beside the whole file."""

    def write(folder: Path) -> None:
        coded(RLELossless)(folder)
        (folder / name).write_bytes((folder / "im0015").read_bytes()[:-60])

    return write


def cut_deflated(folder: Path) -> None:
    write_series(folder)
    path = save(image(GRID, 14), folder / "im0015", DeflatedExplicitVRLittleEndian)
    path.write_bytes(path.read_bytes()[:-60])


def in_fragments(folder: Path) -> None:
    """One JPEG 2000 image in three fragments, without an offset table, as some scanners write."""

    def change(_k: int, ds: Dataset) -> Dataset:
        ds = compressed(JPEG2000Lossless, ds)
        (code,) = generate_frames(ds.PixelData, number_of_frames=1)
        third = len(code) // 3 // 2 * 2
        parts = (code[:third], code[third : 2 * third], code[2 * third :])
        items = b"".join(b"\xfe\xff\x00\xe0" + len(part).to_bytes(4, "little") + part for part in parts)
        ds.PixelData = b"\xfe\xff\x00\xe0" + bytes(4) + items + b"\xfe\xff\xdd\xe0" + bytes(4)
        return ds

    write_series(folder, change)


def wrong_offsets(folder: Path) -> None:
    """A basic offset table whose only entry leads into the image."""

    def change(_k: int, ds: Dataset) -> Dataset:
        ds = compressed(JPEGLSLossless, ds)
        ds.PixelData = ds.PixelData[:8] + b"\x10\0\0\0" + ds.PixelData[12:]
        return ds

    write_series(folder, change)


def eight_bits(encode: Callable[[np.ndarray, Dataset], None]) -> Write:
    """The series with 8-bit pixels, lossy: its grey values cannot tell the place."""

    def change(k: int, ds: Dataset) -> Dataset:
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        encode((GRID.plane(k) % 251).astype(np.uint8), ds)
        return ds

    return lambda folder: write_series(folder, change)


def as_jpeg(plane: np.ndarray, ds: Dataset) -> None:
    """Baseline JPEG by Pillow."""
    file = BytesIO()
    Image.fromarray(plane).save(file, "JPEG", quality=80)
    ds.PixelData = encapsulate([file.getvalue()])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True


def near_lossless(syntax: UID, **how: object) -> Write:
    """The series through a lossy encoder that keeps each value within a few units."""

    def change(_k: int, ds: Dataset) -> Dataset:
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.compress(syntax, generate_instance_uid=False, **how)
        return ds

    return lambda folder: write_series(folder, change)


def packed_as(syntax: UID, fragment: bytes = b"abcd") -> Write:
    """Compressed pixels that hold no image of that kind."""

    def change(_k: int, ds: Dataset) -> Dataset:
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = syntax
        ds.PixelData = encapsulate([fragment])
        ds["PixelData"].is_undefined_length = True
        ds["PixelData"].VR = "OB"
        return ds

    return lambda folder: write_series(folder, change)


def packed_but_native(folder: Path) -> None:
    """Fragments under a transfer syntax that has none."""
    path = write_series(folder) / "im0015"
    data = path.read_bytes()
    at = data.rindex(PIXELS) + 8
    path.write_bytes(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])


def bomb(folder: Path) -> None:
    """512 MiB of zeros in half a megabyte."""
    data = save(image(GRID, 0), folder / "bomb", DeflatedExplicitVRLittleEndian).read_bytes()
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    (folder / "bomb").write_bytes(data[: meta_end(data)] + block * 32 + packer.flush())


def rewritten(change: Callable[[bytes], bytes], **tags: object) -> Write:
    """The series with the bytes of each file changed."""

    def write(folder: Path) -> None:
        for path in write_series(folder, **tags).iterdir():
            path.write_bytes(change(path.read_bytes()))

    return write


def before_pixels(extra: bytes) -> Write:
    """The series with more elements in front of the pixel data."""

    def change(data: bytes) -> bytes:
        at = data.rindex(PIXELS)
        return data[:at] + extra + data[at:]

    return rewritten(change)


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    """An explicit element, little endian, its value of any length."""
    tag = group.to_bytes(2, "little") + number.to_bytes(2, "little")
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return tag + vr + bytes(2) + len(value).to_bytes(4, "little") + value
    return tag + vr + len(value).to_bytes(2, "little") + value


def no_meta_either(folder: Path) -> None:
    for k in range(GRID.n):
        image(GRID, k).save_as(folder / f"{k}", implicit_vr=bool(k % 2), little_endian=True)


def meta_of_another_syntax(written: UID, named: UID) -> Write:
    """Files whose meta group names another transfer syntax than that of the data set."""

    def change(data: bytes) -> bytes:
        old, new = (element(2, 0x10, b"UI", padded(uid)) for uid in (written, named))
        length = int.from_bytes(data[140:144], "little") + len(new) - len(old)
        return (data[:140] + length.to_bytes(4, "little") + data[144:]).replace(old, new, 1)

    def write(folder: Path) -> None:
        for k in range(GRID.n):
            path = save(image(GRID, k), folder / f"im{k + 1:04d}", written)
            path.write_bytes(change(path.read_bytes()))

    return write


def padded(text: str) -> bytes:
    """A UID of even length."""
    return text.encode() + b"\0" * (len(text) % 2)


def without_syntax(data: bytes) -> bytes:
    """A meta group that does not name its transfer syntax, and whose length is wrong."""
    return data.replace(element(2, 0x10, b"UI", padded(ExplicitVRLittleEndian)), b"", 1)


def without_class(folder: Path) -> None:
    """No SOP class anywhere, as some research programs write; Modality says MR."""
    for k in range(GRID.n):
        ds = image(GRID, k, SOPClassUID=None)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.save_as(folder / f"{k}", enforce_file_format=False)
        path = folder / f"{k}"
        path.write_bytes(bytes(128) + b"DICM" + path.read_bytes().removeprefix(bytes(128) + b"DICM"))


def stray_without_class(folder: Path) -> None:
    """A DICOM file beside the series that does not say what it is."""
    without_class(folder)
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    path = folder / "0"
    path.write_bytes(path.read_bytes().replace(b"\x08\0\x60\0CS\2\0MR", b"\x08\0\x60\0CS\2\0OT"))
    write_series(folder)


def dicomdir(folder: Path, name: str = "DICOMDIR") -> None:
    """A valid directory record that points outside: it must not be followed."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    ds.file_meta.MediaStorageSOPInstanceUID = uid("directory")
    record = Dataset()
    record.ReferencedFileID = ["OUTSIDE", "IM0001"]
    record.DirectoryRecordType = "IMAGE"
    ds.DirectoryRecordSequence = [record]
    ds.save_as(folder / name, enforce_file_format=True)
    write_series(folder.with_name("OUTSIDE"), SeriesInstanceUID=uid("outside"))


def burned_disc(folder: Path) -> None:
    """What a hospital hands out: directory file, viewer, pictures, and images four folders deep."""
    dicomdir(folder)
    (folder / "AUTORUN.INF").write_text("[autorun]\nopen=VIEWER.EXE")
    (folder / "VIEWER.EXE").write_bytes(b"MZ" + bytes(500))
    (folder / "INDEX.HTM").write_text("<html>")
    series = folder / "DICOM" / "PA000000" / "ST000000" / "SE000000"
    write_series(series)
    for n, path in enumerate(sorted(series.iterdir())):
        path.rename(series / f"IM{n:06d}")
    (folder / "JPEG").mkdir()
    (folder / "JPEG" / "IM000000.JPG").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")


def nested(folder: Path, deepest: int = 12) -> None:
    """Slices in folders of every depth."""
    write_series(folder)
    for n, path in enumerate(sorted(folder.iterdir())):
        deep = folder.joinpath(*"abcdefghijklmno"[: min(n, deepest)])
        deep.mkdir(parents=True, exist_ok=True)
        path.rename(deep / path.name)


def too_deep(folder: Path) -> None:
    """The last three slices lie thirteen folders deep."""
    nested(folder, 13)


def odd_names(folder: Path) -> None:
    """Names that break scripts, terminals and lists of files."""
    folder = folder / "Études été 骨 spa ce"
    write_series(folder)
    names = ["a" * 255, "new\nline", "\x1b[31m", "-rf", " ", "é.dcm", "骨", "x.nii.txt", "im.JPG", "'\"`$;&|<>"]
    for name, path in zip(names, sorted(folder.iterdir()), strict=False):
        path.rename(folder / name)
    (folder / "im0016").rename(folder / os.fsdecode(b"im\xff\xfe\x80"))


def broken_slice_named(name: str) -> Write:
    """A slice that ends too early, under a name that could write to a terminal."""

    def write(folder: Path) -> None:
        path = write_series(folder) / "im0015"
        path.write_bytes(path.read_bytes()[:-1000])
        path.rename(folder / name)

    return write


def links(folder: Path) -> None:
    """Files by links; folders that loop, and that lead out of the root; a pipe and a device."""
    outside = folder.with_name("outside")
    write_series(outside)
    write_series(folder.with_name("other"), SeriesInstanceUID=uid("other"))
    for path in outside.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "loop").symlink_to(folder)
    (folder / "away").symlink_to(folder.with_name("other"))
    (folder / "zero").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe")


def linked_twice(folder: Path) -> None:
    """One file under three names."""
    write_series(folder)
    (folder / "soft").symlink_to("im0004")
    os.link(folder / "im0004", folder / "hard")


def multi_part(change: Change, **tags: object) -> Write:
    """The series with each slice changed."""
    return lambda folder: write_series(folder, change, **tags)


def odd_lengths(_k: int, ds: Dataset) -> Dataset:
    """Values of odd length, which the standard forbids and some archives write."""
    raw(ds, "SeriesDescription", "LO", b"odd")
    return raw(ds, "StudyDescription", "LO", b"ZZPHI")


PRIVATE = b"".join(
    [
        element(0x0009, 0x1001, b"LO", b"no creator before it"),
        element(0x0019, 0x0010, b"LO", b"SIEMENS MR HEADER "),
        element(0x0019, 0x100C, b"UN", b"800 "),
        b"\x29\0\x10\x10UN\0\0\xff\xff\xff\xff"
        + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
        + b"\x29\0\x11\x10\4\0\0\0abcd"
        + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0",
        element(0x0051, 0x100F, b"LO", b""),
    ]
)
"""A private element without creator, one of unknown type, and a sequence of unknown type and length."""

ICON = (
    b"\x88\0\0\2SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    + element(0x0028, 0x0010, b"US", b"\x40\0")
    + element(0x0028, 0x0011, b"US", b"\x40\0")
    + element(0x7FE0, 0x0010, b"OW", bytes(64 * 64))
    + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
)
"""A small picture of the image, with Rows, Columns and Pixel Data of its own."""

LOSSLESS = {
    "rle": RLELossless,
    "jpeg2000": JPEG2000Lossless,
    "jpegls": JPEGLSLossless,
    "jpeg-14": UID("1.2.840.10008.1.2.4.57"),
    "jpeg-sv1": UID("1.2.840.10008.1.2.4.70"),
}
NATIVE = {
    "implicit": ImplicitVRLittleEndian,
    "big-endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
VIDEO = MPEG2MPML
HTJ2K = UID("1.2.840.10008.1.2.4.201")
SMALL = Grid(rows=4, columns=4, n=8)


def many_series(folder: Path) -> None:
    """Twenty small series; how fast many are listed is a test of its own."""
    for n in range(1, 21):
        write_series(folder / f"{n}", grid=SMALL, SeriesInstanceUID=uid(n), SeriesNumber=n)


def behind_each_other(folder: Path) -> None:
    """The last two slices as one file."""
    write_series(folder)
    last = folder / "im0016"
    with (folder / "im0015").open("ab") as file:
        file.write(last.read_bytes())
    last.unlink()


def two_images(syntax: UID) -> Write:
    """Two compressed images in each file, where the header speaks of one."""

    def change(_k: int, ds: Dataset) -> Dataset:
        ds = compressed(syntax, ds)
        (code,) = generate_frames(ds.PixelData, number_of_frames=1)
        item = b"\xfe\xff\x00\xe0" + len(code).to_bytes(4, "little") + code
        ds.PixelData = b"\xfe\xff\x00\xe0" + bytes(4) + item + item + b"\xfe\xff\xdd\xe0" + bytes(4)
        return ds

    return lambda folder: write_series(folder, change)


def said_to_be_bytes(syntax: UID) -> Write:
    """Compressed images of 16 bits, whose headers say 8."""

    def change(_k: int, ds: Dataset) -> Dataset:
        ds = compressed(syntax, ds)
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        return ds

    return lambda folder: write_series(folder, change)


def of_fewer_rows(folder: Path) -> None:
    """Run-length pixels, whose headers say half of their rows: nothing in the file says how many there are."""

    def change(_k: int, ds: Dataset) -> Dataset:
        ds = compressed(RLELossless, ds)
        ds.Rows //= 2
        return ds

    write_series(folder, change)
