"""How large an image will be, told from headers alone: for the memory that a job will want."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pedseg.dicom.header import NotDicomError, read_header
from pedseg.dicom.tree import walk_files
from pedseg.errors import PedsegError
from pedseg.volumes.itk_files import itk_sizes
from pedseg.volumes.nifti import MAX_VOXELS

NIFTI = {b"n+1\0": (344, 40, "8h"), b"n+2\0": (4, 16, "8q")}
"""Magic number -> where it stands, where the dimensions stand, and how they are stored."""


@dataclass(frozen=True)
class Size:
    """Of an image in memory.

    Args:
        voxels: of all slices.
        slices: of the fewest that its axes allow.
    """

    voxels: int
    slices: int


def size_of(path: Path) -> Size:
    """About how large an image is; a file that does not tell counts a voxel a byte, one that is not there nothing."""
    try:
        if path.name.lower().endswith((".nii", ".nii.gz")):
            return _nifti(path)
        if path.is_dir() or path.name.lower().endswith(".dcm"):
            return _dicom(path)
        if path.name.lower().endswith((".nrrd", ".mha")):
            return _sized(itk_sizes(path))
        size = path.stat().st_size
    except (OSError, EOFError, zlib.error, PedsegError):
        return Size(0, 0)
    return Size(size, round(size ** (1 / 3)))


def _nifti(path: Path) -> Size:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        head = gzip.GzipFile(fileobj=raw).read(540) if packed else raw.read(540)
    for magic, (at, start, numbers) in NIFTI.items():
        if head[at : at + 4] == magic:
            orders = [struct.unpack_from(order + numbers, head, start) for order in "<>"]
            dims = next((d[1:4] for d in orders if 0 < d[0] < 8), ())
            if min(dims, default=0) > 0:
                return _sized(dims)
    return Size(0, 0)


def _sized(dims: Sequence[int]) -> Size:
    return Size(min(math.prod(dims), MAX_VOXELS), min(dims))


def _dicom(path: Path) -> Size:
    """As many voxels as the first image's bytes hold, for the bytes of all: compressed images hold more."""
    files = [file for file, _ in walk_files(path, Counter(), skip_unreadable=True)]
    total = sum(file.stat().st_size for file in files)
    for file in files:
        try:
            header = read_header(file)
        except (NotDicomError, OSError):
            continue
        pixels = (header.unsigned("Rows") or 0) * (header.unsigned("Columns") or 0)
        frames = int(text) if (text := header.text("NumberOfFrames").strip()).isdigit() else 1
        if pixels:
            share = total / max(file.stat().st_size, 1)
            return Size(min(round(share * pixels * frames), MAX_VOXELS), round(share * frames))
    return Size(0, 0)
