"""Rows 7, 23, 24, 40 and 68 at the command: what the flags of reading change."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tiny import make_exam, write_dicom

from pedseg.dicom import ReadOptions
from pedseg.domains import load_domains
from pedseg.volumes import Volume
from pedseg_predict.__main__ import main, parser


@pytest.fixture
def image() -> Volume:
    """An unseen knee."""
    return make_exam(load_domains(["knee"])[0], 700)[0]


def predict(exam: Path, run: Path, *more: str) -> int:
    out = exam.with_name(f"out{len(list(exam.parent.iterdir()))}")
    return main(["-i", str(exam), "-o", str(out), "-m", str(run), "-d", "knee", "--device", "cpu", *more])


def labels(folder: Path) -> np.ndarray:
    return np.asarray(nib.load(folder / "labels.nii.gz").dataobj)


def test_the_defaults_are_those_of_the_reader() -> None:
    flags, reader = parser().parse_args(["-i", "x", "-o", "y"]), ReadOptions()
    for name in vars(reader):
        assert getattr(flags, name) == getattr(reader, name), name


def test_a_file_that_cannot_be_read_is_passed_over_where_it_is_asked_for(
    image, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dicom(image, tmp_path / "exam")
    (tmp_path / "exam" / "IM9").symlink_to("gone")
    assert predict(tmp_path / "exam", tiny_run) == 3
    assert capsys.readouterr().err.startswith("pedseg_predict: PS-A07: IM9 cannot be read")
    assert predict(tmp_path / "exam", tiny_run, "--skip-unreadable") == 0
    assert "warning: PS-W07: 1 files or folders that cannot be read were skipped" in capsys.readouterr().err


def test_fewer_slices_are_read_where_it_is_asked_for(
    image, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dicom(Volume(image.array[:, :, :3], image.affine), tmp_path / "exam")
    assert predict(tmp_path / "exam", tiny_run) == 3
    assert "PS-A40: localizer-like: 3 slices, a volume needs 4" in capsys.readouterr().err
    assert predict(tmp_path / "exam", tiny_run, "--min-slices", "3") == 0


def test_ct_is_read_where_it_is_asked_for(
    image, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dicom(image, tmp_path / "exam", SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT")
    assert predict(tmp_path / "exam", tiny_run) == 3
    assert "PS-A04: no MR image in exam" in capsys.readouterr().err
    assert predict(tmp_path / "exam", tiny_run, "--any-modality") == 0


def test_limits_are_lowered_and_checked(
    image, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dicom(image, tmp_path / "exam")
    assert predict(tmp_path / "exam", tiny_run, "--max-voxels", "1000") == 3
    assert "PS-A68: the series: 32x32x" in capsys.readouterr().err
    assert predict(tmp_path / "exam", tiny_run, "--min-slices", "99") == 3
    assert "PS-A40: localizer-like" in capsys.readouterr().err
    for wrong in (["--min-slices", "0"], ["--max-voxels", "x"], ["--monochrome1", "black"]):
        assert predict(tmp_path / "exam", tiny_run, *wrong) == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "exam"]


def test_an_inverted_exam_gets_the_labels_of_the_exam(image, tiny_run: Path, tmp_path: Path) -> None:
    """Stored values mirrored and said to be MONOCHROME1: the flag brings the picture back."""
    write_dicom(image, tmp_path / "plain")
    write_dicom(image.with_array(-1 - image.array), tmp_path / "mirrored", PhotometricInterpretation="MONOCHROME1")
    command = ["-m", str(tiny_run), "-d", "knee", "--device", "cpu", "-q"]
    for name, more in (("plain", []), ("mirrored", ["--monochrome1", "inverted"])):
        assert main(["-i", str(tmp_path / name), "-o", str(tmp_path / f"out {name}"), *command, *more]) == 0
    assert np.unique(labels(tmp_path / "out plain")).size > 1
    np.testing.assert_array_equal(labels(tmp_path / "out plain"), labels(tmp_path / "out mirrored"))


def test_flags_of_reading_are_not_for_image_files(
    image, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nib.save(nib.Nifti1Image(image.array, image.affine), tmp_path / "exam.nii.gz")
    assert predict(tmp_path / "exam.nii.gz", tiny_run, "--monochrome1", "inverted") == 2
    assert "PS-A120: exam.nii.gz is one image" in capsys.readouterr().err
