"""Headers of NRRD and MHA files: what they say of their data, and where the voxels lie.

They are read here and not by ITK, which takes a number with a decimal comma, a unit, a space of another name
and a field that is said twice for something else without a word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pedseg.errors import GeometryError, InputError, Notice, one_line
from pedseg.volumes.geometry import LPS_TO_RAS, Matrix
from pedseg.volumes.limits import check_place

RAW, PACKED, TEXT = "raw", "packed", "text"
Fields = Mapping[str, str]
_TYPES = {
    "i1": "signed char|int8|int8_t|met_char",
    "u1": "uchar|unsigned char|uint8|uint8_t|met_uchar",
    "i2": "short|short int|signed short|signed short int|int16|int16_t|met_short",
    "u2": "ushort|unsigned short|unsigned short int|uint16|uint16_t|met_ushort",
    "i4": "int|signed int|int32|int32_t|met_int|met_long",
    "u4": "uint|unsigned int|uint32|uint32_t|met_uint|met_ulong",
    "i8": "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t|met_long_long",
    "u8": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t|met_ulong_long",
    "f4": "float|met_float",
    "f8": "double|met_double",
}
"""numpy's names by those of NRRD and MetaImage, where a long has four bytes on every machine."""
_DTYPE_OF = {word: dtype for dtype, words in _TYPES.items() for word in words.split("|")}
_TO_RAS = {"right-anterior-superior": np.eye(4), "left-anterior-superior": np.diag([-1.0, 1.0, 1.0, 1.0])}
_TO_RAS["left-posterior-superior"] = LPS_TO_RAS
_TO_RAS |= {"".join(word[0] for word in name.split("-")): matrix for name, matrix in _TO_RAS.items()}
_OF_NO_BODY = ("", "scanner-xyz", "3d-right-handed", "3d-left-handed")
"""Spaces that do not tell left from right."""
_MM_PER_UNIT = {"": 1.0, "?": 1.0, "mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "meter": 1000.0}
_MM_PER_UNIT |= {"um": 1e-3, "micron": 1e-3, "micrometer": 1e-3}
_SAME = {"position": "offset", "origin": "offset", "rotation": "transformmatrix", "orientation": "transformmatrix"}
_SAME["elementbyteordermsb"] = "binarydatabyteordermsb"
"""Further names of MetaImage for one field."""


@dataclass(frozen=True, eq=False)
class Stored:
    """What a header says.

    Args:
        sizes: along (I, J, K).
        dtype: of the values, in the file's byte order.
        coding: `RAW`, `PACKED` by gzip or zlib, or `TEXT`: digits.
        start: of the data in the file.
        at_end: the data end with the file, wherever they start.
        fields: all that is said, by names in lower case without spaces.
    """

    sizes: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    coding: str
    start: int
    at_end: bool
    fields: Fields


def nrrd_header(head: bytes, name: str) -> Stored:
    """What an NRRD file says.

    Args:
        head: its first bytes, with the whole header.
        name: for messages.

    Raises:
        InputError: PS-A121 no such header, or no 3-D image of single numbers; PS-A156 the data are in another file.
    """
    end = re.search(rb"\r?\n\r?\n", head)
    if not head.startswith(b"NRRD") or end is None:
        raise unreadable(name)
    fields: dict[str, str] = {}
    for line in head[: end.start()].decode("latin-1").splitlines()[1:]:
        key, colon, value = line.partition(":")
        if line.startswith("#") or not colon or value.startswith("="):
            continue
        _add(fields, key, value, name)
    if "datafile" in fields:
        raise _elsewhere(name)
    skipped = fields.get("lineskip", "0"), fields.get("byteskip", "0")
    encoding = fields.get("encoding", "").lower()
    coding = {"raw": RAW, "gz": PACKED, "gzip": PACKED, "txt": TEXT, "text": TEXT, "ascii": TEXT}.get(encoding)
    if coding is None:
        raise InputError("PS-A121", f"{name} is packed otherwise than by gzip: save it again")
    if skipped != ("0", "0") and (coding, *skipped) != (RAW, "0", "-1"):
        raise unreadable(name)
    sizes = _sizes(fields, "sizes", "dimension", name)
    if set(fields.get("kinds", "").split()) - {"domain", "space", "???", "none"}:
        text = f"{name} has axes that are not of space"
        raise InputError("PS-A121", f"{text}: one 3-D image of single numbers was wanted")
    dtype = _dtype(fields.get("type", ""), fields.get("endian", "").lower(), coding, name)
    return Stored(sizes, dtype, coding, end.end(), skipped[1] == "-1", fields)


def mha_header(head: bytes, name: str) -> Stored:
    """What an MHA file says; see `nrrd_header`."""
    fields: dict[str, str] = {}
    start = 0
    for line in head.splitlines(keepends=True):
        start += len(line)
        key, equals, value = line.decode("latin-1").partition("=")
        if not equals or (not fields and key.strip() not in ("ObjectType", "NDims", "Comment")):
            raise unreadable(name)
        _add(fields, key, value, name)
        if "elementdatafile" in fields:
            break
    if fields.get("elementdatafile", "").upper() != "LOCAL":
        raise _elsewhere(name) if "elementdatafile" in fields else unreadable(name)
    order = list(fields)
    if "ndims" not in order[:2] or fields.get("headersize", "0") != "0":
        raise unreadable(name)
    if _scaled(fields, name):
        raise InputError("PS-A121", f"{name} holds values that its header scales: save it again as grey values")
    if fields.get("elementnumberofchannels", "1") != "1":
        raise InputError("PS-A121", f"{name} holds several numbers a voxel: one 3-D image of single numbers was wanted")
    sizes = _sizes(fields, "dimsize", "ndims", name)
    text = fields.get("binarydata", "").lower().startswith("f")
    coding = TEXT if text else PACKED if _true(fields, "compresseddata") else RAW
    endian = "big" if _true(fields, "binarydatabyteordermsb") else "little"
    dtype = _dtype(fields.get("elementtype", ""), endian, coding, name)
    return Stored(sizes, dtype, coding, start, False, fields)


def nrrd_place(fields: Fields, name: str) -> tuple[Matrix, tuple[Notice, ...]]:
    """Where the voxels of an NRRD file lie: directions in a space, or bare spacings.

    Args:
        fields: of `nrrd_header`.
        name: for messages.

    Returns:
        (4, 4), voxel-centre index to RAS+ mm; PS-W79 where the space is none of the body's, and LPS stands in.

    Raises:
        InputError: PS-A121 an unknown space. GeometryError: PS-A52 no usable affine.
    """
    affine = np.eye(4)
    if "spacedirections" in fields:
        vectors = re.findall(r"\([^()]*\)|\S+", fields["spacedirections"])
        if len(vectors) != 3:
            raise _no_place(name)
        affine[:3, :3] = np.transpose([_vector(vector, name) for vector in vectors])
    else:
        affine[:3, :3] = np.diag(_numbers(fields.get("spacings", ""), 3, name))
    told = "spacedirections" in fields and "spaceorigin" in fields
    if "spaceorigin" in fields:
        affine[:3, 3] = _vector(fields["spaceorigin"], name)
    space = fields.get("space", "").lower()
    if space not in (*_TO_RAS, *_OF_NO_BODY):
        raise unreadable(name)
    to_ras = _TO_RAS.get(space)
    units = set(re.findall(r'"([^"]*)"', fields.get("spaceunits", fields.get("units", ""))))
    return _placed(affine, LPS_TO_RAS if to_ras is None else to_ras, units, name, told=told and to_ras is not None)


def mha_place(fields: Fields, name: str) -> tuple[Matrix, tuple[Notice, ...]]:
    """Where the voxels of an MHA file lie, in LPS; see `nrrd_place`."""
    affine = np.eye(4)
    spacing = _numbers(fields.get("elementspacing", fields.get("elementsize", "")), 3, name)
    directions = _numbers(fields.get("transformmatrix", "1 0 0 0 1 0 0 0 1"), 9, name)
    affine[:3, :3] = np.reshape(directions, (3, 3)).T * spacing  # a row of TransformMatrix is an axis
    affine[:3, 3] = _numbers(fields.get("offset", "0 0 0"), 3, name)
    told = {"transformmatrix", "offset"} <= fields.keys()
    return _placed(affine, LPS_TO_RAS, {fields.get("distanceunits", "")}, name, told=told)


def segment_names(head: bytes) -> dict[int, tuple[str, ...]]:
    """Label value -> names of its segments, as 3D Slicer writes them into a .seg.nrrd; empty where it did not."""
    end = re.search(rb"\r?\n\r?\n", head)
    text = head[: end.start() if end else 0].decode("utf-8", "replace")
    values = dict(re.findall(r"^Segment(\d+)_LabelValue:=(\d{1,9})\s*$", text, re.MULTILINE))
    found: dict[int, tuple[str, ...]] = {}
    for number, name in re.findall(r"^Segment(\d+)_Name:=(.*)$", text, re.MULTILINE):
        if number in values:
            value = int(values[number])
            found[value] = (*found.get(value, ()), one_line(name.strip(), 64))
    return found


def unreadable(name: str) -> InputError:
    """What is said where nothing better can be."""
    return InputError("PS-A121", f"{name} cannot be read: it is damaged or no such image: save it again")


def _elsewhere(name: str) -> InputError:
    return InputError("PS-A156", f"{name} names another file that holds its data: save header and data as one file")


def _add(fields: dict[str, str], key: str, value: str, name: str) -> None:
    """One field; said twice, nobody knows which counts."""
    key = re.sub(r"\s", "", key).lower()
    if key in fields:
        raise unreadable(name)
    fields[key] = value.strip()
    if fields.setdefault(_SAME.get(key, key), fields[key]) != fields[key]:
        raise unreadable(name)


def _true(fields: Fields, key: str) -> bool:
    return fields.get(key, "")[:1].lower() in ("t", "1")


def _scaled(fields: Fields, name: str) -> bool:
    function = "elementtointensityfunction"
    words = fields.get(f"{function}slope", "1"), fields.get(f"{function}offset", "0")
    return [_numbers(word, 1, name) for word in words] != [[1.0], [0.0]]


def _sizes(fields: Fields, key: str, count: str, name: str) -> tuple[int, int, int]:
    words = fields.get(key, "").split()
    whole = all(re.fullmatch(r"[0-9]{1,9}", word) for word in words)
    if not words or not whole or fields.get(count) != str(len(words)) or min(map(int, words)) < 1:
        raise unreadable(name)
    if len(words) != 3:
        raise InputError("PS-A121", f"{name} holds {'x'.join(words)}: one 3-D image of single numbers was wanted")
    i, j, k = map(int, words)
    return i, j, k


def _dtype(word: str, endian: str, coding: str, name: str) -> np.dtype[np.generic]:
    dtype = _DTYPE_OF.get(word.lower())
    if dtype is None:
        raise unreadable(name)
    if endian not in ("little", "big") and coding != TEXT and not dtype.endswith("1"):
        raise unreadable(name)
    return np.dtype(dtype).newbyteorder(">" if endian == "big" else "<")


def _placed(
    affine: Matrix, to_ras: Matrix, units: set[str], name: str, *, told: bool
) -> tuple[Matrix, tuple[Notice, ...]]:
    known = {_MM_PER_UNIT.get(unit.lower().removesuffix("s")) for unit in units or {""}}
    scale = known.pop()
    if scale is None or known:
        raise GeometryError("PS-A52", f"{name}: its spacing is in a unit that is not known: save it again in mm")
    affine[:3] *= scale
    check_place(affine, name)
    text = "its header does not tell where the image lies in the body: left and right cannot be told"
    return np.asarray(to_ras @ affine), () if told else (Notice("PS-W79", text),)


def _vector(text: str, name: str) -> list[float]:
    if not (text.startswith("(") and text.endswith(")")):
        raise _no_place(name)
    return _numbers(text[1:-1].replace(",", " "), 3, name)


def _numbers(text: str, count: int, name: str) -> list[float]:
    """So many finite numbers, and nothing else: a decimal comma is none."""
    try:
        values = [float(word) for word in text.split()]
    except ValueError as error:
        raise _no_place(name) from error
    if len(values) != count or not all(map(math.isfinite, values)):
        raise _no_place(name)
    return values


def _no_place(name: str) -> GeometryError:
    text = f"{name}: its header holds no usable spacing, directions or origin, in finite numbers with a decimal point"
    return GeometryError("PS-A52", f"{text}: save it again")
