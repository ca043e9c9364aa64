"""What a mean does not cover is said; a method that failed altogether costs no other its scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from masks import AFFINE, boxes, write_masks

from pedseg.errors import InputError
from pedseg.volumes import Volume
from pedseg.workers import Failure
from pedseg_evaluate import EvaluateOptions, pedseg_evaluate
from pedseg_evaluate.job import exit_code
from pedseg_evaluate.outcome import Outcome
from pedseg_evaluate.sources import Source


def test_every_gap_is_a_line() -> None:
    more = {"untested": ("knee/c",), "failed": {"knee/d": "two masks"}}
    source = Source("ours", (), ("knee/a",), ("knee/b",), {"unfinished": ["2"]}, **more)
    outcome = Outcome(source, (), (Failure(("ours", "knee", "e"), InputError("PS-A121", "damaged")),))
    assert outcome.gaps == (
        "ours, no prediction: knee/a.",
        "ours, no reference: knee/b.",
        "ours, could not be scored: knee/d (two masks).",
        "ours, could not be scored: knee/e (PS-A121: damaged).",
        "ours, folds not finished: 2.",
        "ours, in no fold a test exam: knee/c.",
    )
    record = outcome.record()
    assert (record["missing"], record["unscored"], record["untested"]) == (["knee/a"], ["knee/b"], ["knee/c"])
    assert set(record["failed"]) == {"knee/d", "knee/e"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [({}, 0), ({"missing": ("knee/a",)}, 7), ({"failed": {"knee/a": "x"}}, 7), ({"untested": ("x",)}, 0)],
)
def test_exams_that_are_left_out_cost_the_exit_code(changes: dict, code: int) -> None:
    assert exit_code([Outcome(Source("ours", (), **changes), ())]) == code
    assert exit_code([Outcome(Source("ours", ()), (), faults=("no pictures",))]) == 7


def test_a_method_without_a_single_score_costs_no_other_its_own(tmp_path: Path) -> None:
    truth = write_masks(tmp_path / "truth", a=boxes(), b=boxes())
    good = write_masks(tmp_path / "good", a=boxes(), b=boxes(shift=1))
    moved = AFFINE.copy()
    moved[:3, 3] = 50
    bad = write_masks(tmp_path / "bad", a=Volume(boxes().array, moved))
    options = EvaluateOptions(references=truth, domains=("ankle",), against="bad", pictures=False)
    outcomes = pedseg_evaluate(tmp_path / "out", predictions=[good, bad], options=options)
    assert [len(o.done) for o in outcomes] == [2, 0]
    assert exit_code(outcomes) == 7
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert "bad, could not be scored: ankle/a (PS-A69" in page
    assert "Evaluation of bone masks" in page
    assert "good" in (tmp_path / "out/tables/scores_3d.md").read_text("utf-8")
    assert (tmp_path / "out/bad/scores.csv").read_text("utf-8").count("\n") == 1


def test_the_means_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pedseg_evaluate.__main__ import main

    truth, ours = write_masks(tmp_path / "truth", a=boxes()), write_masks(tmp_path / "ours", a=boxes(shift=1))
    main(["--predictions", str(ours), "--references", str(truth), "-d", "ankle", "-o", str(tmp_path / "out")])
    told = capsys.readouterr().out
    assert "ours, ankle: Dice 0.750 over the bones of 1 exam\n" in told
    assert told.endswith("/out/report.html\n")  # folders above may name a patient


def test_nothing_at_all_is_a_result_too(tmp_path: Path) -> None:
    nothing = Volume(np.zeros(boxes().shape, np.uint8), AFFINE)
    truth, ours = write_masks(tmp_path / "truth", a=nothing), write_masks(tmp_path / "ours", a=nothing)
    options = EvaluateOptions(references=truth, domains=("ankle",))
    (outcome,) = pedseg_evaluate(tmp_path / "out", predictions=[ours], options=options)
    assert all(np.isnan(s.value) for s in outcome.method.scores if s.metric == "dice")
    assert (tmp_path / "out/report.html").is_file()
