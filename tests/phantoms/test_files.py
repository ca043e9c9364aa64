"""Case folders: DICOM and NIfTI that say where each voxel lies, complete or absent, the same bytes each time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pedseg.errors import OutputError
from pedseg.phantoms import Exam, draw_patient, make_exam, write_exam

MATRIX = 40


@pytest.fixture(scope="module", params=["ankle", "knee", "shoulder"])
def exam(request: pytest.FixtureRequest) -> Exam:
    return make_exam(draw_patient(request.param, 0, 2), matrix=MATRIX)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(folder.rglob("*"))
        if f.is_file()
    }


def test_the_same_exam_is_the_same_bytes(exam: Exam, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_exam(exam, tmp_path / name)
        write_exam(exam, tmp_path / f"{name}_nifti", format="nifti")
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")
    assert _digests(tmp_path / "a_nifti") == _digests(tmp_path / "b_nifti")


def test_nifti_holds_the_same_image(exam: Exam, tmp_path: Path) -> None:
    write_exam(exam, tmp_path / "case", format="nifti")
    assert sorted(f.name for f in (tmp_path / "case").iterdir()) == ["case.json", "image.nii.gz", "labels.nii.gz"]
    image = nib.load(tmp_path / "case" / "image.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), exam.image.array)
    np.testing.assert_allclose(image.affine, exam.image.affine, atol=1e-4)


def test_case_facts(exam: Exam, tmp_path: Path) -> None:
    write_exam(exam, tmp_path / "case", format="nifti")
    facts = json.loads((tmp_path / "case" / "case.json").read_text())
    patient = exam.patient
    assert (facts["side"], facts["age"], facts["deformed"]) == (patient.side, patient.age, patient.deformed)
    assert facts["patient"] == f"phantom-0-{patient.name}"


def test_an_existing_case_stays_unless_told(exam: Exam, tmp_path: Path) -> None:
    write_exam(exam, tmp_path / "case", format="nifti")
    before = _digests(tmp_path / "case")
    with pytest.raises(OutputError, match="PS-A104"):
        write_exam(exam, tmp_path / "case")
    assert _digests(tmp_path / "case") == before
    write_exam(exam, tmp_path / "case", overwrite=True)
    assert (tmp_path / "case" / "dicom").is_dir()


def test_a_failure_leaves_nothing(exam: Exam, tmp_path: Path) -> None:
    """Labels that no NIfTI can hold stop the case after its DICOM files are written."""
    huge = exam.labels.array.astype(np.int64) + 2**40
    faulty = dataclasses.replace(exam, labels=exam.labels.with_array(huge))
    with pytest.raises(TypeError, match="int32"):
        write_exam(faulty, tmp_path / "case")
    assert list(tmp_path.iterdir()) == []
