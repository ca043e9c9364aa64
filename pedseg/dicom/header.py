"""The lean header of one DICOM file: the wanted values as raw bytes, and where its pixels lie.

pydicom's own element generator does the parsing; no `Dataset` is built, because twenty thousand of
them would take a minute where this takes some seconds.
"""

from __future__ import annotations

import math
import os
import re
import struct
import zlib
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import data_element_generator
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pedseg.dicom.private import PRIVATE_TAGS
from pedseg.dicom.tags import NOTED, TAGS

_WORDS = {tag: re.sub("(?<=[a-z])(?=[A-Z])", " ", word) for word, tag in TAGS.items()}
_PREAMBLE, _MAGIC = 132, b"DICM"
_WANTED = [*TAGS.values(), *PRIVATE_TAGS]
_META_GROUP, _PIXEL_GROUP, _PIXEL_DATA, _PIXEL_ELEMENT = 0x0002, 0x7FE0, 0x0008, 0x0010
_META_CLASS, _META_SYNTAX = 0x00020002, 0x00020010
_STORAGE = "1.2.840.10008.5.1.4."
_NOTED_GROUPS = frozenset(tag >> 16 for tag in NOTED)
UNDEFINED = 0xFFFFFFFF
_MACH_O = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!", *_MACH_O)
NATIVE = frozenset(
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
"""Transfer syntaxes whose pixels are not compressed one by one."""
MAX_INFLATED = 1 << 28
"""Bytes a deflated file may grow to: zlib reaches 1 030 to 1, so the file's size says nothing."""

PARSE_FAULTS = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom raises on bytes that are not what they claim."""


NOT_DICOM, ZEROS = "not DICOM", "file of zeros"


class NotDicomError(Exception):
    """The file is no DICOM file; the text says what it is instead."""


@dataclass(frozen=True, slots=True)
class Header:
    """Raw values and pixel position of one file.

    Args:
        syntax: transfer syntax UID.
        little_endian: byte order of numbers.
        values: tag -> bytes as stored.
        pixels_at: offset of the pixel data in the file (of the inflated file for deflated ones), or -1.
        pixels_length: bytes the file declares for them; `UNDEFINED` when encapsulated.
        size: bytes of the (inflated) file.
        preamble: whether the 128 bytes and "DICM" were there.
        truncated: the file ends inside an element, or stops making sense.
        noted: of some elements only that they are there: `MODALITY_LUT`, `REAL_WORLD_VALUES`, float pixels.
        program: its preamble begins as a program does.
        two_in_one: what stands twice in the file where one was wanted, in a few words; else empty.
    """

    syntax: str
    little_endian: bool
    values: dict[int, bytes]
    pixels_at: int
    pixels_length: int
    size: int
    preamble: bool
    truncated: bool
    noted: frozenset[int] = frozenset()
    program: bool = False
    two_in_one: str = ""

    def text(self, keyword: str) -> str:
        """The value as text, without padding; empty where missing."""
        raw = self.values.get(TAGS[keyword])
        return raw.decode("ascii", "replace").strip(" \0") if isinstance(raw, bytes) else ""

    def identity(self, keyword: str) -> str:
        """The value as text that differs wherever its bytes do, whatever their character set; never shown."""
        raw = self.values.get(TAGS[keyword])
        return raw.decode("latin-1").strip(" \0") if isinstance(raw, bytes) else ""

    def unsigned(self, keyword: str) -> int | None:
        """The value as an unsigned 16-bit number; None where missing or of another length."""
        raw = self.values.get(TAGS[keyword])
        if not isinstance(raw, bytes) or len(raw) != 2:
            return None
        return int.from_bytes(raw, "little" if self.little_endian else "big")

    def double(self, keyword: str) -> float | None:
        """The value as a 64-bit float; None where missing or not finite."""
        raw = self.values.get(TAGS[keyword])
        if not isinstance(raw, bytes) or len(raw) != 8:
            return None
        value: float = struct.unpack("<d" if self.little_endian else ">d", raw)[0]
        return value if math.isfinite(value) else None


def read_header(path: Path) -> Header:
    """Read what `KEYWORDS` name, up to the pixel data.

    Raises:
        NotDicomError: the bytes are not DICOM.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        preamble = _starts_with_preamble(file)
        try:
            syntax, sop_class = _file_meta(file)
            if syntax == DeflatedExplicitVRLittleEndian:
                data = _inflate(file)
                header = _read_elements(BytesIO(data), syntax, size=len(data), preamble=preamble)
            else:
                header = _read_elements(file, syntax, size=size, preamble=preamble)
        except PARSE_FAULTS:
            syntax, sop_class, header = "", b"", Header("", True, {}, -1, 0, size, preamble, truncated=True)
        program = preamble and _begins_as_program(file)
    if sop_class:
        header.values.setdefault(TAGS["SOPClassUID"], sop_class)
    header = replace(header, program=program) if program else header
    # Without the preamble only an image, or one of the standard's classes cut before its pixels, is believed.
    image = header.pixels_at >= 0 and header.text("SOPClassUID") and header.unsigned("Rows")
    if not preamble and not (image or header.text("SOPClassUID").startswith(_STORAGE)):
        raise NotDicomError(NOT_DICOM)
    return header


def read_inflated(path: Path) -> bytes:
    """The data set of a deflated file, to which `Header.pixels_at` refers.

    Raises:
        ValueError: it grows beyond `MAX_INFLATED`.
    """
    with path.open("rb") as file:
        _starts_with_preamble(file)
        _file_meta(file)
        return _inflate(file)


def _inflate(file: BinaryIO) -> bytes:
    """Inflate the rest of a deflated file."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    data = stream.decompress(file.read(), MAX_INFLATED)
    if not stream.eof:
        raise ValueError("a deflated file is cut, or grows beyond the limit")
    return data


def _starts_with_preamble(file: BinaryIO) -> bool:
    """Leave the file at its first element; say whether a preamble came before it."""
    start = file.read(134)
    if start[128:132] == b"DICM":
        file.seek(132)
        return True
    # Without it the first group must be 0002 or 0008, in either byte order; behind zeros where "DICM" was lost.
    for at in (0, 128, 132):
        if start[at : at + 2] in (b"\x02\0", b"\x08\0", b"\0\x08") and not any(start[:at]):
            file.seek(at)
            return False
    raise NotDicomError(NOT_DICOM if any(start) else ZEROS)


def _begins_as_program(file: BinaryIO) -> bool:
    """Whether another system might run the file (CVE-2019-11687); TIFF's marks are legitimate."""
    file.seek(0)
    return file.read(4).startswith(_PROGRAMS)


def _file_meta(file: BinaryIO) -> tuple[str, bytes]:
    """Transfer syntax and SOP class of the file meta group; without one, the first element tells the syntax."""
    meta: dict[int, bytes] = {}
    start = file.tell()
    if file.read(2) == b"\x02\0":
        file.seek(start)
        elements = data_element_generator(file, False, True, lambda tag, _vr, _n: tag >> 16 != _META_GROUP)
        meta = {int(element[0]): element[3] or b"" for element in elements}
        start = file.tell()
    sop_class = meta.get(_META_CLASS) or b""
    named = (meta.get(_META_SYNTAX) or b"").decode("ascii", "replace").strip(" \0")
    # Some archives change implicit to explicit and leave the name; pydicom sees to the other way round.
    if named and named != ImplicitVRLittleEndian:
        return named, sop_class
    file.seek(start)
    first = file.read(6)
    file.seek(start)
    if not named and first[:2] == b"\0\x08":
        return str(ExplicitVRBigEndian), sop_class
    explicit = first[4:6].isalpha() and first[4:6].isupper()
    return str(ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian), sop_class


class _Stop:
    """Ends the parse at the pixel data, or at an element longer than the file."""

    __slots__ = ("at", "file", "length", "noted", "room", "truncated")

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.room = file, size
        self.at, self.length = -1, 0
        self.truncated = False
        self.noted: set[int] = set()

    def __call__(self, tag: int, _vr: str | None, length: int) -> bool:
        group = tag >> 16  # a plain integer: comparing pydicom's tags costs a Python call each
        if group in _NOTED_GROUPS and int(tag) in NOTED:
            self.noted.add(int(tag))
        if group >= _PIXEL_GROUP:
            number = tag & 0xFFFF
            if group == _PIXEL_GROUP and number < _PIXEL_DATA:
                return False  # a group length, or a table of offsets
            if number == _PIXEL_ELEMENT and group == _PIXEL_GROUP:
                self.at, self.length = self.file.tell(), length
            return True
        # Refused before the read, so that a lying length cannot ask for memory.
        if length > self.room and length != UNDEFINED:
            self.truncated = True
        return self.truncated


def _read_elements(file: BinaryIO, syntax: str, *, size: int, preamble: bool) -> Header:
    stop = _Stop(file, size)
    values: dict[int, bytes] = {}
    two_in_one = ""
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    try:
        for element in data_element_generator(file, implicit, little, stop, specific_tags=_WANTED):
            tag, value = int(element[0]), element[3] or b""
            if values.setdefault(tag, value) != value and tag in _WORDS:
                two_in_one = f"holds two values of {_WORDS[tag]}"
    except PARSE_FAULTS:
        stop.truncated = True
    except OSError as error:
        if error.errno is not None:
            raise
        stop.truncated = True  # pydicom's word for a sequence that does not close
    truncated = stop.truncated or (stop.at < 0 and file.tell() > size)
    if stop.at >= 0 and _begins_again(file, stop.at + stop.length, size):
        two_in_one = "holds two DICOM files, one behind the other"
    return Header(
        syntax=syntax,
        little_endian=little,
        values=values,
        pixels_at=stop.at,
        pixels_length=stop.length,
        size=size,
        preamble=preamble,
        truncated=truncated,
        noted=frozenset(stop.noted),
        two_in_one=two_in_one,
    )


def _begins_again(file: BinaryIO, end: int, size: int) -> bool:
    """Whether another file follows behind the pixels."""
    if end + _PREAMBLE > size:
        return False
    file.seek(end + _PREAMBLE - len(_MAGIC))
    return file.read(len(_MAGIC)) == _MAGIC
