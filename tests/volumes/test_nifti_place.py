"""Where a NIfTI file lies: by the format's own rules, and never by a guess in place of a qform that is spoilt."""

from __future__ import annotations

import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pedseg.errors import GeometryError
from pedseg.volumes import Geometry
from pedseg.volumes.nifti import read_nifti

SHAPE = (4, 5, 3)
TURN = np.linalg.qr(np.array([[1.0, 0.1, 0.2], [-0.1, 1.0, 0.1], [0.05, -0.1, 1.0]]))[0]
TURN = TURN * np.sign(np.diag(TURN))
PLACE = np.eye(4)
PLACE[:3, :3], PLACE[:3, 3] = TURN * (0.3, 0.4, 3.1), (-20, 15, 7)
QFAC, SIZES, QUATERNION, OFFSET = 76, 80, 256, 268
NAN = float("nan")
SPOILT = "PS-W79: the qform is not usable: the sform was used"


def written(folder: Path, at: int = 0, *values: float, sform: int = 0, affine: np.ndarray = PLACE) -> Path:
    """A file whose header holds other numbers from some byte on."""
    image = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), None)
    image.header.set_sform(affine, code=sform)
    image.header.set_qform(affine, code=1)
    nib.save(image, folder / "x.nii")
    data = bytearray((folder / "x.nii").read_bytes())
    struct.pack_into(f"<{len(values)}f", data, at, *values)
    (folder / "x.nii").write_bytes(data)
    return folder / "x.nii"


def off_mm(path: Path, affine: np.ndarray = PLACE) -> float:
    return read_nifti(path).geometry.corner_distance_mm(Geometry(SHAPE, affine))


@pytest.mark.parametrize("qfac", [0.0, 1.0, -1.0])
def test_a_qfac_of_zero_is_one(qfac: float, tmp_path: Path) -> None:
    wanted = PLACE * [1, 1, qfac or 1, 1]
    assert off_mm(written(tmp_path, QFAC, qfac), wanted) < 1e-4
    assert read_nifti(tmp_path / "x.nii").notices == ()


def test_a_quaternion_rounded_too_long_is_brought_to_length(tmp_path: Path) -> None:
    half_turn = np.eye(4)
    half_turn[:3, :3] = np.diag([-1.0, -1.0, 1.0]) * (0.3, 0.4, 3.1)
    assert off_mm(written(tmp_path, QUATERNION, 0, 0, 1.00001, affine=half_turn), half_turn) < 1e-3


SPOILS = {
    "qfac": (QFAC, 3.0),
    "qfac-nan": (QFAC, NAN),
    "size": (SIZES, -0.3),
    "quaternion": (QUATERNION, 1.0, 1.0, 1.0),
    "quaternion-nan": (QUATERNION, NAN),
    "offset": (OFFSET, float("inf")),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_spoilt_qform_is_refused_alone_and_told_beside_a_sform(spoil: str, tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match=r"PS-A52: x\.nii: its qform is not usable, and it has no sform"):
        read_nifti(written(tmp_path, *SPOILS[spoil]))
    assert off_mm(written(tmp_path, *SPOILS[spoil], sform=1)) < 1e-4
    assert [str(notice) for notice in read_nifti(tmp_path / "x.nii").notices] == [SPOILT]


def test_a_size_of_zero(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match=r"PS-A52: x\.nii: .*voxels of 0 x 0\.4"):
        read_nifti(written(tmp_path, SIZES, 0.0))
    assert off_mm(written(tmp_path, SIZES, 0.0, sform=1)) < 1e-4
