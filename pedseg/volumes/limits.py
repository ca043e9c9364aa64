"""What packed data may grow to, and where a grid may lie: judged by headers, before memory is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pedseg.errors import GeometryError, InputError
from pedseg.volumes.geometry import Matrix

FREE_BYTES = 512 << 20
"""So much is unpacked whatever its ratio: masks pack by 1,000 to 1."""
MAX_RATIO = 200
SMALLEST_MM, LARGEST_MM = 1e-4, 1e3
"""Of a voxel's edge."""
FARTHEST_MM = 1e6
MAX_TRAILER = 1 << 24
"""Bytes that may stand behind the data of an image."""
FLATTEST = 1e-6
"""Least volume that three unit directions span."""


def refuse_bomb(wanted: int, stored: int, name: str) -> None:
    """Refuse data that would grow far beyond the file they are packed in.

    Args:
        wanted: bytes in memory.
        stored: bytes of the file or files.
        name: for the message.

    Raises:
        InputError: PS-A155.
    """
    if wanted > FREE_BYTES and wanted > MAX_RATIO * stored:
        text = f"{name}: {stored} bytes are said to unpack to {wanted / 2**30:.1f} GiB"
        raise InputError("PS-A155", f"{text}, more than {MAX_RATIO} times as much: save it again, uncompressed")


def refuse_trailer(extra: int, wanted: int, name: str) -> None:
    """Refuse a file that holds far more than its header says: another type, or further images.

    Args:
        extra: bytes behind the data.
        wanted: bytes of the data.
        name: for the message.

    Raises:
        InputError: PS-A80.
    """
    if extra > MAX_TRAILER or extra >= wanted:
        raise InputError("PS-A80", f"{name} holds more than its header says: copy it again from the source")


def check_size(sizes: Sequence[int], max_voxels: int, name: str) -> None:
    """Refuse more voxels than a limit.

    Raises:
        InputError: PS-A68.
    """
    if math.prod(sizes[:3]) > max_voxels:
        text = f"{name}: {'x'.join(map(str, sizes[:3]))} voxels, at most {max_voxels} are read"
        raise InputError("PS-A68", f"{text}: cut it to the joint, or raise --max-voxels of pedseg_predict")


def check_place(affine: Matrix, name: str) -> None:
    """Refuse an affine that no scanner makes, though it is finite.

    Args:
        affine: (4, 4), voxel-centre index to mm.
        name: for the message.

    Raises:
        GeometryError: PS-A52.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not all(SMALLEST_MM <= size <= LARGEST_MM for size in sizes):
        shown = " x ".join(f"{size:g}" for size in sizes)
        text = f"{name}: its affine is not usable: voxels of {shown} mm, each edge must lie in"
        raise GeometryError("PS-A52", f"{text} [{SMALLEST_MM:g}, {LARGEST_MM:g}]: save it again")
    with np.errstate(divide="ignore"):
        spanned = abs(float(np.linalg.det(affine[:3, :3] / sizes)))
    if spanned < FLATTEST:
        raise GeometryError("PS-A52", f"{name}: its affine is not usable: two axes run the same way: save it again")
    if (far := np.abs(affine[:3, 3]).max()) > FARTHEST_MM:
        text = f"{name}: its affine is not usable: its origin lies {far:g} mm away"
        raise GeometryError("PS-A52", f"{text}: save it again")
