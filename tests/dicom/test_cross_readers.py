"""Valid series through other people's readers: the same voxels at the same places."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK
from mr_series import GRID, Grid
from oblique import ORIENTATIONS, Exam, assert_same_voxels, exam, rotation, turned, write

from pedseg.dicom import read_volume
from pedseg.volumes import Volume
from pedseg.volumes.geometry import LPS_TO_RAS

EXACT_MM = 1e-4
NEAR_MM = 1e-3
"""dcm2niix computes in single precision."""
TURN = (0.81, 0.23, -0.42, 0.34)
Reading = tuple[np.ndarray, np.ndarray]
"""An array, and its affine to RAS mm."""


def grids() -> Iterator[tuple[str, Grid]]:
    """Sagittal-oblique and double-oblique stacks, slices in either order; unequal spacing everywhere."""
    yield "sagittal", GRID
    for name, orientation in (("axial", 0), ("axial-down", 1), ("coronal", 9), ("turned", 22), ("mirrored", 41)):
        axes = rotation(TURN) @ ORIENTATIONS[orientation]
        yield name, turned(axes, rows=36, columns=34, n=7, origin=(-112.5, 87.25, 301.0))
    yield "thick", turned(ORIENTATIONS[0], rows=34, columns=40, n=5, row_spacing=0.41, column_spacing=1.1, step=6.6)


@pytest.fixture(params=[pytest.param(grid, id=name) for name, grid in grids()])
def valid(request: pytest.FixtureRequest) -> Exam:
    return exam(request.param)


@pytest.fixture(params=["single", "enhanced"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def order_for(reader: Callable[[Path], Reading], form: str, n: int) -> list[int]:
    """Shuffled; but GDCM, which SimpleITK asks, lays frames on a grid of 1 mm where they are not in order."""
    if form == "enhanced" and reader is by_simpleitk:
        return list(range(n))[::-1]
    return [int(k) for k in np.random.default_rng(3).permutation(n)]


def by_highdicom(folder: Path) -> Reading:
    files = sorted(folder.iterdir())
    if len(files) == 1:
        volume = hd.imread(files[0]).get_volume(apply_presentation_lut=False, apply_real_world_transform=False)
    else:
        images = [pydicom.dcmread(file) for file in files]
        volume = hd.get_volume_from_series(images, apply_presentation_lut=False)
    return volume.array, LPS_TO_RAS @ volume.affine


def by_simpleitk(folder: Path) -> Reading:
    files = sorted(folder.iterdir())
    if len(files) == 1:
        image = SimpleITK.ReadImage(str(files[0]), imageIO="GDCMImageIO")
    else:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        image = reader.Execute()
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0), LPS_TO_RAS @ lps


def by_dcm2niix(folder: Path) -> Reading:
    program = shutil.which("dcm2niix", path=str(Path(sys.executable).parent)) or shutil.which("dcm2niix")
    if program is None:
        pytest.skip("dcm2niix is not installed")
    out = folder.parent / "converted"
    out.mkdir()
    order = [program, "-z", "n", "-b", "n", "-f", "image", "-o", str(out), str(folder)]
    done = subprocess.run(order, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (file,) = out.glob("*.nii")
    image = nib.load(file)
    return np.asanyarray(image.dataobj), image.affine


@pytest.mark.parametrize(
    ("reader", "within_mm"), [(by_highdicom, EXACT_MM), (by_simpleitk, NEAR_MM), (by_dcm2niix, NEAR_MM)]
)
def test_another_reader_agrees(
    valid: Exam, form: str, reader: Callable[[Path], Reading], within_mm: float, tmp_path: Path
) -> None:
    folder = write(valid, tmp_path / "exam", form=form, order=order_for(reader, form, valid.grid.n))
    values, ras = reader(folder)
    assert_same_voxels(read_volume(folder), values, ras, within_mm=within_mm)


@pytest.mark.parametrize("reader", [by_highdicom, by_simpleitk, by_dcm2niix])
@pytest.mark.parametrize("syntax", ["rle", "jpeg2000", "jpegls", "jpeg-sv1", "big-endian", "implicit"])
def test_another_decoder_agrees(syntax: str, reader: Callable[[Path], Reading], tmp_path: Path) -> None:
    """Row 17; the lossless JPEG is of this project's own tests, so that another decoder vouches for it."""
    folder = write(exam(turned(rotation(TURN), rows=34, columns=36, n=4)), tmp_path / "exam", syntax=syntax)
    values, ras = reader(folder)
    assert_same_voxels(read_volume(folder), values, ras, within_mm=NEAR_MM)


def test_the_comparison_can_fail() -> None:
    ours = exam(GRID).volume()
    flipped = ours.affine @ np.diag([1, 1, -1, 1])
    flipped[:3, 3] = ours.affine[:3] @ [0, 0, GRID.n - 1, 1]
    assert_same_voxels(ours, ours.array[..., ::-1], flipped, within_mm=EXACT_MM)
    for array, affine in (
        (ours.array, flipped),
        (ours.array[..., ::-1], ours.affine),
        (ours.array, ours.affine @ np.diag([1.2, 1 / 1.2, 1, 1])),
        (ours.array[..., 1:], ours.affine),
        (ours.array ^ (np.arange(ours.array.size).reshape(ours.shape) == 77), ours.affine),
    ):
        with pytest.raises(AssertionError):
            assert_same_voxels(Volume(ours.array, ours.affine), array, affine, within_mm=EXACT_MM)
