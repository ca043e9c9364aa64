"""What a JPEG, JPEG-LS or JPEG 2000 codestream says of its own size: decoders believe it, not the DICOM header."""

from __future__ import annotations

HEAD_BYTES = 1 << 17
"""Of a codestream, enough for its frame header behind the largest application segment."""
_JPEG, _JPEG_2000, _JP2 = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x6a\x50\x20\x20\x0d\x0a\x87\x0a"
_FRAME_MARKERS = frozenset([*range(0xC0, 0xD0), 0xF7]) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 without DHT, JPG and DAC (ISO 10918-1, table B.1), and SOF55 of JPEG-LS (ISO 14495-1, C.1)."""
_RLE_SEGMENTS = frozenset(n.to_bytes(4, "little") for n in range(1, 16))
_RLE_FIRST = (64).to_bytes(4, "little")
_ALONE = frozenset([0x01, *range(0xD0, 0xD9)])
_SCAN = 0xDA


def coded_size(head: bytes) -> tuple[int, int, int, int] | None:
    """(rows, columns, components, bits) of an image.

    Args:
        head: the first `HEAD_BYTES` of a fragment.

    Returns:
        None where the fragment begins no such codestream; zeros where it begins one and says nothing.
    """
    if head.startswith(_JPEG):
        return _jpeg_size(head)
    if head[4:12] == _JP2:
        at = head.find(_JPEG_2000)
        return _jpeg_2000_size(head[at:]) if at >= 0 else (0, 0, 0, 0)
    return _jpeg_2000_size(head) if head.startswith(_JPEG_2000) else None


def says_signed(head: bytes) -> bool:
    """Whether a fragment begins a JPEG 2000 image of signed values: the upper bit of Ssiz; no other code tells."""
    at = head.find(_JPEG_2000) if head[4:12] == _JP2 else 0
    return at >= 0 and head.startswith(_JPEG_2000, at) and len(head) > at + 42 and head[at + 42] > 0x7F


def begins_image(head: bytes) -> bool:
    """Whether a fragment begins an image: a codestream, or the header of RLE with its first offset (PS3.5, G.5)."""
    is_rle = head[:4] in _RLE_SEGMENTS and head[4:8] == _RLE_FIRST
    return is_rle or coded_size(head) is not None


def _jpeg_size(head: bytes) -> tuple[int, int, int, int]:
    """Of the first frame header: Lf, P, Y, X, Nf follow the marker (ISO 10918-1, B.2.2)."""
    at = 2
    while at + 4 <= len(head):
        marker = head[at + 1]
        if head[at] != 0xFF or marker == _SCAN:
            break
        if marker == 0xFF:
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _FRAME_MARKERS and at + 10 <= len(head):
            rows, columns = (int.from_bytes(head[at + i : at + i + 2], "big") for i in (5, 7))
            return rows, columns, head[at + 9], head[at + 4]
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return 0, 0, 0, 0


def _jpeg_2000_size(head: bytes) -> tuple[int, int, int, int]:
    """Of the SIZ segment: Xsiz, Ysiz, XOsiz, YOsiz at byte 8, Csiz at byte 40, Ssiz at 42 (ISO 15444-1, A.5.1)."""
    if len(head) < 43:
        return 0, 0, 0, 0
    columns, rows, left, top = (int.from_bytes(head[at : at + 4], "big") for at in (8, 12, 16, 20))
    return rows - top, columns - left, int.from_bytes(head[40:42], "big"), (head[42] & 0x7F) + 1
