"""Files that mean harm, built in the test: each claims, names or hides something that its bytes do not hold."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from mr_series import Grid, image, save, write_series
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
)

from benchmarks.mutate_dicom import elements_of
from benchmarks.mutate_dicom import packed as packed_element

MIB = 1 << 20
SMALL = Grid(rows=36, columns=32, n=6)
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m\r\n\x9b31m\u202e"
"""Set a title, clear, colour, start again, and turn the direction of writing."""
SQ_HEAD = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff"
ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"


@dataclass(frozen=True)
class Hostile:
    """One file or folder.

    Args:
        build: writes it into an empty folder; returns what is read.
        code: of the refusal; empty where it must be read.
        says: a regular expression that the refusal matches.
        notices: codes of the warnings where it is read.
    """

    build: Callable[[Path], Path]
    code: str = ""
    says: str = ""
    notices: tuple[str, ...] = ()


def zeros_deflated(n_mib: int) -> bytes:
    """A raw deflate stream of zeros, 1,000 to 1, made of one piece again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    piece = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * n_mib + packer.flush()


def gz_zeros(n_mib: int) -> bytes:
    """Gzip members of 64 MiB of zeros."""
    return gzip.compress(bytes(64 * MIB), 9, mtime=0) * (n_mib // 64)


def deflated(folder: Path) -> Path:
    """A deflated file that grows to 2 GiB of pixels."""
    path = save(image(SMALL, 0), folder / "im1", DeflatedExplicitVRLittleEndian)
    data = path.read_bytes()
    start = 144 + struct.unpack("<I", data[140:144])[0]
    head = zlib.decompress(data[start:], -15)
    packer = zlib.compressobj(9, wbits=-15)
    pixels = b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<I", 1 << 31)
    first = packer.compress(head[: head.index(pixels[:4])] + pixels)
    path.write_bytes(data[:start] + first + packer.flush(zlib.Z_FULL_FLUSH) + zeros_deflated(2048))
    return folder


def with_tags(**tags: object) -> Callable[[Path], Path]:
    """A series whose every image says so."""
    return lambda folder: write_series(folder, grid=SMALL, **tags)


def packed(syntax: str, change: Callable[[Dataset], None] = lambda _: None) -> Callable[[Path], Path]:
    """A compressed series, changed afterwards."""

    def build(folder: Path) -> Path:
        for k in range(SMALL.n):
            ds = image(SMALL, k)
            path = save(ds, folder / f"im{k}", ExplicitVRLittleEndian)
            ds.compress(syntax, generate_instance_uid=False)
            change(ds)
            ds.save_as(path, enforce_file_format=True)
        return folder

    return build


def enlarged(ds: Dataset) -> None:
    """65535 x 65535 in the header only."""
    ds.Rows = ds.Columns = 65535


def large(ds: Dataset) -> None:
    """Within the limit of voxels, 5.4 GiB as float32."""
    ds.Rows = ds.Columns = 13000


def siz(rows: int, columns: int, components: int = 1) -> Callable[[Dataset], None]:
    """Another size inside the JPEG 2000 codestream; the header stays."""

    def change(ds: Dataset) -> None:
        data = bytearray(ds.PixelData)
        at = data.index(b"\xff\x4f\xff\x51")
        data[at + 8 : at + 16] = struct.pack(">II", columns, rows)
        data[at + 40 : at + 42] = struct.pack(">H", components)
        ds.PixelData = bytes(data)

    return change


def sof(rows: int, columns: int) -> Callable[[Dataset], None]:
    """Another size inside the JPEG-LS codestream."""

    def change(ds: Dataset) -> None:
        data = bytearray(ds.PixelData)
        at = data.index(b"\xff\xf7")
        data[at + 5 : at + 9] = struct.pack(">HH", rows, columns)
        ds.PixelData = bytes(data)

    return change


def spliced(insert: bytes, *, before: bytes = b"\x10\0\x10\0") -> Callable[[Path], Path]:
    """Bytes before an element (by default Patient's Name) of one image of a series."""

    def build(folder: Path) -> Path:
        write_series(folder, grid=SMALL)
        path = folder / "im0003"
        data = path.read_bytes()
        at = data.index(before, 144)
        path.write_bytes(data[:at] + insert + data[at:])
        return folder

    return build


def lengthened(tag: bytes, length: int) -> Callable[[Path], Path]:
    """An element of one image that says another length: two bytes for short, four for long representations."""

    def build(folder: Path) -> Path:
        write_series(folder, grid=SMALL)
        path = folder / "im0003"
        data = bytearray(path.read_bytes())
        at = data.index(tag, 144)
        long = bytes(data[at + 4 : at + 6]) in (b"OW", b"OB", b"SQ", b"UN")
        value = struct.pack("<I", length) if long else struct.pack("<H", length & 0xFFFF)
        start = at + (8 if long else 6)
        data[start : start + len(value)] = value
        path.write_bytes(data)
        return folder

    return build


def preamble(start: bytes) -> Callable[[Path], Path]:
    """A series whose files begin like another kind of file."""

    def build(folder: Path) -> Path:
        write_series(folder, grid=SMALL)
        for path in folder.iterdir():
            path.write_bytes((start + b"HOSTILE PREAMBLE").ljust(128, b"\x90") + path.read_bytes()[128:])
        return folder

    return build


def enhanced(**tags: object) -> Callable[[Path], Path]:
    """One multi-frame file without descriptions of its frames."""

    def build(folder: Path) -> Path:
        return save(image(SMALL, 0, SOPClassUID=EnhancedMRImageStorage, **tags), folder / "exam.dcm")

    return build


def nested(depth: int) -> Callable[[Path], Path]:
    """A multi-frame file whose shared groups are sequences in sequences."""

    def build(folder: Path) -> Path:
        path = enhanced(NumberOfFrames=6)(folder)
        data = path.read_bytes()
        at = data.index(b"\xe0\x7f\x10\0")
        deep = b"\0\x52\x29\x92SQ\0\0\xff\xff\xff\xff" + (ITEM + SQ_HEAD) * depth
        path.write_bytes(data[:at] + deep + data[at:])
        return path

    return build


def with_values(*words: str, value: bytes = ESCAPES.encode(), name: str = "im") -> Callable[[Path], Path]:
    """A series whose every image holds bytes that pydicom would not write."""
    tags = {struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in map(tag_for_keyword, words) if tag is not None}

    def build(folder: Path) -> Path:
        write_series(folder, grid=SMALL, prefix=name, **dict.fromkeys(words, "1"))
        for path in folder.iterdir():
            data = path.read_bytes()
            start = 144 + struct.unpack("<I", data[140:144])[0]
            elements = elements_of(data[start:], little=True, implicit=False)
            changed = [e._replace(value=value) if e.tag in tags else e for e in elements]
            path.write_bytes(data[:start] + b"".join(packed_element(e, little=True, implicit=False) for e in changed))
        return folder

    return build


def nifti(
    changes: Iterable[tuple[int, bytes]] = (), *, tail: bytes = b"", packed: bool = False, name: str = "image"
) -> Callable[[Path], Path]:
    """A NIfTI-1 file of 4 x 5 x 6 voxels with bytes of its header replaced."""

    def build(folder: Path) -> Path:
        data = bytearray(nib.Nifti1Image(np.arange(120, dtype=np.int16).reshape(4, 5, 6), np.eye(4)).to_bytes())
        for at, value in changes:
            data[at : at + len(value)] = value
        path = folder / (f"{name}.nii.gz" if packed else f"{name}.nii")
        path.write_bytes((gzip.compress(bytes(data), mtime=0) if packed else bytes(data)) + tail)
        return path

    return build


def dims(*sizes: int) -> tuple[tuple[int, bytes], ...]:
    """The `dim` field."""
    return ((40, struct.pack("<8h", *sizes, *(1,) * (8 - len(sizes)))),)


def floats(at: int, *values: float) -> tuple[tuple[int, bytes], ...]:
    """Numbers from an offset on."""
    return ((at, struct.pack(f"<{len(values)}f", *values)),)


def header_file(name: str, text: str) -> Callable[[Path], Path]:
    """An NRRD or MHA header, and nothing behind it; its data may be named elsewhere."""

    def build(folder: Path) -> Path:
        (folder / "x.raw").write_bytes(bytes(120))
        path = folder / name
        path.write_text(text.format(folder=folder))
        return path

    return build


NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: {sizes}\nencoding: {encoding}\n{more}\n\n"
MHA = "ObjectType = Image\nNDims = 3\nDimSize = {sizes}\nElementType = MET_SHORT\n{more}\nElementDataFile = {file}\n"


def nrrd(sizes: str = "3 4 5", encoding: str = "raw", more: str = "endian: little") -> Callable[[Path], Path]:
    """An NRRD header."""
    return header_file("x.nrrd", NRRD.format(sizes=sizes, encoding=encoding, more=more))


def mha(sizes: str = "3 4 5", file: str = "LOCAL", more: str = "BinaryData = True") -> Callable[[Path], Path]:
    """An MHA header."""
    return header_file("x.mha", MHA.format(sizes=sizes, file=file, more=more))

