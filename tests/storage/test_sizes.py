"""How large images will be, from their headers."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tiny import make_exam, write_dicom

from pedseg.domains import load_domains
from pedseg.storage.sizes import Size, size_of
from pedseg.volumes import Volume
from pedseg.volumes.nifti import MAX_VOXELS, write_nifti

VOLUME = Volume(np.zeros((20, 30, 8), np.int16), np.eye(4))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti(tmp_path: Path, name: str) -> None:
    write_nifti(VOLUME, tmp_path / name)
    assert size_of(tmp_path / name) == Size(4800, 8)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_packed_nrrd_and_mha(tmp_path: Path, name: str) -> None:
    itk = pytest.importorskip("SimpleITK")
    itk.WriteImage(itk.GetImageFromArray(VOLUME.array), str(tmp_path / name), useCompression=True)
    assert size_of(tmp_path / name) == Size(4800, 8)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_of_either_version_and_byte_order(tmp_path: Path, kind: type, order: str) -> None:
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype("i2").newbyteorder(order))
    kind(VOLUME.array, VOLUME.affine, header).to_filename(tmp_path / "a.nii")
    assert size_of(tmp_path / "a.nii") == Size(4800, 8)


def test_a_folder_of_dicom_and_one_file_of_it(tmp_path: Path) -> None:
    image, _ = make_exam(load_domains(["knee"])[0], 1, slices=17)
    write_dicom(image, tmp_path / "exam")
    (tmp_path / "exam" / "notes.txt").write_text("seen first by nobody")
    size = size_of(tmp_path / "exam")
    assert size.slices == 17
    assert size.voxels == pytest.approx(image.array.size, rel=0.02)
    assert size_of(sorted((tmp_path / "exam").glob("*.dcm"))[0]).voxels == 32 * 32


def test_files_that_lie_or_do_not_tell(tmp_path: Path) -> None:
    write_nifti(VOLUME, tmp_path / "a.nii")
    data = bytearray((tmp_path / "a.nii").read_bytes())
    data[42:48] = np.full(3, 32767, "<i2").tobytes()
    (tmp_path / "vast.nii").write_bytes(data)
    assert size_of(tmp_path / "vast.nii").voxels == MAX_VOXELS
    (tmp_path / "half.nii.gz").write_bytes(gzip.compress(bytes(data))[:40])
    (tmp_path / "text.nii").write_text("no image")
    (tmp_path / "a.mha").write_bytes(bytes(1000))
    (tmp_path / "a.img").write_bytes(bytes(1000))
    (tmp_path / "empty").mkdir()
    names = ("half.nii.gz", "text.nii", "empty", "gone.nii", "a.mha", "a.img")
    sizes = {name: size_of(tmp_path / name) for name in names}
    assert sizes == {**dict.fromkeys(sizes, Size(0, 0)), "a.img": Size(1000, 10)}
