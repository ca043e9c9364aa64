"""Ways to spoil a file: bytes, DICOM elements, NIfTI fields, lines of a text header, values of JSON, zips' members.

Every mutator takes a generator of random numbers, so that a number makes the same file again.
"""

from __future__ import annotations

import gzip
import io
import json
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any, NamedTuple

Mutator = Callable[[Random, bytes, Sequence[bytes]], bytes]
NUMBERS = (
    "", " ", "0", "-0", "-1", "1", "2", "65535", "65536", "2147483647", "2147483648", "-2147483649", "4294967296",
    "99999999999999999999", "1e308", "-1e308", "1e309", "1e-309", "1e-30", "nan", "NaN", "inf", "-INF", "0x10", "1_0",
    "1,5", "1\\2", "1\\2\\3\\4\\5\\6\\7", "\\\\", "\u0661", "\x1b[2J", "=1+1", "A" * 64, "9" * 400, "\0", "\xff",
)  # fmt: skip
"""Extremes of number texts, and what is no number."""
LENGTHS = (0, 1, 2, 3, 8, 255, 256, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
VRS = b"AE AS CS DA DS DT FL FD IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV ZZ".split()
LONG = frozenset(b"OB OD OF OL OV OW SQ UC UN UR UT SV UV".split())
_NIFTI_FIELDS = {
    "n+1": (
        *((0, "i"), (39, "B"), (70, "h"), (72, "h"), (108, "f"), (112, "f"), (116, "f")),
        *((123, "B"), (252, "h"), (254, "h")),
        *((40 + 2 * i, "h") for i in range(8)),
        *((76 + 4 * i, "f") for i in range(8)),
        *((256 + 4 * i, "f") for i in range(18)),
        *((348 + i, "i") for i in (0, 4, 8)),
    ),
    "n+2": (
        *((0, "i"), (12, "h"), (14, "h"), (168, "q"), (176, "d"), (184, "d"), (344, "i"), (348, "i")),
        *((500, "i"), (524, "B")),
        *((16 + 8 * i, "q") for i in range(8)),
        *((104 + 8 * i, "d") for i in range(8)),
        *((352 + 8 * i, "d") for i in range(18)),
        *((540 + i, "i") for i in (0, 4, 8)),
    ),
}
"""Offset and type of the fields that say something about shape, place and values; with those of an extension."""
_EXTREMES: dict[str, tuple[float, ...]] = {
    "B": (0, 1, 2, 3, 7, 18, 127, 128, 255),
    "h": (-32768, -1, 0, 1, 2, 3, 4, 5, 7, 8, 16, 64, 128, 256, 512, 768, 1024, 1792, 32767),
    "i": (-(1 << 31), -1, 0, 1, 348, 540, 1 << 24, (1 << 31) - 1),
    "q": (-(1 << 63), -1, 0, 1, 2, 3, 7, 352, 1 << 31, 1 << 40, (1 << 63) - 1),
    "f": (float("nan"), float("inf"), float("-inf"), -1.0, -0.0, 0.0, 1e-40, 1e-20, 1.0, 353.0, 1e10, 3e38),
    "d": (float("nan"), float("inf"), float("-inf"), -1.0, -0.0, 0.0, 5e-324, 1e-200, 1.0, 1e10, 1e200, 1.7e308),
}
_LINES = (
    "data file: /etc/passwd", "datafile: LIST", "data file: %03d.raw 1 9 1", "ElementDataFile = /etc/passwd",
    "ElementDataFile = LIST", "ElementDataFile = ../x.raw", "sizes: 32767 32767 32767", "DimSize = 99999 99999 99999",
    "NDims = 64", "dimension: 0", "encoding: hex", "encoding: bz2", "encoding: zrl", "HeaderSize = -1",
    "line skip: 99999", "byte skip: -1", "type: block", "type: float", "ElementType = MET_NONE",
    "ElementNumberOfChannels = 99999999", "CompressedDataSize = 99999999999", "endian: big",
    "space directions: none none none", "space origin: (nan,0,0)",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 0.5, 1e308, -1e308, 5e-324, 1 << 31, 1 << 63, 10**400, "", " ", "0", "\0",
    "\x1b[2J", "../../x", "/etc/passwd", "=1+1", "a" * 5000, "\ud800", "nan", [], {}, [[]], [{}], {"": 0}, [0] * 2000,
    {"schema": 1}, "$import os", {"_target_": "os.system"}, "!!python/object:os.system", float("nan"), float("inf"),
)  # fmt: skip


_NAMES = (
    "../x", "/etc/passwd", "a/../../x", "C:\\x", "C:x", "a\\..\\x", ".", "..", "a//b", "a/", "x" * 300, "IM1", "im1",
    "I\u0307", "\x1b[2J", "d/" * 40 + "x", "=1+1", "con", "", " ", "configs/plan.json", "run.json", "data.pkl",
    "byteorder",
)  # fmt: skip
_MODES = (0, stat.S_IFREG, stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR)


def spoil_bytes(draw: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Flips, extremes, cuts, copies, insertions, and the end of another file."""
    data = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        at, n = draw.randrange(len(data) + 1), draw.choice((1, 2, 4, 8, draw.randrange(1, 400)))
        match draw.randrange(7):
            case 0:
                for place in (draw.randrange(len(data)) for _ in range(n if data else 0)):
                    data[place] ^= 1 << draw.randrange(8)
            case 1:
                data[at : at + n] = bytes([draw.choice((0, 255, 127, 128, 32, 13))]) * len(data[at : at + n])
            case 2:
                del data[at : at + n]
            case 3:
                data[at:at] = draw.randbytes(n)
            case 4:
                data[at:at] = data[(start := draw.randrange(len(data) + 1)) : start + n]
            case 5:
                del data[draw.choice((at, at, len(data) // 2)) :]
            case 6:
                other = draw.choice(others)
                data[at:] = other[min(at, len(other)) :]
    return bytes(data)


class Element(NamedTuple):
    """One element of a data set, as bytes."""

    tag: bytes
    vr: bytes
    value: bytes
    length: int | None = None
    """What it says of its length; None: the truth."""


def spoil_dicom(draw: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Elements lost, doubled, exchanged, with another VR, length or value; nested; out of another file."""
    found = data_set(data)
    if found is None or draw.random() < 0.3:
        return spoil_bytes(draw, data, others)
    start, little, implicit, deflated = found
    body = zlib.decompress(data[start:], -15) if deflated else data[start:]
    elements = elements_of(body, little=little, implicit=implicit)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        if elements:
            _spoil_element(draw, elements, others)
    body = b"".join(packed(e, little=little, implicit=implicit) for e in elements)
    if draw.random() < 0.1:
        body = spoil_bytes(draw, body, others)
    if deflated:
        packer = zlib.compressobj(9, wbits=-15)
        body = packer.compress(body) + packer.flush()
    return data[:start] + body


def _spoil_element(draw: Random, elements: list[Element], others: Sequence[bytes]) -> None:
    i, j = draw.randrange(len(elements)), draw.randrange(len(elements))
    old = elements[i]
    match draw.randrange(11):
        case 0:
            del elements[i]
        case 1:
            elements.insert(j, old)
        case 2:
            elements[i], elements[j] = elements[j], old
        case 3:
            elements[i] = old._replace(length=draw.choice((*LENGTHS, len(old.value) + 1, max(0, len(old.value) - 1))))
        case 4:
            elements[i] = old._replace(vr=draw.choice(VRS))
        case 5:
            elements[i] = old._replace(value=draw.choice(NUMBERS).encode("utf-8", "replace"))
        case 6:
            parts = old.value.split(b"\\")
            parts[draw.randrange(len(parts))] = draw.choice(NUMBERS).encode("utf-8", "replace")
            elements[i] = old._replace(value=b"\\".join(parts))
        case 7:
            number = struct.pack("<Q", draw.choice((0, 1, 7, 8, 16, 32, 0x7FFF, 0x8000, 0xFFFF, 1 << 63)))
            elements[i] = old._replace(value=number[: len(old.value)] if len(old.value) <= 8 else old.value[:-2])
        case 8:
            elements[i] = old._replace(tag=draw.choice((elements[j].tag, draw.randbytes(4))))
        case 9:
            depth = draw.choice((1, 3, 50, 3000))
            inner = b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" * depth
            elements.insert(i, Element(b"\x08\0\x40\x11", b"SQ", inner, 0xFFFFFFFF))
        case 10:
            found = data_set(other := draw.choice(others))
            if found and not found[3]:
                more = elements_of(other[found[0] :], little=found[1], implicit=found[2])
                elements[i:] = more[draw.randrange(len(more) + 1) :]


def data_set(data: bytes) -> tuple[int, bool, bool, bool] | None:
    """Where the data set begins; little endian, implicit, deflated."""
    if data[128:132] != b"DICM" or data[132:140] != b"\x02\0\0\0UL\x04\0":
        return None
    start = 144 + struct.unpack("<I", data[140:144])[0]
    meta = data[144:start]
    big, implicit, deflated = (name in meta for name in (b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2\0", b"1.2.1.99"))
    return start, not big, implicit and not big, deflated


def elements_of(body: bytes, *, little: bool, implicit: bool) -> list[Element]:
    """Top-level elements, as far as they can be told; pixels of undefined length to the end."""
    order, at, found = "<" if little else ">", 0, []
    while at + 8 <= len(body):
        tag, vr = body[at : at + 4], body[at + 4 : at + 6]
        if implicit:
            head, (length,) = 8, struct.unpack("<I", body[at + 4 : at + 8])
        elif vr in LONG:
            head, length = 12, struct.unpack(f"{order}I", (body[at + 8 : at + 12] + bytes(4))[:4])[0]
        else:
            head, length = 8, struct.unpack(f"{order}H", body[at + 6 : at + 8])[0]
        undefined = length == 0xFFFFFFFF
        value = body[at + head :] if undefined else body[at + head : at + head + length]
        found.append(Element(tag, vr, value, 0xFFFFFFFF if undefined else None))
        at += head + len(value)
    return found


def packed(element: Element, *, little: bool, implicit: bool) -> bytes:
    """Bytes of an element."""
    order = "<" if little else ">"
    length = len(element.value) if element.length is None else element.length
    if implicit:
        return element.tag + struct.pack("<I", length) + element.value
    if element.vr in LONG:
        return element.tag + element.vr + b"\0\0" + struct.pack(f"{order}I", length) + element.value
    return element.tag + element.vr + struct.pack(f"{order}H", length & 0xFFFF) + element.value


def spoil_nifti(draw: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Header fields at their extremes, and bytes; inside the gzip stream or of the stream itself."""
    if data[:2] == b"\x1f\x8b":
        if draw.random() < 0.3:
            return spoil_bytes(draw, data, others)
        inner = [gzip.decompress(o) if o[:2] == b"\x1f\x8b" else o for o in (data, *others)]
        return gzip.compress(spoil_nifti(draw, inner[0], inner[1:]), 1, mtime=0)
    if draw.random() < 0.25:
        return spoil_bytes(draw, data, others)
    changed = bytearray(data)
    fields = _NIFTI_FIELDS["n+1" if data[344:347] == b"n+1" else "n+2"]
    for _ in range(draw.choice((1, 1, 2, 3))):
        at, kind = draw.choice(fields)
        packed = struct.pack(f"<{kind}", draw.choice(_EXTREMES[kind]))
        changed[at : at + len(packed)] = packed
    return bytes(changed)


def spoil_header_text(draw: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Lines of an NRRD or MHA header lost, doubled, exchanged, with other numbers, or new hostile ones."""
    if draw.random() < 0.25:
        return spoil_bytes(draw, data, others)
    nrrd = data[:4] == b"NRRD"
    mark = b"\n\n" if nrrd else b"LOCAL\n"
    head, _, body = data.partition(mark)
    lines = head.decode("latin-1").split("\n")
    for _ in range(draw.choice((1, 1, 2, 3))):
        i, j = draw.randrange(len(lines)), draw.randrange(len(lines))
        match draw.randrange(5):
            case 0:
                del lines[i : i + 1 if len(lines) > 1 else i]
            case 1:
                lines.insert(i, lines[j])
            case 2:
                lines[i], lines[j] = lines[j], lines[i]
            case 3:
                words = lines[i].split(" ")
                words[draw.randrange(len(words))] = draw.choice(NUMBERS)
                lines[i] = " ".join(words)
            case 4:
                lines.insert(i, draw.choice(_LINES))
    return "\n".join(lines).encode("latin-1", "replace") + mark + body


def spoil_zip(draw: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Members lost, doubled, renamed, of another kind, spoilt under a right checksum, packed; then raw bytes."""
    if draw.random() < 0.3:
        return spoil_bytes(draw, data, others)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(member, archive.read(member)) for member in archive.infolist()]
    for _ in range(draw.choice((1, 1, 2, 4))):
        _spoil_member(draw, members)
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w") as archive:
        warnings.simplefilter("ignore")  # of equal names
        for member, content in members:
            archive.writestr(member, content)
    spoilt = made.getvalue()
    if draw.random() < 0.3:  # its directory stands last
        cut = max(0, len(spoilt) - draw.choice((22, 120, 400)))
        spoilt = spoilt[:cut] + spoil_bytes(draw, spoilt[cut:], others)
    return spoilt


def _spoil_member(draw: Random, members: list[tuple[zipfile.ZipInfo, bytes]]) -> None:
    at = draw.randrange(len(members))
    member, content = members[at]
    changed = zipfile.ZipInfo(member.filename, member.date_time)
    changed.compress_type, changed.external_attr = member.compress_type, member.external_attr
    match draw.randrange(7):
        case 0 if len(members) > 1:
            del members[at]
            return
        case 1:
            members.insert(draw.randrange(len(members) + 1), (changed, content))
            return
        case 2:
            changed.filename = draw.choice((*_NAMES, member.filename.upper(), f"{member.filename}/{member.filename}"))
        case 3:
            changed.external_attr = draw.choice(_MODES) << 16
        case 4:
            changed.compress_type = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
        case 5:
            content = draw.choice((b"", bytes(draw.choice((1, 1 << 16, 1 << 22))), content * 50))
        case _:
            content = spoil_bytes(draw, content or b"0", [content])
    members[at] = (changed, content)


def spoil_json(draw: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Values of every kind anywhere, keys lost, renamed, doubled; raw bytes; encodings; depth."""
    if draw.random() < 0.2:
        return spoil_bytes(draw, data, others)
    if draw.random() < 0.05:
        deep = draw.choice((b"[", b'{"a":', b"- ", b"[1,")) * draw.choice((100, 5000, 200_000))
        return draw.choice((deep, data[:40] + deep, data.decode().encode("utf-16"), b"\xef\xbb\xbf" + data))
    try:
        value = json.loads(data)
    except ValueError:
        return spoil_bytes(draw, data, others)
    for _ in range(draw.choice((1, 1, 2, 4))):
        value = _spoil_value(draw, value)
    text = json.dumps(value, ensure_ascii=draw.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _spoil_value(draw: Random, value: Any) -> Any:
    places = list(_places(value))
    if not places:
        return deepcopy(draw.choice(_VALUES))
    holder, key = draw.choice(places)
    other_holder, other_key = draw.choice(places)
    match draw.randrange(7):
        case 0:
            del holder[key]
        case 1:
            holder[key] = [holder[key]]
        case 2:
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        case 3 if isinstance(holder, dict):
            holder[draw.choice(("new", "", "schema", "why", "\x1b", key.upper()))] = holder.pop(key)
        case 4 if isinstance(holder[key], int | float):
            holder[key] = holder[key] * draw.choice((-1, 0, 0.5, 2, 1000, 10**9))
        case 5 if isinstance(holder[key], str):
            holder[key] = draw.choice((holder[key].upper(), holder[key] + "\n", holder[key][1:], draw.choice(NUMBERS)))
        case _:
            holder[key] = deepcopy(draw.choice(_VALUES))
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) inside a value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *_places(value[key]))]
