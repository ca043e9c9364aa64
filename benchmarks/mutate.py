"""Ways to spoil a file: bytes, NIfTI fields, lines of a text header, values of JSON, zips' members.

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
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any

Mutator = Callable[[Random, bytes, Sequence[bytes]], bytes]
NUMBERS = (
    "", " ", "0", "-0", "-1", "1", "2", "65535", "65536", "2147483647", "2147483648", "-2147483649", "4294967296",
    "99999999999999999999", "1e308", "-1e308", "1e309", "1e-309", "1e-30", "nan", "NaN", "inf", "-INF", "0x10", "1_0",
    "1,5", "1\\2", "1\\2\\3\\4\\5\\6\\7", "\\\\", "\u0661", "\x1b[2J", "=1+1", "A" * 64, "9" * 400, "\0", "\xff",
)  # fmt: skip
"""Extremes of number texts, and what is no number."""
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
