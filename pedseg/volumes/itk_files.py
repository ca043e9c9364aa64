"""NRRD and MHA files: their headers are looked through before ITK reads, for it believes sizes and follows names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from pedseg.errors import InputError, one_line
from pedseg.volumes.geometry import LPS_TO_RAS
from pedseg.volumes.limits import check_place, check_size, refuse_bomb
from pedseg.volumes.volume import Volume

IMAGE_IO = {".nrrd": "NrrdImageIO", ".mha": "MetaImageIO"}
"""ITK's reader by ending: left to itself it takes whichever believes the content."""
_MAX_HEADER = 1 << 20
_BYTES = {
    1: "signed char|int8|int8_t|uchar|unsigned char|uint8|uint8_t|met_char|met_uchar",
    2: "short|short int|signed short|signed short int|int16|int16_t|ushort|unsigned short|unsigned short int|uint16|"
    "uint16_t|met_short|met_ushort",
    4: "int|signed int|int32|int32_t|uint|unsigned int|uint32|uint32_t|float|met_int|met_uint|met_float",
    8: "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t|ulonglong|"
    "unsigned long long|unsigned long long int|uint64|uint64_t|double|met_double|met_long|met_ulong|met_long_long|"
    "met_ulong_long",
}
_SIZE_OF = {word: size for size, words in _BYTES.items() for word in words.split("|")}


@dataclass(frozen=True)
class _Stored:
    """What a header says of its data.

    Args:
        sizes: along (I, J, K, ...).
        type: as written, lower case.
        packed: compressed.
        text: written as digits.
        start: of the data in the file.
    """

    sizes: tuple[int, ...]
    type: str
    packed: bool
    text: bool
    start: int


def read_itk(path: Path, max_voxels: int) -> Volume:
    """Read an NRRD or MHA file.

    Raises:
        InputError: PS-A68 too large, and what `check_header` refuses.
        GeometryError: PS-A52 no usable affine.
    """
    name = one_line(path.name)
    try:
        sizes = check_header(path)
    except OSError as error:
        raise InputError("PS-A121", f"{name} cannot be read: {error.strerror or 'input/output error'}") from error
    check_size(sizes, max_voxels, name)
    sitk: Any = import_module("SimpleITK")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(IMAGE_IO[path.suffix.lower()])
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        if reader.GetSize() != sizes or reader.GetNumberOfComponents() != 1:
            raise _unreadable(name)
        image = reader.Execute()
    except RuntimeError as error:
        raise _unreadable(name) from error
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    check_place(affine, name)
    array = np.asarray(sitk.GetArrayFromImage(image)).transpose(2, 1, 0)
    return Volume(array, LPS_TO_RAS @ affine, facts={"format": path.suffix[1:].upper()})


def check_header(path: Path) -> tuple[int, ...]:
    """The sizes of an NRRD or MHA file.

    Raises:
        InputError: PS-A121 no such header, or no 3-D image of single numbers, or cut; PS-A155 data that would grow
            beyond reason; PS-A156 data that lie in another file.
    """
    name = one_line(path.name)
    with path.open("rb") as file:
        head = file.read(_MAX_HEADER)
    stored = _nrrd(head, name) if path.suffix.lower() == ".nrrd" else _mha(head, name)
    if len(stored.sizes) != 3:
        shown = "x".join(map(str, stored.sizes))
        raise InputError("PS-A121", f"{name} holds {shown}: one 3-D image of single numbers was wanted")
    if min(stored.sizes) < 1 or stored.type not in _SIZE_OF:
        raise _unreadable(name)
    there = path.stat().st_size
    wanted = math.prod(stored.sizes) * _SIZE_OF[stored.type]
    if not stored.packed and not stored.text and wanted > there - stored.start:
        raise InputError("PS-A121", f"{name}: {there - stored.start} of {wanted} data bytes: copy it again")
    refuse_bomb(wanted, there, name)
    return stored.sizes


def _nrrd(head: bytes, name: str) -> _Stored:
    end = re.search(rb"\r?\n\r?\n", head)
    if not head.startswith(b"NRRD") or end is None:
        raise _unreadable(name)
    fields: dict[str, str] = {}
    for line in head[: end.start()].decode("latin-1").splitlines()[1:]:
        key, colon, value = line.partition(":")
        if line.startswith("#") or not colon or value.startswith("="):
            continue
        _add(fields, key, value, name)
    if "datafile" in fields:
        raise _elsewhere(name)
    if fields.get("lineskip", "0") != "0" or fields.get("byteskip", "0") not in ("0", "-1"):
        raise _unreadable(name)
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gz", "gzip", "txt", "text", "ascii"):
        raise InputError("PS-A121", f"{name} is packed otherwise than by gzip: save it again")
    sizes = _numbers(fields, "sizes", name)
    if fields.get("dimension") != str(len(sizes)):
        raise _unreadable(name)
    return _Stored(sizes, fields.get("type", "").lower(), encoding.startswith("gz"), encoding[0] in "ta", end.end())


def _mha(head: bytes, name: str) -> _Stored:
    fields: dict[str, str] = {}
    start = 0
    for line in head.splitlines(keepends=True):
        start += len(line)
        key, equals, value = line.decode("latin-1").partition("=")
        if not equals or (not fields and key.strip() not in ("ObjectType", "NDims", "Comment")):
            raise _unreadable(name)
        _add(fields, key, value, name)
        if "elementdatafile" in fields:
            break
    if fields.get("elementdatafile", "").upper() != "LOCAL":
        raise _elsewhere(name) if "elementdatafile" in fields else _unreadable(name)
    sizes = _numbers(fields, "dimsize", name)
    order = list(fields)
    if fields.get("ndims") != str(len(sizes)) or order.index("ndims") > 1 or fields.get("headersize", "0") != "0":
        raise _unreadable(name)
    if fields.get("elementnumberofchannels", "1") != "1":
        raise InputError("PS-A121", f"{name} holds several numbers a voxel: one 3-D image of single numbers was wanted")
    packed = fields.get("compresseddata", "").lower().startswith("t")
    text = fields.get("binarydata", "").lower().startswith("f")
    return _Stored(sizes, fields.get("elementtype", "").lower(), packed, text, start)


def _add(fields: dict[str, str], key: str, value: str, name: str) -> None:
    """One field; said twice, nobody knows which counts."""
    key = re.sub(r"\s", "", key).lower()
    if key in fields:
        raise _unreadable(name)
    fields[key] = value.strip()


def _numbers(fields: Mapping[str, str], key: str, name: str) -> tuple[int, ...]:
    words = fields.get(key, "").split()
    if not words or not all(re.fullmatch(r"[0-9]{1,9}", word) for word in words):
        raise _unreadable(name)
    return tuple(map(int, words))


def _unreadable(name: str) -> InputError:
    return InputError("PS-A121", f"{name} cannot be read: it is damaged or no such image")


def _elsewhere(name: str) -> InputError:
    return InputError("PS-A156", f"{name} names another file that holds its data: save header and data as one file")
