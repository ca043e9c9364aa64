"""Agreement of folds: by hand, and how little of it is to be expected."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fake_run import finish, keep, keep_all, make_plan
from scipy import stats

from pedseg.domains import load_domains
from pedseg.errors import ModelError, UsageError
from pedseg.evaluation.agreement import (
    agreement_limits,
    calibrate_agreement,
    lower_limit,
    mean_pairwise_dice,
    write_agreement,
)

(ANKLE,) = load_domains(["ankle"])
PLAN = make_plan()
TWELVE = [1] * 6 + [0] * 6


def ones(n: int) -> list[int]:
    """12 voxels: n of label 1 of 6 that another fold names, so that Dice is 2n / (n + 6)."""
    return [1] * n + [0] * (12 - n)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four folds of ankles; patient i is found in n_i of 6 voxels by the fold it validates. Shoulders are empty."""
    keep_all(tmp_path, PLAN, range(4))
    for i, n in enumerate((6, 5, 4, 3)):
        keep(tmp_path / f"fold_{i}", PLAN, "test", f"ankle/ankle_{i}", TWELVE)
        keep(tmp_path / f"fold_{(i - 1) % 4}", PLAN, "validation", f"ankle/ankle_{i}", ones(n))
    for path in tmp_path.glob("fold_*/*/shoulder/*"):
        keep(path.parents[2], PLAN, path.parents[1].name, f"shoulder/{path.name}", [0, 0])
    return tmp_path


def test_the_mean_is_over_every_pair_of_folds() -> None:
    maps = [np.array(m, np.uint8) for m in ([1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 2])]
    found = mean_pairwise_dice(maps, ANKLE)
    # label 1: pairs 01: 4/6, 02: 2/5, 12: 0; label 2: 01 none, 02 and 12: 0; label 3: nowhere
    assert found == pytest.approx({"calcaneus": (4 / 6 + 2 / 5 + 0) / 3, "talus": 0})


def test_the_limit_is_a_prediction_bound() -> None:
    scores = [0.9, 0.94, 0.95, 0.97]
    mean, std = 0.94, np.sqrt((0.0016 + 0 + 0.0001 + 0.0009) / 3)
    assert lower_limit(scores) == pytest.approx(mean - stats.t.ppf(0.95, 3) * std * np.sqrt(1.25))
    assert lower_limit(scores) == pytest.approx(0.94 - 2.353363 * 0.0294392 * 1.118034, abs=1e-6)
    assert lower_limit([0.0, 1.0, 0.5]) == 0
    assert lower_limit([0.9, 0.8]) is None
    assert lower_limit([]) is None


def test_one_in_twenty_of_new_exams_lies_below_the_limit() -> None:
    draws = np.random.default_rng(0).normal(0.9, 0.02, (4000, 7))
    below = [row[6] < limit for row in draws if (limit := lower_limit(row[:6])) is not None]
    assert np.mean(below) == pytest.approx(0.05, abs=0.012)


def test_honest_pairs_are_those_of_a_test_and_a_validation_exam(run: Path) -> None:
    record = calibrate_agreement(run)
    assert record is not None
    bone = record["domains"]["ankle"]["calcaneus"]
    assert bone["dice"] == pytest.approx([1, 10 / 11, 8 / 10, 6 / 9], abs=1e-6)
    assert bone["n"] == 4
    assert bone["mean"] == pytest.approx(np.mean([1, 10 / 11, 0.8, 6 / 9]), abs=1e-6)
    assert bone["std"] == pytest.approx(np.std([1, 10 / 11, 0.8, 6 / 9], ddof=1), abs=1e-6)
    assert bone["limit"] == pytest.approx(lower_limit([1, 10 / 11, 0.8, 6 / 9]), abs=1e-5)
    nothing = {"dice": [], "n": 0, "mean": None, "std": None, "limit": None}
    assert record["domains"]["ankle"]["talus"] == nothing
    assert record["domains"]["shoulder"]["humerus"] == nothing
    assert (record["schema"], record["plan"]) == (1, PLAN.digest)
    assert list(record["folds"]) == [f"fold_{i}" for i in range(4)]


def test_it_is_written_and_read_back(run: Path) -> None:
    path = write_agreement(run)
    assert path == run / "agreement.json"
    limit = json.loads(path.read_text("utf-8"))["domains"]["ankle"]["calcaneus"]["limit"]
    limits = agreement_limits(run)
    assert limits["ankle"] == {"calcaneus": limit, "talus": None, "tibia_distal": None}
    assert 0 < limit < 1


def test_three_pairs_are_enough_and_two_are_not(run: Path) -> None:
    (run / "fold_0/run.json").unlink()  # ankle_0 loses its test, ankle_1 its validation
    assert calibrate_agreement(run) is None
    finish(run, PLAN, 0)
    (run / "fold_0/test/ankle/ankle_0/prediction.json").unlink()
    record = calibrate_agreement(run)
    assert record is not None
    assert record["domains"]["ankle"]["calcaneus"]["n"] == 3


def test_a_file_that_nothing_supports_any_more_goes(run: Path) -> None:
    write_agreement(run)
    (run / "fold_0/run.json").unlink()
    assert write_agreement(run) is None
    assert not (run / "agreement.json").exists()
    assert agreement_limits(run) == {}


def test_limits_of_other_weights_do_not_count(run: Path) -> None:
    write_agreement(run)
    finish(run, PLAN, 2, weights="trained again")
    assert agreement_limits(run) == {}
    record = calibrate_agreement(run)  # of predictions of the former weights none counts
    assert record is None


@pytest.mark.parametrize("text", ["{}", "[]", '{"folds": {"fold_9": "x"}}', '{"folds": {}, "domains": 3}'])
def test_a_file_that_says_something_else_gives_no_limits(run: Path, text: str) -> None:
    (run / "agreement.json").write_text(text, "utf-8")
    assert agreement_limits(run) == {}


def test_what_is_not_json_is_refused(run: Path) -> None:
    (run / "agreement.json").write_text("{", "utf-8")
    with pytest.raises(UsageError, match="PS-A96"):
        agreement_limits(run)


def test_an_exam_whose_image_was_exchanged_between_two_folds_is_passed_over(run: Path) -> None:
    keep(run / "fold_1", PLAN, "test", "ankle/ankle_1", [1, 0])
    record = calibrate_agreement(run)
    assert record is not None
    assert record["domains"]["ankle"]["calcaneus"]["dice"] == pytest.approx([1, 8 / 10, 6 / 9], abs=1e-6)


def test_folds_of_different_plans_are_refused(run: Path) -> None:
    finish(run, make_plan(schedule={"epochs": 3}), 2)
    with pytest.raises(ModelError, match="PS-A87"):
        calibrate_agreement(run)
