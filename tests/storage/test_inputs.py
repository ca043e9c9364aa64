"""What a user points at: files, folders, names that are safe."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from tiny import oblique, write_dicom

from pedseg.dicom import ReadOptions
from pedseg.errors import InputError, UsageError
from pedseg.privacy import SHOW_NAMES
from pedseg.storage.inputs import Choice, Exam, find_exams, read_exam
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti

ALIKE = r"PS-A99: exams 1 and 2 by name of .* would both be called [aA]_.: rename one"


@pytest.fixture
def volume() -> Volume:
    return Volume(np.arange(8 * 6 * 5, dtype=np.int16).reshape(8, 6, 5), oblique())


def test_a_file_is_one_exam_named_by_it(tmp_path: Path, volume: Volume) -> None:
    write_nifti(volume, tmp_path / "knee left.nii.gz")
    (exam,) = find_exams(tmp_path / "knee left.nii.gz")
    assert exam.name == "knee_left"
    read = read_exam(exam)
    np.testing.assert_array_equal(read.array, volume.array)
    np.testing.assert_allclose(read.affine, volume.affine, atol=1e-4)


def test_a_folder_of_image_files_is_one_exam_each_by_name(tmp_path: Path) -> None:
    for name in ("b.nii.gz", "a.NII", "c.mha", "d.nrrd", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "inner").mkdir()
    assert [e.name for e in find_exams(tmp_path)] == ["a", "b", "c", "d"]


def test_a_folder_without_image_files_is_one_dicom_exam_that_borrows_no_name(tmp_path: Path, volume: Volume) -> None:
    folder = tmp_path / "DOE^JANE"
    write_dicom(volume, folder / "series", PatientName="Doe^Jane")
    assert find_exams(folder) == (Exam("exam", folder),)
    read = read_exam(find_exams(folder)[0])
    np.testing.assert_array_equal(read.array, volume.array)
    np.testing.assert_allclose(read.affine, volume.affine, atol=1e-4)
    assert "Doe" not in str(read.facts)


@pytest.mark.parametrize(
    ("file", "name"),
    [("-x.nii", "x"), ("..a..nii.gz", "a"), ("Kn\u00e4 (1).mha", "Kn_1"), ("x" * 90 + ".nii", "x" * 64)],
    ids=["dash", "dots", "letters", "long"],
)
def test_names_are_safe_on_every_system(
    tmp_path: Path, file: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).touch()
    monkeypatch.setenv(SHOW_NAMES, "1")
    assert [e.name for e in find_exams(tmp_path)] == [name]


def test_what_stands_for_a_name_follows_from_it_alone(tmp_path: Path) -> None:
    """As `printf %s Abel.nii.gz | sha256sum | cut -c1-8` says, whatever lies beside it."""
    for name in ("Doe_Jane.nii.gz", "knee_1.nii.gz", "Abel.nii.gz"):
        (tmp_path / name).touch()
    assert [e.name for e in find_exams(tmp_path)] == ["exam_a9c789bd", "exam_8f65e4d5", "knee_1"]
    (tmp_path / "Abel.nii.gz").unlink()
    assert [e.name for e in find_exams(tmp_path)] == ["exam_8f65e4d5", "knee_1"]
    (tmp_path / "Abel.nii.gz").touch()
    assert [e.name for e in find_exams(tmp_path / "Abel.nii.gz")] == ["exam"]


def test_what_cannot_be_told_apart_or_named_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHOW_NAMES, "1")
    with pytest.raises(UsageError, match=r"PS-A03: input .*nothing does not exist"):
        find_exams(tmp_path / "nothing")
    (tmp_path / "a b.nii").touch()
    (tmp_path / "A_b.nii.gz").touch()
    with pytest.raises(UsageError, match=ALIKE):
        find_exams(tmp_path)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "\u8089.nii").touch()
    with pytest.raises(InputError, match=r"PS-A121: .*has no letter or digit"):
        find_exams(tmp_path / "odd")


def test_labels_beside_their_image_are_no_second_exam(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("image.nii.gz", "labels.nii.gz"):
        (tmp_path / name).touch()
    with caplog.at_level(logging.INFO):
        assert [e.path.name for e in find_exams(tmp_path)] == ["image.nii.gz"]
    assert "labels beside the image are no exam: passed over" in caplog.text
    (tmp_path / "image.nii.gz").unlink()
    assert [e.path.name for e in find_exams(tmp_path)] == ["labels.nii.gz"]


def test_folders_may_hold_dots(tmp_path: Path) -> None:
    for name in ("case.1", "case.2"):
        (tmp_path / name).mkdir()
    assert [e.name for e in find_exams(tmp_path, each=True)] == ["case.1", "case.2"]


def test_with_each_every_folder_inside_is_an_exam_of_its_own(
    tmp_path: Path, volume: Volume, caplog: pytest.LogCaptureFixture
) -> None:
    for n, name in enumerate(("b", "a 1")):
        write_dicom(volume.with_array(volume.array + n), tmp_path / name / "series", SeriesNumber=n + 1)
    (tmp_path / "notes.txt").touch()
    with caplog.at_level(logging.WARNING):
        exams = find_exams(tmp_path, each=True)
    assert "PS-W148: 1 files beside the folders were passed over" in caplog.text
    assert [e.name for e in exams] == ["a_1", "b"]
    assert [int(read_exam(e).array[0, 0, 0] - volume.array[0, 0, 0]) for e in exams] == [1, 0]
    with pytest.raises(UsageError, match=r"PS-A03: .* holds no folders: with --each"):
        find_exams(tmp_path / "b" / "series", each=True)
    (tmp_path / "A_1").mkdir()
    with pytest.raises(UsageError, match=ALIKE):
        find_exams(tmp_path, each=True)


def test_a_choice_is_for_dicom_folders_only(tmp_path: Path, volume: Volume) -> None:
    write_nifti(volume, tmp_path / "a.nii.gz")
    with pytest.raises(UsageError, match=r"PS-A120: a.nii.gz is one image"):
        read_exam(find_exams(tmp_path)[0], Choice(echo=1))


def test_the_limit_of_voxels_is_for_image_files_too(tmp_path: Path, volume: Volume) -> None:
    write_nifti(volume, tmp_path / "a.nii.gz")
    (exam,) = find_exams(tmp_path)
    limits = (volume.array.size, volume.array.size - 1)
    enough, less = (Choice(options=ReadOptions(max_voxels=n)) for n in limits)
    assert read_exam(exam, enough).shape == volume.shape
    with pytest.raises(InputError, match=r"PS-A68: a.nii.gz: .* or raise --max-voxels of pedseg_predict"):
        read_exam(exam, less)


def test_a_choice_reaches_the_dicom_reader(tmp_path: Path, volume: Volume) -> None:
    write_dicom(volume, tmp_path / "one", SeriesNumber=1)
    write_dicom(volume.with_array(volume.array[::-1].copy()), tmp_path / "two", SeriesNumber=2)
    (exam,) = find_exams(tmp_path)
    with pytest.raises(InputError, match="PS-A20"):
        read_exam(exam)
    firsts = {int(read_exam(exam, Choice(series=k)).array[0, 0, 0]) for k in (1, 2)}
    assert firsts == {int(volume.array[0, 0, 0]), int(volume.array[-1, 0, 0])}
