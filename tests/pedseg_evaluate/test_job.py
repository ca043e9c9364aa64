"""Folders of masks in; scores, tables and a report out."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from masks import AFFINE, boxes, write_masks

from pedseg.errors import GeometryError, OutputError, UsageError
from pedseg.volumes import Volume
from pedseg_evaluate import EvaluateOptions, pedseg_evaluate
from pedseg_evaluate.__main__ import main

ANKLE = EvaluateOptions(domains=("ankle",))


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return write_masks(tmp_path / "truth", a=boxes(), b=boxes())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def value(path: Path, exam: str, structure: str, metric: str) -> float:
    (row,) = [r for r in rows(path) if (r["exam"], r["structure"], r["metric"]) == (exam, structure, metric)]
    return float(row["value"])


def test_a_folder_is_scored_exam_by_exam(truth: Path, tmp_path: Path) -> None:
    ours = write_masks(tmp_path / "ours", a=boxes(), b=boxes(shift=1))
    code = main(["--predictions", str(ours), "--references", str(truth), "-d", "ankle", "-o", str(tmp_path / "out")])
    assert code == 0
    scores = tmp_path / "out" / "scores.csv"
    assert scores.read_text("utf-8").startswith("exam,domain,structure,metric,value,unit\n")
    assert value(scores, "a", "talus", "dice") == 1
    assert value(scores, "b", "talus", "dice") == 0.75  # three of four columns in common
    assert value(scores, "b", "all", "mssd_mm") == 1
    assert value(scores, "b", "talus", "ravd") == 0
    assert value(scores, "b", "talus", "volume_ml") == pytest.approx(3 * 4 * 4 * 3 / 1000)
    slices = rows(tmp_path / "out" / "slices.csv")
    assert {r["slice"] for r in slices} == {"1", "2", "3", "4"}  # the thick slices that hold bone
    record = json.loads((tmp_path / "out" / "scores.json").read_text("utf-8"))
    assert record["exams"]["ankle"]["b"]["talus"]["dice"] == 0.75
    assert record["summary"]["ankle"]["talus"]["dice"] == {"mean": 0.875, "std": pytest.approx(0.25 / 2**0.5), "n": 2}
    assert record["schema"] == 1


def test_a_missing_prediction_is_named_and_costs_the_exit_code(truth: Path, tmp_path: Path, capsys) -> None:
    ours = write_masks(tmp_path / "ours", a=boxes())
    code = main(["--predictions", str(ours), "--references", str(truth), "-d", "ankle", "-o", str(tmp_path / "out")])
    assert code == 7
    assert "PS-W134: ours: no prediction of 1 exam (ankle/b)" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "scores.json").read_text("utf-8"))["missing"] == ["ankle/b"]


def test_an_exam_of_another_grid_fails_alone(truth: Path, tmp_path: Path, capsys) -> None:
    moved = AFFINE.copy()
    moved[0, 3] = 2
    ours = write_masks(tmp_path / "ours", a=boxes(), b=Volume(boxes().array, moved))
    out = tmp_path / "out"
    outcomes = pedseg_evaluate(out, predictions=[ours], options=EvaluateOptions(references=truth, domains=("ankle",)))
    assert [task.exam for task, _ in outcomes[0].done] == ["a"]
    assert "PS-A69" in json.loads((out / "scores.json").read_text("utf-8"))["failed"]["ankle/b"]


def test_where_no_exam_can_be_scored_the_first_reason_is_raised(truth: Path, tmp_path: Path) -> None:
    moved = AFFINE.copy()
    moved[0, 3] = 2
    ours = write_masks(tmp_path / "ours", a=Volume(boxes().array, moved))
    with pytest.raises(GeometryError, match="PS-A69"):
        pedseg_evaluate(
            tmp_path / "out", predictions=[ours], options=EvaluateOptions(references=truth, domains=("ankle",))
        )
    assert not (tmp_path / "out").exists()


def test_voxels_in_another_order_score_the_same(truth: Path, tmp_path: Path) -> None:
    """The same mask stored back to front along J."""
    flip = AFFINE.copy()
    flip[1, 1], flip[1, 3] = -1, boxes().shape[1] - 1
    ours = write_masks(tmp_path / "ours", a=Volume(boxes().array[:, ::-1].copy(), flip))
    pedseg_evaluate(tmp_path / "out", predictions=[ours], options=EvaluateOptions(references=truth, domains=("ankle",)))
    assert value(tmp_path / "out" / "scores.csv", "a", "all", "dice") == 1


def test_numbers_of_another_tool(truth: Path, tmp_path: Path) -> None:
    theirs = write_masks(tmp_path / "theirs", a=boxes(labels=(30, 7, 12)), b=boxes(labels=(30, 7, 13)))
    arguments = ["--predictions", str(theirs), "--references", str(truth), "-d", "ankle", "-o", str(tmp_path / "out")]
    assert main([*arguments, "--labels", "calcaneus=30", "talus=7", "tibia_distal=12,13"]) == 0
    assert {float(r["value"]) for r in rows(tmp_path / "out" / "scores.csv") if r["metric"] == "dice"} == {1.0}


def test_several_methods_are_compared(truth: Path, tmp_path: Path) -> None:
    good = write_masks(tmp_path / "good", a=boxes(), b=boxes())
    bad = write_masks(tmp_path / "bad", a=boxes(shift=1), b=boxes(shift=2))
    out = tmp_path / "out"
    pedseg_evaluate(
        out, predictions=[good, bad],
        options=EvaluateOptions(references=truth, domains=("ankle",), against="good", pictures=False),
    )  # fmt: skip
    assert value(out / "bad" / "scores.csv", "b", "tibia_distal", "dice") == 0.5
    assert value(out / "good" / "scores.csv", "b", "tibia_distal", "dice") == 1
    assert (out / "report.html").stat().st_size > 1000
    assert {p.suffix for p in (out / "tables").iterdir()} == {".md", ".csv", ".tex"}
    assert "good" in (out / "tables" / "scores_3d.md").read_text("utf-8")


def test_without_references_volumes_and_pictures(tmp_path: Path) -> None:
    ours = write_masks(tmp_path / "ours", a=boxes())
    pedseg_evaluate(tmp_path / "out", predictions=[ours], options=ANKLE)
    assert {r["metric"] for r in rows(tmp_path / "out" / "scores.csv")} == {"volume_ml"}
    assert not (tmp_path / "out" / "slices.csv").exists()
    assert "without references" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_processes_change_no_byte(truth: Path, tmp_path: Path) -> None:
    ours = write_masks(tmp_path / "ours", a=boxes(), b=boxes(shift=1))
    for jobs in (1, 2):
        options = EvaluateOptions(references=truth, domains=("ankle",), jobs=jobs)
        pedseg_evaluate(tmp_path / f"out{jobs}", predictions=[ours], options=options)
    for path in sorted(p for p in (tmp_path / "out1").rglob("*") if p.is_file()):
        assert path.read_bytes() == (tmp_path / "out2" / path.relative_to(tmp_path / "out1")).read_bytes(), path.name


def test_an_earlier_evaluation_is_replaced_only_when_asked(truth: Path, tmp_path: Path) -> None:
    ours = write_masks(tmp_path / "ours", a=boxes(), b=boxes())
    out = tmp_path / "out"
    pedseg_evaluate(out, predictions=[ours], options=ANKLE)
    with pytest.raises(OutputError, match="PS-A104"):
        pedseg_evaluate(out, predictions=[ours], options=ANKLE)
    options = EvaluateOptions(domains=("ankle",), references=truth, overwrite=True)
    pedseg_evaluate(out, predictions=[ours], options=options)
    assert (out / "slices.csv").is_file()
    (out / "thesis.docx").write_text("mine")
    with pytest.raises(OutputError, match=r"holds thesis\.docx"):
        pedseg_evaluate(out, predictions=[ours], options=options)
    assert (out / "thesis.docx").read_text() == "mine"


def test_predictions_and_runs_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one of the two"):
        pedseg_evaluate(tmp_path / "out", options=ANKLE)


def test_plain_evaluation_loads_no_torch() -> None:
    code = "import sys, pedseg_evaluate.job; sys.exit(bool({'torch', 'monai'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("text", ["talus", "talus=x", "=3x"])
def test_labels_that_are_not_numbers_are_a_usage_error(text: str, tmp_path: Path) -> None:
    assert main(["--predictions", "x", "-d", "ankle", "-o", str(tmp_path), "--labels", text]) == 2


def test_an_empty_prediction_scores_the_worst(truth: Path, tmp_path: Path) -> None:
    nothing = Volume(np.zeros(boxes().shape, np.uint8), AFFINE)
    ours = write_masks(tmp_path / "ours", a=nothing, b=boxes())
    pedseg_evaluate(tmp_path / "out", predictions=[ours], options=EvaluateOptions(references=truth, domains=("ankle",)))
    scores = tmp_path / "out" / "scores.csv"
    assert value(scores, "a", "talus", "dice") == 0
    assert value(scores, "a", "talus", "mssd_mm") == pytest.approx(np.hypot(np.hypot(11, 9), 15))
