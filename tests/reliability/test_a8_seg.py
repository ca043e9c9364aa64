"""Section A8 of the fault catalogue where the output is a DICOM SEG: rows 111 and 112, and row 32's part of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from tiny import copied, make_exam, reseal, write_dicom

from pedseg.dicom import read_volume
from pedseg.dicom.segmentation import read_segmentation
from pedseg.domains import load_domains
from pedseg.storage.labels import onto_grid
from pedseg.volumes.nifti import read_nifti, write_nifti
from pedseg_predict.__main__ import main

(KNEE,) = load_domains(["knee"])
IDENTITY = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyDate", "StudyID")


@dataclass(frozen=True)
class Place:
    """Where a row's exam, model and output lie.

    Args:
        run: a trained run, not to be changed.
        root: an empty folder.
    """

    run: Path
    root: Path

    @property
    def exam(self) -> Path:
        """The folder of the DICOM exam."""
        return self.root / "exam"

    @property
    def out(self) -> Path:
        """What is written."""
        return self.root / "out"

    def write(self, change: Callable[[Dataset], None] | None = None, **tags: str) -> None:
        """Write the exam, then change its files."""
        write_dicom(make_exam(KNEE, 700)[0], self.exam, **tags)
        for path in self.exam.iterdir() if change else ():
            ds = dcmread(path)
            change(ds)
            ds.save_as(path)

    def predict(self, *more: str, source: Path | None = None, formats: str = "nifti dicom-seg") -> int:
        """The command."""
        where = ["-i", str(source or self.exam), "-o", str(self.out), "-m", str(self.run)]
        return main([*where, "-d", "knee", "--device", "cpu", "--formats", *formats.split(), *more])


def refused(place: Place, capsys: pytest.CaptureFixture[str], status: int, says: str) -> None:
    """In one line, before anything is predicted, and nothing is written."""
    capsys.readouterr()
    assert place.predict() == status
    said = capsys.readouterr()
    assert re.fullmatch(rf"pedseg_predict: {says}\n", said.err), said.err
    assert "voxels" not in said.out
    assert not place.out.exists()


def written(place: Place, capsys: pytest.CaptureFixture[str], *codes: str) -> Dataset:
    """Both files hold the same labels, and the warnings are these; the SEG."""
    capsys.readouterr()
    assert place.predict() == 0
    warned = re.findall(r"^warning: (PS-W\d+)", capsys.readouterr().err, re.MULTILINE)
    assert sorted(warned) == sorted(["PS-W173", *codes])
    assert {p.name for p in place.out.iterdir()} == {"labels.dcm", "labels.nii.gz", "prediction.json", "preview.png"}
    seg, nifti = read_segmentation(place.out / "labels.dcm", KNEE), read_nifti(place.out / "labels.nii.gz")
    placed = onto_grid(seg.array, seg.geometry, nifti.geometry, "")
    np.testing.assert_array_equal(placed, nifti.array)
    return dcmread(place.out / "labels.dcm")


def without_type_1(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    def change(ds: Dataset) -> None:
        del ds.FrameOfReferenceUID, ds.StudyInstanceUID

    place.write(change)
    lack = "StudyInstanceUID, FrameOfReferenceUID, which the images lack"
    refused(place, capsys, 6, rf"PS-A111: a DICOM SEG needs {lack}: .* or write --formats nifti")
    assert place.predict(formats="nifti", source=place.exam) == 0


def without_type_2(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    def change(ds: Dataset) -> None:
        for word in IDENTITY:
            ds.pop(word, None)

    place.write(change)
    seg = written(place, capsys)
    assert {word: str(seg[word].value or "") for word in IDENTITY} == dict.fromkeys(IDENTITY, "")
    assert seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPClassUID == MRImageStorage


def identity_is_kept(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    said = {"PatientName": "Doe^Jane", "PatientID": "4711", "AccessionNumber": "A1", "StudyDate": "20200102"}
    place.write(**said)
    seg = written(place, capsys)
    assert {word: str(seg[word].value) for word in said} == said
    first = (place.out / "labels.dcm").read_bytes()
    assert place.predict("--overwrite", "-q") == 0
    assert (place.out / "labels.dcm").read_bytes() == first


def without_nifti(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.write()
    assert place.predict(formats="dicom-seg") == 0
    assert {p.name for p in place.out.iterdir()} == {"labels.dcm", "prediction.json", "preview.png"}
    assert place.predict() == 6
    assert "PS-A104" in capsys.readouterr().err


def sheared(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.write(lambda ds: ds.ImagePositionPatient.__setitem__(0, ds.ImagePositionPatient[0] + 0.5 * ds.InstanceNumber))
    assert [n.code for n in read_volume(place.exam).notices] == ["PS-W41"]
    refused(place, capsys, 4, r"PS-A171: the last slice lies [\d.]+ mm sideways .*: write --formats nifti, .*")


def of_an_image_file(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    write_nifti(make_exam(KNEE, 700)[0], place.exam / "exam.nii.gz")
    refused(place, capsys, 2, r"PS-A120: a DICOM SEG belongs to a DICOM series, .*: write --formats nifti")


def without_a_series_uid(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.write(lambda ds: ds.__delattr__("SeriesInstanceUID"))
    refused(place, capsys, 6, r"PS-A111: a DICOM SEG needs SeriesInstanceUID, which the images lack: .*")
    assert place.predict(formats="nifti", source=place.exam) == 0
    assert "PS-W32" in capsys.readouterr().err


def nothing_found(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.write()
    run = copied(place.run, place.root)
    path = run / "fold_0/models/model.pt"
    state = torch.load(path, weights_only=True)
    (bias,) = [v for k, v in state.items() if k.endswith("convs.1.bias") and len(v) == 5]
    bias[1:] = -100
    torch.save(state, path)
    reseal(run / "fold_0")
    seg = written(Place(run, place.root), capsys, "PS-W112")
    assert [s.SegmentLabel for s in seg.SegmentSequence] == [s.name for s in KNEE.structures]
    assert seg.NumberOfFrames == len(KNEE.structures) * read_volume(place.exam).shape[2]
    record = json.loads((place.out / "prediction.json").read_text("utf-8"))
    assert [w["code"] for w in record["warnings"]] == ["PS-W112"]


ROWS: dict[str, Callable[[Place, pytest.CaptureFixture[str]], None]] = {
    "32-seg": without_a_series_uid,
    "41-seg": sheared,
    "111-type-1": without_type_1,
    "111-type-2": without_type_2,
    "111-identity": identity_is_kept,
    "111-alone": without_nifti,
    "111-nifti-in": of_an_image_file,
    "112-seg": nothing_found,
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ROWS[row](Place(tiny_run, tmp_path), capsys)
