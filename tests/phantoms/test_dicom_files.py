"""DICOM that says where each voxel lies, by the standard's equation."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from pedseg.phantoms import Exam, draw_patient, make_exam, write_exam
from pedseg.phantoms.dicom_files import draw_filing
from pedseg.volumes.geometry import LPS_TO_RAS


@pytest.fixture(scope="module", params=["ankle", "knee", "shoulder"])
def exam(request: pytest.FixtureRequest) -> Exam:
    return make_exam(draw_patient(request.param, 0, 2), matrix=40)


def test_every_voxel_lies_where_the_labels_say(exam: Exam, tmp_path: Path) -> None:
    """The standard's equation (C.7.6.2.1-1), pixel by pixel, against the affine of the labels."""
    write_exam(exam, tmp_path / "case")
    labels = nib.load(tmp_path / "case" / "labels.nii.gz")
    array, affine = np.asarray(labels.dataobj), labels.affine
    np.testing.assert_array_equal(array, exam.labels.array)
    files = sorted((tmp_path / "case" / "dicom").iterdir())
    assert len(files) == array.shape[2]
    met = set()
    for file in files:
        slice_ = pydicom.dcmread(file)
        row, column = (np.array(slice_.ImageOrientationPatient[a : a + 3]) for a in (0, 3))
        between_rows, between_columns = slice_.PixelSpacing
        corner = np.array(slice_.ImagePositionPatient)
        k = round(float(np.linalg.solve(affine, [*(LPS_TO_RAS[:3, :3] @ corner), 1])[2]))
        met.add(k)
        for r, c in [(0, 0), (0, slice_.Columns - 1), (slice_.Rows - 1, 0), (7, 19)]:
            lps = corner + row * between_columns * c + column * between_rows * r
            np.testing.assert_allclose(LPS_TO_RAS[:3, :3] @ lps, (affine @ [c, r, k, 1])[:3], atol=1e-4)
        np.testing.assert_array_equal(slice_.pixel_array.T, exam.image.array[:, :, k])
    assert met == set(range(array.shape[2]))


def test_unequal_spacing_is_written_rows_first() -> None:
    spacing = [make_exam(draw_patient("knee", 0, i), matrix=32).image.spacing_mm for i in range(5)]
    assert any(abs(j / i - 1) > 0.05 for i, j, _ in spacing)


def test_headers_are_a_valid_mr_series_without_a_person(exam: Exam, tmp_path: Path) -> None:
    write_exam(exam, tmp_path / "case")
    slices = [pydicom.dcmread(f, stop_before_pixels=True) for f in (tmp_path / "case" / "dicom").iterdir()]
    assert len({s.SOPInstanceUID for s in slices}) == len(slices)
    assert len({(s.StudyInstanceUID, s.SeriesInstanceUID, s.FrameOfReferenceUID) for s in slices}) == 1
    assert all(pydicom.uid.UID(s.SOPInstanceUID).is_valid for s in slices)
    first = slices[0]
    assert str(first.PatientName).startswith("PHANTOM^")
    assert first.PatientIdentityRemoved == "YES"
    assert first.PatientBirthDate == ""
    assert first.Laterality == exam.patient.side[0].upper()
    assert (float(first.RepetitionTime), float(first.EchoTime)) == (exam.protocol.tr_ms, exam.protocol.te_ms)
    assert first.Manufacturer == {"knee": "SIEMENS"}.get(exam.patient.domain, "Philips Medical Systems")


def test_series_are_filed_in_every_order() -> None:
    filings = [draw_filing(draw_patient("ankle", 0, i), 20, rescaled=True) for i in range(12)]
    assert {f.instances == tuple(range(1, 21)) for f in filings} == {True, False}
    assert {f.names == f.instances for f in filings} == {True, False}
    assert {f.rescale is None for f in filings} == {True, False}
