"""Private elements, as bytes."""

from __future__ import annotations

import math
import struct

import pytest

from pedseg.dicom.private import PRIVATE_TAGS, private_facts

GE, PHILIPS, SCALE = 0x00210010, 0x20010010, 0x20050010
"""Where makers write that the block is theirs."""
KNOWN = (
    ("slices_of_acquisition", GE, b"GEMS_RELA_01", 0x0021104F, "h", 24),
    ("slices_of_stack", PHILIPS, b"Philips Imaging DD 001", 0x20011018, "i", 110),
    ("philips_scale_slope", SCALE, b"Philips MR Imaging DD 001", 0x2005100E, "f", 0.25),
)


@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known[0])
def test_numbers_are_believed_in_their_maker_s_block_only(
    known: tuple[str, int, bytes, int, str, float], little: bool
) -> None:
    name, at, maker, tag, kind, value = known
    raw = struct.pack(("<" if little else ">") + kind, value)
    found = {at: maker, tag: raw}
    assert set(found) <= set(PRIVATE_TAGS)
    assert private_facts(found, little_endian=little) == {name: value}
    assert private_facts({at: maker + b" \0", tag: raw}, little_endian=little) == {name: value}
    for other in ({at: b"ACME"}, {at: maker[:-1]}, {tag: raw + b"\0"}, {tag: raw[:1]}, {tag: b""}):
        assert private_facts(found | other, little_endian=little) == {}
    assert private_facts({tag: raw}, little_endian=little) == {}


def test_all_of_them_are_told_at_once_and_nothing_else_is_asked_for() -> None:
    values = {}
    for _, at, maker, tag, kind, value in KNOWN:
        values |= {at: maker, tag: struct.pack("<" + kind, value)}
    assert private_facts(values, little_endian=True) == {name: value for name, *_, value in KNOWN}
    assert sorted(values) == sorted(PRIVATE_TAGS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_told(value: float) -> None:
    found = {SCALE: b"Philips MR Imaging DD 001 ", 0x2005100E: struct.pack(">f", value)}
    assert private_facts(found, little_endian=False) == {}
