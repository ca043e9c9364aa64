"""A small encoder of lossless JPEG (process 14, predictor 1): pydicom compresses to other syntaxes only.

Written from ITU-T T.81, annex H: each pixel minus its left neighbour, modulo 65536, as a category and its bits.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

_CATEGORIES = 17
_CODE_BITS = 5
"""All seventeen categories have codes of five bits; the code of ones alone, which is not allowed, is the 32nd."""


def compress(ds: Dataset, syntax: UID) -> Dataset:
    """Put the 16-bit pixels of an image into one lossless JPEG."""
    plane = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([encode(plane)])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def encode(plane: NDArray[np.uint16]) -> bytes:
    """(rows, columns) 16-bit values as a JPEG."""
    rows, columns = plane.shape
    frame = struct.pack(">BHHB3B", 16, rows, columns, 1, 1, 0x11, 0)
    lengths = [0] * (_CODE_BITS - 1) + [_CATEGORIES] + [0] * (16 - _CODE_BITS)
    table = bytes([0, *lengths, *range(_CATEGORIES)])
    scan = bytes([1, 1, 0, 1, 0, 0])
    segments = [_segment(0xC3, frame), _segment(0xC4, table), _segment(0xDA, scan)]
    return b"\xff\xd8" + b"".join(segments) + _bits(_differences(plane)) + b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _differences(plane: NDArray[np.uint16]) -> NDArray[np.int64]:
    """(rows * columns,) in -32767 .. 32768; the first column is predicted from above, the first pixel by 32768."""
    values = plane.astype(np.int64)
    predicted = np.empty_like(values)
    predicted[:, 1:] = values[:, :-1]
    predicted[1:, 0] = values[:-1, 0]
    predicted[0, 0] = 1 << 15
    off = (values - predicted) % 65536
    return np.where(off > 32768, off - 65536, off).reshape(-1)


def _bits(differences: NDArray[np.int64]) -> bytes:
    parts = []
    for value in differences.tolist():
        category = abs(value).bit_length()
        parts.append(format(category, f"0{_CODE_BITS}b"))
        if 0 < category < 16:
            parts.append(format(value if value > 0 else value + (1 << category) - 1, f"0{category}b"))
    text = "".join(parts)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")
