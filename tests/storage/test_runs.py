"""Runs on disk: what is finished, and which kept predictions may be gathered."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_run import finish, keep, keep_all, make_plan, seal
from tiny import write_exams

from pedseg.errors import InputError, ModelError
from pedseg.plan import Fold
from pedseg.storage import runs
from pedseg.storage.runs import (
    find_test_predictions,
    is_current,
    kept_predictions,
    left_out,
    plan_exams,
    run_plan,
    weights_of,
)
from pedseg.storage.splits import everything, leave_one_out
from pedseg.workspace import Workspace

PLAN = make_plan()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three of four folds; fold 2 is missing."""
    run = Workspace(tmp_path / "w").run("default", "main")
    keep_all(run, PLAN, (0, 1, 3))
    return run


def test_test_exams_are_gathered_fold_by_fold(run: Path) -> None:
    found = find_test_predictions(run)
    names = [(p.fold, p.domain, p.exam) for p in found.predictions]
    assert names == [(str(i), d, f"{d}_{i}") for i in (0, 1, 3) for d in ("ankle", "shoulder")]
    assert found.predictions[0].labels == run / "fold_0/test/ankle/ankle_0/labels.nii.gz"
    assert found.predictions[0].record.parent == found.predictions[0].folder
    assert (found.finished, found.unfinished, found.missing) == (("0", "1", "3"), ("2",), ())
    assert found.plan == PLAN


def test_ten_folds_and_more_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    plan = make_plan(12)
    keep_all(tmp_path, plan, range(12))
    assert find_test_predictions(tmp_path).finished == tuple(map(str, range(12)))


def test_exams_that_no_fold_tests_are_known(tmp_path: Path) -> None:
    """Leave-one-out has as many folds as the smallest domain has patients; an exam of the plan may be in none."""
    members = {d: {f"{d}_{i}": str(i) for i in range(n)} for d, n in (("ankle", 6), ("shoulder", 4))}
    ankle, shoulder = PLAN.domains
    parts = (ankle.model_copy(update={"cases": {"late": "l", "ankle_0": "0"}}), shoulder)
    plan = PLAN.model_copy(update={"folds": leave_one_out(members), "domains": parts})
    keep_all(tmp_path, plan, (0,))
    assert find_test_predictions(tmp_path).untested == (("ankle", "ankle_4"), ("ankle", "ankle_5"), ("ankle", "late"))
    assert len(plan_exams(plan)) == 11


def test_validation_exams_are_gathered_too(run: Path) -> None:
    names = [(p.fold, p.exam) for p in kept_predictions(run, "validation") if p.domain == "ankle"]
    assert names == [("0", "ankle_1"), ("1", "ankle_2"), ("3", "ankle_0")]


def test_an_exam_that_was_not_predicted_is_named_as_missing(run: Path) -> None:
    (run / "fold_1/test/ankle/ankle_1/prediction.json").unlink()
    found = find_test_predictions(run)
    assert found.missing == (("1", "ankle", "ankle_1"),)
    assert len(found.predictions) == 5


def test_a_prediction_of_former_weights_is_refused(run: Path) -> None:
    (run / "fold_1/models/model.pt").write_text("trained again", "utf-8")
    seal(run / "fold_1", PLAN)
    wanted = "PS-A137: fold_1/test/ankle/ankle_1 was made with other weights than fold_1 has now, .* pedseg_train 1"
    with pytest.raises(ModelError, match=wanted):
        find_test_predictions(run)
    assert {p.fold for p in kept_predictions(run, "test")} == {"0", "3"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": 3}', '{"model": {"plan": "x", "folds": {}}}'])
def test_a_damaged_prediction_is_refused(run: Path, text: str) -> None:
    (run / "fold_3/test/shoulder/shoulder_3/prediction.json").write_text(text, "utf-8")
    with pytest.raises(ModelError, match=r"PS-A137: fold_3/test/shoulder/shoulder_3 .* or is damaged"):
        find_test_predictions(run)


def test_a_prediction_stands_with_its_labels_plan_and_weights(run: Path) -> None:
    folder, weights = run / "fold_0/test/ankle/ankle_0", weights_of(run / "fold_0")
    assert is_current(folder, PLAN.digest, weights)
    assert not is_current(folder, "another plan", weights)
    assert not is_current(folder, PLAN.digest, weights_of(run / "fold_1"))
    (folder / "labels.nii.gz").unlink()
    assert not is_current(folder, PLAN.digest, weights)


def test_folds_of_different_plans_are_refused(run: Path) -> None:
    finish(run, make_plan(schedule={"epochs": 3}), 2)
    with pytest.raises(ModelError, match=r"PS-A87: folds were trained by different plans \(fold_0 .*, fold_2 "):
        find_test_predictions(run)


def test_fold_all_tests_nothing_and_may_be_of_another_plan(run: Path) -> None:
    finish(run, make_plan(schedule={"epochs": 3}), "all")
    assert len(find_test_predictions(run).predictions) == 6


def test_an_exam_that_two_folds_test_is_refused(tmp_path: Path) -> None:
    fold = Fold(test={"ankle": ("ankle_0",)}, train={"ankle": ("ankle_1",)})
    plan = PLAN.model_copy(update={"folds": (fold, fold)})
    for i in (0, 1):
        keep(finish(tmp_path, plan, i), plan, "test", "ankle/ankle_0")
    with pytest.raises(ModelError, match="PS-A136: ankle/ankle_0 is a test exam of fold 0 and of fold 1: "):
        find_test_predictions(tmp_path)


def test_a_run_without_a_finished_numbered_fold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"PS-A123: no finished fold with test exams in .*: run pedseg_train every"):
        find_test_predictions(tmp_path)
    finish(tmp_path, PLAN, "all")
    with pytest.raises(ModelError, match="PS-A123"):
        run_plan(tmp_path)


def test_damaged_folds_are_refused(run: Path) -> None:
    path = run / "fold_1/configs/plan.json"
    path.write_text(path.read_text("utf-8") + " ", "utf-8")
    with pytest.raises(ModelError, match=r"PS-A86: fold_1/configs/plan.json is missing or not the file run.json names"):
        find_test_predictions(run)
    (run / "fold_1/run.json").write_text("{}", "utf-8")
    with pytest.raises(ModelError, match=r"PS-A86: fold_1/run.json is damaged"):
        find_test_predictions(run)


def test_images_and_references_are_those_of_the_workspace(run: Path) -> None:
    workspace = Workspace(run.parents[2])
    write_exams(workspace.root, ("ankle", "shoulder"), n=4)
    found = find_test_predictions(run)
    cases = found.cases(workspace)
    assert list(cases) == [(p.domain, p.exam) for p in found.predictions]
    assert cases["shoulder", "shoulder_3"].labels == workspace.raw("shoulder") / "shoulder_3/labels.nii.gz"
    (workspace.raw("ankle") / "ankle_1/image.nii.gz").unlink()
    with pytest.raises(InputError, match="PS-A135: exam ankle_1 of the plan is not in "):
        found.cases(workspace)


def test_exams_that_train_are_not_left_out() -> None:
    (one, _) = leave_one_out({"knee": {"a": "a", "b": "b"}, "ankle": {"c": "c", "d": "d", "e": "e"}})
    assert (one.validation["knee"], one.train["knee"]) == (("b",), ("b",))
    assert list(left_out(one, "validation")) == [("ankle", "d")]
    assert list(left_out(one, "test")) == [("knee", "a"), ("ankle", "c")]
    whole = everything({"knee": {"a": "a", "b": "b"}})
    assert [list(left_out(whole, part)) for part in ("test", "validation")] == [[], []]


def test_gathering_loads_no_torch() -> None:
    code = "import sys, json, pedseg.evaluation.agreement; print(json.dumps('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False


def test_a_file_of_a_fold_that_may_not_be_read(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(runs, "file_digest", refused)
    with pytest.raises(ModelError, match=r"PS-A86: fold_0/run\.json cannot be read \(Permission denied\): check its"):
        runs.check_file(run / "fold_0", Path("run.json"))
