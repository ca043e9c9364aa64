"""Where the voxels of a NIfTI file lie: its sform, else its qform, else the bare spacing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from pedseg.errors import GeometryError, Notice
from pedseg.volumes.geometry import Geometry, Matrix
from pedseg.volumes.limits import check_place

SFORM_QFORM_MM = 0.05
"""sform and qform farther apart than this at a corner are reported."""
LONG = 1e-3
"""A quaternion so much too long is rounding: single precision alone makes 1e-7 of it."""
_MM_PER_UNIT = {1: 1000.0, 3: 0.001}
"""By the lowest three bits of `xyzt_units`: metre and micron; whatever else, mm."""


def nifti_place(header: Any, shape: tuple[int, int, int], name: str) -> tuple[Matrix, tuple[Notice, ...]]:
    """The affine to RAS+ mm.

    Args:
        header: nibabel's, NIfTI-1 or NIfTI-2.
        shape: of the image.
        name: for messages.

    Returns:
        (4, 4), and PS-W79 where sform and qform lie apart, one of them is not usable, or none is set.

    Raises:
        GeometryError: PS-A52 no usable affine.
    """
    unit = _MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    scale = np.diag([unit, unit, unit, 1.0])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        sform, qform = (None if m is None else scale @ m for m in (header.get_sform(coded=True)[0], _qform(header)))
        bare = scale @ header.get_base_affine()
    affine = next((m for m in (sform, qform) if m is not None), bare)
    if sform is None and not np.isfinite(affine).all():
        raise GeometryError("PS-A52", f"{name}: its qform is not usable, and it has no sform: save it again")
    check_place(affine, name)
    try:
        with np.errstate(divide="ignore"):
            grid = Geometry(shape, affine)
    except ValueError as error:
        raise GeometryError("PS-A52", f"{name}: its affine is not usable: {error}") from error
    if sform is None and qform is None:
        return grid.affine, (Notice("PS-W79", "neither sform nor qform is set: left and right cannot be told"),)
    if sform is None or qform is None:
        return grid.affine, ()
    return grid.affine, _apart(grid, qform)


def _apart(grid: Geometry, qform: Matrix) -> tuple[Notice, ...]:
    """What is said of a qform beside a usable sform."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            apart = grid.corner_distance_mm(Geometry(grid.shape, qform))
        except ValueError:
            return (Notice("PS-W79", "the qform is not usable: the sform was used"),)
    if apart <= SFORM_QFORM_MM:
        return ()
    return (Notice("PS-W79", f"sform and qform lie {apart:.2f} mm apart: the sform was used"),)


def _qform(header: Any) -> Matrix | None:
    """The qform as the format has it: a qfac of 0 counts as 1, a quaternion a little too long is brought to length.

    Returns:
        None where it is not set; NaN where it is not usable, so that nothing is guessed in its place.
    """
    if int(header["qform_code"]) == 0:
        return None
    affine = np.full((4, 4), np.nan)
    b, c, d = (float(header[f"quatern_{word}"]) for word in "bcd")
    qfac, *sizes = (float(value) for value in header["pixdim"][:4])
    length = b * b + c * c + d * d
    if qfac not in (-1.0, 0.0, 1.0) or min(sizes) < 0 or not length <= 1 + LONG:
        return affine
    quaternions: Any = import_module("nibabel.quaternions")
    quaternion = np.array([np.sqrt(max(0.0, 1 - length)), b, c, d])
    affine = np.eye(4)
    affine[:3, :3] = quaternions.quat2mat(quaternion) * (*sizes[:2], sizes[2] * (qfac or 1.0))
    affine[:3, 3] = [float(header[f"qoffset_{word}"]) for word in "xyz"]
    return affine
