"""One exam as DICOM, as NIfTI by dcm2niix and as NRRD and MHA by SimpleITK is predicted as one mask."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from tiny import JOINTS, make_exam, write_dicom

from pedseg.dicom import read_volume
from pedseg.domains import load_domains
from pedseg.inference import load_model, predict_volume
from pedseg.storage.labels import onto_grid
from pedseg.volumes import Volume
from pedseg.volumes.geometry import LPS_TO_RAS
from pedseg.volumes.nifti import read_image


def by_dcm2niix(exam: Path, folder: Path) -> Path:
    program = shutil.which("dcm2niix", path=str(Path(sys.executable).parent)) or shutil.which("dcm2niix")
    if program is None:
        pytest.skip("dcm2niix is not installed")
    subprocess.run([program, "-z", "n", "-f", "x", "-o", str(folder), str(exam)], check=True, capture_output=True)
    return folder / "x.nii"


def by_simpleitk(ending: str) -> Callable[[Path, Path], Path]:
    def write(exam: Path, folder: Path) -> Path:
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(exam))
        sitk.WriteImage(sitk.ReadImage(names), str(folder / f"x{ending}"), useCompression=True)
        return folder / f"x{ending}"

    return write


def turned(ending: str) -> Callable[[Path, Path], Path]:
    """Stored in another order of axes, two of them backwards."""

    def write(exam: Path, folder: Path) -> Path:
        volume = read_volume(exam)
        affine = LPS_TO_RAS @ volume.affine
        image = sitk.GetImageFromArray(np.ascontiguousarray(volume.array.transpose(2, 1, 0)))
        image.SetSpacing(volume.spacing_mm)
        image.SetOrigin(affine[:3, 3].tolist())
        image.SetDirection((affine[:3, :3] / volume.spacing_mm).ravel().tolist())
        other = sitk.PermuteAxes(image, (2, 0, 1))
        sitk.WriteImage(sitk.Flip(other, (True, False, True)), str(folder / f"x{ending}"))
        return folder / f"x{ending}"

    return write


WAYS = {
    "nifti": by_dcm2niix,
    "nrrd": by_simpleitk(".nrrd"),
    "mha": by_simpleitk(".mha"),
    "nrrd-turned": turned(".nrrd"),
    "mha-turned": turned(".mha"),
    "nifti-turned": turned(".nii.gz"),
}


@pytest.fixture(scope="module", params=JOINTS)
def predicted(request: pytest.FixtureRequest, tiny_run: Path, tmp_path_factory: pytest.TempPathFactory):
    """The folder of an exam, its mask, and how any other file of it is predicted."""
    (domain,) = load_domains([request.param])
    folder = tmp_path_factory.mktemp("exam") / "dicom"
    write_dicom(make_exam(domain, 700)[0], folder)
    model = load_model(tiny_run)

    def predict(volume: Volume) -> np.ndarray:
        return predict_volume(volume, model, domain=domain.name).labels.array

    volume = read_volume(folder)
    return folder, volume, predict(volume), predict


@pytest.mark.parametrize("way", WAYS)
def test_the_mask_is_the_same_voxel_for_voxel(way: str, predicted, tmp_path: Path) -> None:
    exam, volume, mask, predict = predicted
    other = read_image(WAYS[way](exam, tmp_path))
    assert other.notices == ()
    placed = onto_grid(predict(other), other.geometry, volume.geometry, way)
    assert mask.any()
    assert np.array_equal(placed, mask), f"{np.count_nonzero(placed != mask)} of {mask.size} voxels"
