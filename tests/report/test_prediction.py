"""A prediction as files: all of them or nothing, and never over something else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import make_exam

from pedseg.domains import load_domains
from pedseg.errors import OutputError
from pedseg.report.prediction import WriteOptions, check_output, remove_prediction, write_prediction
from pedseg.volumes import Volume
from pedseg.volumes.nifti import read_nifti

(ANKLE,) = load_domains(["ankle"])
FILES = {"labels.nii.gz", "prediction.json", "preview.png"}


@pytest.fixture
def exam() -> tuple[Volume, Volume]:
    return make_exam(ANKLE, 1)


def test_labels_facts_and_a_picture(tmp_path: Path, exam: tuple[Volume, Volume]) -> None:
    image, labels = exam
    write_prediction(tmp_path / "a" / "out", image, labels, ANKLE, {"schema": 1})
    assert {p.name for p in (tmp_path / "a/out").iterdir()} == FILES
    read = read_nifti(tmp_path / "a/out/labels.nii.gz")
    np.testing.assert_array_equal(read.array, labels.array)
    np.testing.assert_allclose(read.affine, labels.affine, atol=1e-4)
    assert json.loads((tmp_path / "a/out/prediction.json").read_text("utf-8")) == {"schema": 1}


def test_a_failure_half_way_leaves_what_was_there(tmp_path: Path, exam: tuple[Volume, Volume]) -> None:
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="JSON"):
        write_prediction(out, *exam, ANKLE, {"bad": float("nan")})
    assert list(tmp_path.iterdir()) == []
    write_prediction(out, *exam, ANKLE, {"schema": 1, "n": 1})
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(ValueError, match="JSON"):
        write_prediction(out, *exam, ANKLE, {"bad": float("nan")}, options=WriteOptions(overwrite=True))
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert list(tmp_path.iterdir()) == [out]


def test_an_earlier_output_is_replaced_only_when_asked(tmp_path: Path, exam: tuple[Volume, Volume]) -> None:
    out = tmp_path / "out"
    write_prediction(out, *exam, ANKLE, {"schema": 1, "n": 1})
    with pytest.raises(OutputError, match="PS-A104: output out exists: choose another place or add --overwrite"):
        write_prediction(out, *exam, ANKLE, {"schema": 1, "n": 2})
    write_prediction(out, *exam, ANKLE, {"schema": 1, "n": 3}, options=WriteOptions(overwrite=True))
    assert json.loads((out / "prediction.json").read_text("utf-8")) == {"schema": 1, "n": 3}
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_else_is_ever_written_over(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(OutputError, match=r"PS-A104: .* holds other files"):
        check_output(tmp_path, overwrite=overwrite)
    with pytest.raises(OutputError, match=r"PS-A105: output thesis.tex: thesis.tex is a file"):
        check_output(tmp_path / "thesis.tex", overwrite=overwrite)
    with pytest.raises(OutputError, match=r"PS-A105: output out: thesis.tex is a file: name a folder with -o"):
        check_output(tmp_path / "thesis.tex" / "a" / "out", overwrite=overwrite)


def test_an_empty_or_new_folder_is_fine(tmp_path: Path) -> None:
    check_output(tmp_path, overwrite=False)
    check_output(tmp_path / "a" / "b", overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("record", [None, "{", "[1]", "{}", '{"schema": "x"}'])
def test_labels_that_no_record_vouches_for_may_be_drawn_by_hand(tmp_path: Path, record: str | None) -> None:
    (tmp_path / "labels.nii.gz").write_bytes(b"drawn")
    if record is not None:
        (tmp_path / "prediction.json").write_text(record, "utf-8")
    with pytest.raises(OutputError, match=r"PS-A104: .* no prediction.json that says they are a prediction's"):
        check_output(tmp_path, overwrite=True)
    (tmp_path / "prediction.json").write_text('{"schema": 1}', "utf-8")
    check_output(tmp_path, overwrite=True)
    (tmp_path / "preview.png").mkdir()
    with pytest.raises(OutputError, match="PS-A104"):
        check_output(tmp_path, overwrite=True)


def test_a_prediction_that_is_taken_away_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    for name in (*FILES, "notes.txt"):
        (tmp_path / name).touch()
    remove_prediction(tmp_path)
    remove_prediction(tmp_path / "absent")
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
