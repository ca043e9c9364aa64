"""A batch at the command: going on with it, what is the same for all its exams, and what an exam's header says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import make_exam, write_dicom

from pedseg.domains import load_domains
from pedseg.inference import predict_volume
from pedseg_predict.__main__ import main

KNEE, ANKLE = load_domains(["knee", "ankle"])


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """Two knees."""
    for n in (1, 2):
        write_dicom(make_exam(KNEE, 700 + n)[0], tmp_path / "in" / f"knee_{n}", BodyPartExamined="KNEE")
    return tmp_path / "in"


def predict(source: Path, run: Path, *more: str) -> int:
    return main(["-i", str(source), "-o", str(source.parent / "out"), "-m", str(run), "--device", "cpu", *more])


def test_a_batch_goes_on_where_it_was_left(
    batch: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(batch, tiny_run, "--each") == 0
    first, second = (tmp_path / "out" / f"knee_{n}" / "prediction.json" for n in (1, 2))
    kept = first.stat().st_mtime_ns
    shutil.rmtree(second.parent)
    capsys.readouterr()
    assert predict(batch, tiny_run, "--each") == 6
    assert capsys.readouterr().err.startswith("pedseg_predict: PS-A104: ")
    assert predict(batch, tiny_run, "--each", "--resume") == 0
    assert "1 of 2 exams are there already" in capsys.readouterr().out
    assert (first.stat().st_mtime_ns, second.is_file()) == (kept, True)
    assert predict(batch, tiny_run, "--each", "--resume") == 0
    assert "2 of 2 exams are there already" in capsys.readouterr().out


def test_what_other_weights_made_is_no_part_of_the_batch(batch: Path, tiny_run: Path, tmp_path: Path) -> None:
    assert predict(batch / "knee_1", tiny_run) == 0
    record = tmp_path / "in" / "out" / "prediction.json"
    shutil.move(tmp_path / "in" / "out", tmp_path / "out")
    record = tmp_path / "out" / "prediction.json"
    values = json.loads(record.read_text("utf-8"))
    values["model"]["folds"] = {"fold_0": "0" * 64}
    record.write_text(json.dumps(values), "utf-8")
    assert main(["-i", str(batch / "knee_1"), "-o", str(tmp_path / "out"), "-m", str(tiny_run), "--resume"]) == 6


def test_a_damaged_model_ends_the_batch_at_once(
    batch: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    weights = tmp_path / "run" / "fold_0" / "models" / "model.pt"
    weights.write_bytes(weights.read_bytes()[:-9])
    assert predict(batch, tmp_path / "run", "--each") == 5
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_header_that_speaks_of_another_joint_is_told(
    batch: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(batch, tiny_run, "--each", "-d", "ankle") == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "PS-W147" in line]
    assert told == [f"warning: knee_{n}: PS-W147: Body Part Examined is KNEE, not ankle" for n in (1, 2)]
    record = json.loads((tmp_path / "out" / "knee_1" / "prediction.json").read_text("utf-8"))
    assert "PS-W147" in {warning["code"] for warning in record["warnings"]}


def test_a_file_of_weights_is_no_model(batch: Path, tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(batch, tiny_run / "fold_0" / "models" / "model.pt", "--each") == 2
    assert "PS-A125: model.pt is a file: name the folder of the run" in capsys.readouterr().err


def test_an_exam_too_large_for_the_memory_costs_no_other(
    batch: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What torch itself says of an allocation beyond any memory."""
    exams = []

    def greedy(*arguments: Any, **more: Any) -> Any:
        exams.append(arguments)
        return torch.empty(1 << 50) if len(exams) % 2 else predict_volume(*arguments, **more)

    monkeypatch.setattr("pedseg.inference.predict_volume", greedy)
    said = "the exam wants more memory than there is: free some, or run again with -j 1"
    assert predict(batch / "knee_1", tiny_run) == 3
    assert capsys.readouterr().err == f"pedseg_predict: PS-A165: {said}\n"
    exams.clear()
    assert predict(batch, tiny_run, "--each") == 7
    failed = json.loads((tmp_path / "out" / "failed.json").read_text("utf-8"))
    assert failed == {"knee_1": f"PS-A165: {said.replace('the exam', 'knee_1')}"}
    assert (tmp_path / "out" / "knee_2" / "prediction.json").is_file()
