"""Ways to spoil a DICOM file: its elements as bytes, taken apart and packed again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from benchmarks.mutate import NUMBERS, spoil_bytes

LENGTHS = (0, 1, 2, 3, 8, 255, 256, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
VRS = b"AE AS CS DA DS DT FL FD IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV ZZ".split()
LONG = frozenset(b"OB OD OF OL OV OW SQ UC UN UR UT SV UV".split())


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
