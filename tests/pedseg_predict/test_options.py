"""What a user may choose beside an exam and a model: every series, raw labels, the weights that must be there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from mr_series import GRID, write_series
from pydicom import dcmread
from pydicom.dataset import Dataset
from tiny import make_exam

from pedseg.domains import load_domains
from pedseg.errors import UsageError
from pedseg.storage.runs import weights_of
from pedseg.volumes.nifti import write_nifti
from pedseg_predict import PredictOptions, pedseg_predict
from pedseg_predict.__main__ import main

(KNEE,) = load_domains(["knee"])


def predict(source: Path, run: Path, *more: str, out: str = "out") -> int:
    places = ["-i", str(source), "-o", str(source.parent / out), "-m", str(run)]
    return main([*places, "-d", "knee", "--device", "cpu", *more])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two volumes and a localizer of three slices, as a study lies in one folder."""
    for number, n_slices in ((1, 3), (2, 16), (3, 12)):

        def numbered(k: int, ds: Dataset, number: int = number) -> Dataset:
            ds.SeriesNumber, ds.SeriesInstanceUID, ds.SOPInstanceUID = number, f"1.2.3.{number}", f"1.2.3.{number}.{k}"
            return ds

        write_series(tmp_path / "study", numbered, grid=replace(GRID, n=n_slices), prefix=f"s{number}_")
    return tmp_path / "study"


def test_every_series_that_fits_is_an_exam(study: Path, tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(study, tiny_run) == 3
    assert "PS-A20: 2 series fit" in capsys.readouterr().err
    assert predict(study, tiny_run, "--series", "all") == 0
    out = study.parent / "out"
    assert {path.name for path in out.iterdir()} == {"series_2", "series_3"}
    for number, n_slices in ((2, 16), (3, 12)):
        assert predict(study, tiny_run, "--series", str(number), "--overwrite", out="one") == 0
        labels = study.parent / "one" / "labels.nii.gz"
        assert (out / f"series_{number}" / "labels.nii.gz").read_bytes() == labels.read_bytes()
        assert nib.load(labels).shape[2] == n_slices


def test_every_series_of_every_folder(study: Path, tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    study.rename(tmp_path / "in" / "knee_1")
    (tmp_path / "in" / "knee_2").mkdir()
    more = ("--each", "--series", "all", "--formats", "dicom-seg", "nifti", "--seg-type", "labelmap")
    assert predict(tmp_path / "in", tiny_run, *more) == 7
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("labels.dcm"))
    assert written == ["knee_1/series_2/labels.dcm", "knee_1/series_3/labels.dcm"]
    seg = dcmread(tmp_path / "out" / "knee_1" / "series_3" / "labels.dcm")
    assert seg.SegmentationType == "LABELMAP"
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.3"
    failed = json.loads((tmp_path / "out" / "failed.json").read_text("utf-8"))
    assert {name: text[:6] for name, text in failed.items()} == {"knee_2": "PS-A02"}


def test_an_image_file_has_no_series_to_choose(tiny_run: Path, tmp_path: Path) -> None:
    write_nifti(make_exam(KNEE, 5)[0], tmp_path / "knee_1.nii.gz")
    assert predict(tmp_path / "knee_1.nii.gz", tiny_run, "--series", "all") == 0
    assert predict(tmp_path / "knee_1.nii.gz", tiny_run, "--series", "1", "--overwrite") == 2


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"formats": ("nifti", "png")}, "unknown format 'png': choose of nifti, dicom-seg"),
        ({"seg_type": "fractional"}, "unknown seg_type 'fractional': choose of binary, labelmap"),
    ],
)
def test_an_output_that_is_not_known_is_refused_before_a_model_is_read(
    tmp_path: Path, wrong: dict[str, Any], text: str
) -> None:
    (tmp_path / "knee_1.nii.gz").touch()
    options = PredictOptions(model=tmp_path / "none", **wrong)
    with pytest.raises(UsageError, match=f"^PS-A120: {text}$"):
        pedseg_predict(tmp_path / "knee_1.nii.gz", tmp_path / "out", options=options)


def test_labels_may_be_left_as_the_network_gives_them(tiny_run: Path, tmp_path: Path) -> None:
    write_nifti(make_exam(KNEE, 5)[0], tmp_path / "knee_1.nii.gz")
    labels, said = [], []
    for flags in ([], ["--no-postprocess", "--overwrite"]):
        assert predict(tmp_path / "knee_1.nii.gz", tiny_run, *flags) == 0
        labels.append(np.asarray(nib.load(tmp_path / "out" / "labels.nii.gz").dataobj))
        said.append(json.loads((tmp_path / "out" / "prediction.json").read_text("utf-8"))["postprocessed"])
    assert said == [True, False]
    assert (labels[0] != labels[1]).any()


def test_going_on_with_a_batch_heeds_what_was_asked(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for n in (1, 2):
        write_nifti(make_exam(KNEE, n)[0], tmp_path / "in" / f"knee_{n}.nii.gz")
    assert predict(tmp_path / "in", tiny_run, "--no-postprocess") == 0
    assert predict(tmp_path / "in", tiny_run, "--no-postprocess", "--resume") == 0
    assert "2 of 2 exams are there already" in capsys.readouterr().out
    assert predict(tmp_path / "in", tiny_run, "--resume") == 6  # others are there: they are not replaced


def test_other_weights_than_required_are_refused(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_nifti(make_exam(KNEE, 5)[0], tmp_path / "knee_1.nii.gz")
    (right,) = weights_of(tiny_run / "fold_0").values()
    assert predict(tmp_path / "knee_1.nii.gz", tiny_run, "--require-sha256", "0" * 64) == 5
    text = f"PS-A140: other weights than --require-sha256 wants: fold_0 {right}: name the right model with -m"
    assert capsys.readouterr().err == f"pedseg_predict: {text}\n"
    assert predict(tmp_path / "knee_1.nii.gz", tiny_run, "--require-sha256", right, "0" * 64) == 5
    assert predict(tmp_path / "knee_1.nii.gz", tiny_run, "--require-sha256", "f00d") == 2
    assert not (tmp_path / "out").exists()
    assert predict(tmp_path / "knee_1.nii.gz", tiny_run, "--require-sha256", right.upper()) == 0
