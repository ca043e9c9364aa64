"""What the report is handed: exams with their images, warnings and verdicts, curves, digests."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import pytest
from masks import boxes, write_masks

from pedseg.evaluation.thresholds import load_ranking
from pedseg.report.evaluation import EvaluationReport
from pedseg_evaluate.exam import score_task
from pedseg_evaluate.options import EvaluateOptions
from pedseg_evaluate.outcome import Outcome
from pedseg_evaluate.report import Shown, evaluation_report
from pedseg_evaluate.sources import Source, folder_sources


def outcome(folder: Path, **options: object) -> Outcome:
    (source,) = folder_sources([folder], EvaluateOptions(domains=("ankle",), **options))
    return Outcome(source, tuple((task, score_task(task)) for task in source.tasks))


def report(*outcomes: Outcome, **wishes: object) -> EvaluationReport:
    return evaluation_report(Shown(outcomes, (), load_ranking(), outcomes[-1].source.name, **wishes))


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A prediction as pedseg writes it."""
    folder = write_masks(tmp_path / "ours" / "a", labels=boxes())
    record = {
        "warnings": [{"code": "PS-W124", "text": "not found: talus"}],
        "plausibility": {"talus": {"verdict": "look again"}},
        "model": {"plan": "abc", "folds": {"fold_0": "def"}},
    }
    (folder / "prediction.json").write_text(json.dumps(record), "utf-8")
    return folder.parent


def test_an_exam_comes_with_what_its_prediction_says(ours: Path, tmp_path: Path) -> None:
    images = write_masks(tmp_path / "images", a=boxes())
    (view,) = report(outcome(ours, images=images)).exams
    assert view.warnings == ("PS-W124: not found: talus",)
    assert view.look_again == ("talus",)
    assert view.image is not None
    assert view.reference is None


def test_a_damaged_record_costs_nothing_but_itself(ours: Path, caplog: pytest.LogCaptureFixture) -> None:
    (ours / "a" / "prediction.json").write_text("{", "utf-8")
    (view,) = report(outcome(ours)).exams
    assert (view.warnings, view.plausibility) == ((), None)
    assert "prediction.json" in caplog.text


@pytest.mark.parametrize("text", ['{"warnings": ["x"], "plausibility": 3}', "[]"])
def test_a_record_of_something_else_is_left_aside(ours: Path, text: str) -> None:
    (ours / "a" / "prediction.json").write_text(text, "utf-8")
    (view,) = report(outcome(ours)).exams
    assert (view.warnings, view.plausibility) == ((), None)


def test_an_image_that_cannot_be_read_costs_the_picture_only(ours: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.nii.gz").write_bytes(b"no image")
    (view,) = report(outcome(ours, images=tmp_path / "images")).exams
    assert view.image is None
    assert view.warnings[0].startswith("Shown without its image: ")


def test_digests_of_the_model_are_told(ours: Path) -> None:
    facts = report(outcome(ours)).facts
    assert facts["ours: model, plan"] == "abc"
    assert facts["ours: model, folds, fold_0"] == "def"
    assert {"pedseg", "numpy", "python", "scipy"} <= set(facts)


def test_gaps_are_told(ours: Path, tmp_path: Path) -> None:
    truth = write_masks(tmp_path / "truth", a=boxes(), b=boxes(), c=boxes())
    told = report(outcome(ours, references=truth))
    assert told.subtitle == "1 exam of ours."
    assert told.gaps == ("ours, no prediction: ankle/b, ankle/c.",)


def test_pictures_are_of_the_chosen_method_and_may_be_left_out(tmp_path: Path) -> None:
    truth = write_masks(tmp_path / "truth", a=boxes())
    both = [outcome(write_masks(tmp_path / n, a=boxes(shift=k)), references=truth) for k, n in enumerate("xy")]
    shown = report(*both)
    assert next(s.value for s in next(iter(shown.exams)).scores if s.metric == "dice") == 0.75
    assert "Pictures are of y" in shown.subtitle
    assert set(shown.spiders["ankle"]["a"]) == {"x", "y"}
    assert shown.spiders["ankle"]["a"]["x"]["dice"] == 100
    assert list(report(*both, pictures=False).exams) == []


def test_curves_of_every_fold_of_a_run(ours: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for fold, text in (("fold_0", "epoch,loss,dice\n1,0.5,0.1\n2,0.4,\n"), ("fold_1", "epoch,loss\n1,high\n")):
        (tmp_path / "run" / fold).mkdir(parents=True)
        (tmp_path / "run" / fold / "log.csv").write_text(text, "utf-8")
    done = outcome(ours)
    source = Source("main", done.source.tasks, run=tmp_path / "run")
    with caplog.at_level(logging.WARNING):
        curves = report(Outcome(source, done.done)).curves
    first, second = curves["main, fold 0"]
    assert (first, second["loss"]) == ({"epoch": 1, "loss": 0.5, "dice": 0.1}, 0.4)
    assert math.isnan(second["dice"])
    assert curves["main, fold 1"] == []
    assert "log.csv of fold_1 is damaged" in caplog.text
