"""NRRD and MHA files: read as their headers say, packed data to the end of their checksum.

ITK itself takes a packed MHA with a flipped bit for whole, and most such NRRD files.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pedseg.errors import InputError, one_line
from pedseg.volumes.itk_headers import (
    PACKED,
    RAW,
    TEXT,
    Stored,
    mha_header,
    mha_place,
    nrrd_header,
    nrrd_place,
    segment_names,
    unreadable,
)
from pedseg.volumes.limits import check_size, refuse_bomb, refuse_trailer
from pedseg.volumes.volume import Volume

_MAX_HEADER = 1 << 20
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_PACKED_CHUNK = 1 << 14  # zlib gives 1,032 to 1


def read_itk(path: Path, max_voxels: int) -> Volume:
    """Read an NRRD or MHA file.

    Args:
        path: a header with its data behind it.
        max_voxels: larger images are refused before memory is asked for.

    Raises:
        InputError: PS-A68 too large, PS-A80 damaged, PS-A121 not readable, PS-A155 data that would grow beyond reason,
            PS-A156 data that lie in another file.
        GeometryError: PS-A52 no usable affine.
    """
    name = one_line(path.name)
    nrrd = _is_nrrd(path)
    place = nrrd_place if nrrd else mha_place
    try:
        with path.open("rb") as file:
            stored = _stored(file, path)
            _check_length(stored, path.stat().st_size, name)
            check_size(stored.sizes, max_voxels, name)
            affine, notices = place(stored.fields, name)
            file.seek(stored.start)
            array = _values(file, stored, name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError("PS-A80", f"{name} is damaged ({error}): copy it again from the source") from error
    except OSError as error:
        raise InputError("PS-A121", f"{name} cannot be read: {error.strerror or 'input/output error'}") from error
    array = array.reshape(stored.sizes, order="F").astype(stored.dtype.newbyteorder("="), copy=False)
    facts: dict[str, str | int | float] = {"format": "NRRD" if nrrd else "MHA"}
    return Volume(array, affine, notices=notices, facts=facts)


def itk_sizes(path: Path) -> tuple[int, int, int]:
    """(I, J, K) that the header of an NRRD or MHA file says.

    Raises:
        InputError: PS-A121 not readable.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return _stored(file, path).sizes


def read_segment_names(path: Path) -> dict[int, tuple[str, ...]]:
    """Label value -> names of its segments in the header of an NRRD file; empty for any other file."""
    if not _is_nrrd(path):
        return {}
    try:
        with path.open("rb") as file:
            return segment_names(file.read(_MAX_HEADER))
    except OSError as error:
        text = f"{one_line(path.name)} cannot be read: {error.strerror or 'input/output error'}"
        raise InputError("PS-A121", text) from error


def _is_nrrd(path: Path) -> bool:
    return path.suffix.lower() == ".nrrd"


def _stored(file: BinaryIO, path: Path) -> Stored:
    header = nrrd_header if _is_nrrd(path) else mha_header
    return header(file.read(_MAX_HEADER), one_line(path.name))


def _check_length(stored: Stored, size: int, name: str) -> None:
    """Refuse a file of too few bytes for what its header says."""
    wanted = math.prod(stored.sizes) * stored.dtype.itemsize
    if stored.coding == RAW and (there := size - stored.start) < wanted:
        raise InputError("PS-A121", f"{name}: {there} of {wanted} data bytes: copy it again")
    refuse_bomb(wanted, size, name)


def _values(file: BinaryIO, stored: Stored, name: str) -> NDArray[Any]:
    """(I J K) values, the first axis fastest."""
    count = math.prod(stored.sizes)
    wanted = count * stored.dtype.itemsize
    if stored.coding == TEXT:
        return _digits(file.read(), stored.dtype, count, name)
    if stored.at_end:
        file.seek(-wanted, os.SEEK_END)
    pieces = _unpacked(file) if stored.coding == PACKED else iter(lambda: file.read(_CHUNK), b"")
    return np.frombuffer(_whole(pieces, wanted, name), stored.dtype)


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    """Pieces of a gzip or zlib stream, to its checksum."""
    head = file.read(2)
    file.seek(-len(head), os.SEEK_CUR)
    if head == _GZIP:
        stream = gzip.GzipFile(fileobj=file)
        yield from iter(lambda: stream.read(_CHUNK), b"")
        return
    engine = zlib.decompressobj()
    while not engine.eof:
        if not (packed := file.read(_PACKED_CHUNK)):
            raise EOFError("its packed data end too early")
        yield engine.decompress(packed)


def _whole(pieces: Iterator[bytes], wanted: int, name: str) -> bytearray:
    """So many bytes, and nothing of their size behind them."""
    data, extra = bytearray(), 0
    for piece in pieces:
        room = wanted - len(data)
        data += piece[:room]
        extra += max(0, len(piece) - room)
        refuse_trailer(extra, wanted, name)
    if len(data) < wanted:
        raise InputError("PS-A80", f"{name}: {len(data)} of {wanted} data bytes: copy it again from the source")
    return data


def _digits(text: bytes, dtype: np.dtype[np.generic], count: int, name: str) -> NDArray[Any]:
    try:
        values = np.array(text.split()).astype(dtype)
    except (ValueError, OverflowError) as error:
        raise unreadable(name) from error
    if len(values) != count:
        raise InputError("PS-A121", f"{name}: {len(values)} of {count} numbers: copy it again")
    return values
