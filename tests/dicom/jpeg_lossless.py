"""Encodes an image as lossless JPEG, for which pydicom has decoders and no encoder."""

from __future__ import annotations

import numpy as np

CATEGORIES = 17
CODE_BITS = 5
"""Every category of differences gets a code of five bits: 17 of 32, so that none is all ones."""


def encode(image: np.ndarray) -> bytes:
    """(rows, columns) of 16 bits -> a stream of process 14 with selection value 1 (ITU-T T.81, annex H)."""
    rows, columns = image.shape
    size = [*rows.to_bytes(2, "big"), *columns.to_bytes(2, "big")]
    frame = segment(0xC3, [16, *size, 1, 1, 0x11, 0])
    counts = [CATEGORIES if length == CODE_BITS else 0 for length in range(1, 17)]
    table = segment(0xC4, [0, *counts, *range(CATEGORIES)])
    scan = segment(0xDA, [1, 1, 0, 1, 0, 0])
    return b"\xff\xd8" + frame + table + scan + entropy(differences(image)) + b"\xff\xd9"


def segment(marker: int, values: list[int]) -> bytes:
    return bytes([0xFF, marker]) + (len(values) + 2).to_bytes(2, "big") + bytes(values)


def differences(image: np.ndarray) -> np.ndarray:
    """To the pixel on the left; in the first column to the one above, at the corner to half the range; modulo 2^16."""
    values = image.astype(np.int64)
    before = np.empty_like(values)
    before[:, 1:] = values[:, :-1]
    before[1:, 0] = values[:-1, 0]
    before[0, 0] = 1 << 15
    return (values - before + 32767) % 65536 - 32767  # -32767 to 32768


def entropy(values: np.ndarray) -> bytes:
    """Codes of the categories and the bits behind them; a byte FF is followed by 00."""
    bits = "".join(word(int(value)) for value in values.reshape(-1))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")


def word(value: int) -> str:
    category = abs(value).bit_length()
    code = format(category, f"0{CODE_BITS}b")
    if category in (0, 16):
        return code
    return code + format(value if value > 0 else value + (1 << category) - 1, f"0{category}b")
