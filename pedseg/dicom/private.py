"""Private elements that tell more than the standard's: each is believed only in its maker's own block."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

_ELEMENTS: dict[str, tuple[int, bytes, str]] = {
    "slices_of_acquisition": (0x0021104F, b"GEMS_RELA_01", "h"),
    "slices_of_stack": (0x20011018, b"Philips Imaging DD 001", "i"),
    "philips_scale_slope": (0x2005100E, b"Philips MR Imaging DD 001", "f"),
}
"""Fact -> element, what the creator of its block is called, and the kind of its number."""


def _creator_of(tag: int) -> int:
    return tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8


PRIVATE_TAGS = tuple({at for tag, _, _ in _ELEMENTS.values() for at in (tag, _creator_of(tag))})
"""What a header must hold for `private_facts`."""


def private_facts(values: Mapping[int, bytes], *, little_endian: bool) -> dict[str, float]:
    """Numbers of known private elements; none where another maker holds the block.

    Args:
        values: tag -> bytes as stored.
        little_endian: byte order of numbers.

    Returns:
        `slices_of_acquisition` (GE), `slices_of_stack` (Philips), and `philips_scale_slope`: stored values
        divided by it, with Rescale Slope, would be Philips' floating point values; it is not applied.
    """
    found: dict[str, float] = {}
    for name, (tag, creator, kind) in _ELEMENTS.items():
        owner, raw = values.get(_creator_of(tag)), values.get(tag)
        if not isinstance(owner, bytes) or not isinstance(raw, bytes) or owner.strip(b" \0") != creator:
            continue
        if len(raw) == struct.calcsize(kind):
            value = struct.unpack(("<" if little_endian else ">") + kind, raw)[0]
            found |= {name: value} if math.isfinite(value) else {}
    return found
