"""Cross-validated runs: test predictions of every fold beside the workspace's references."""

from __future__ import annotations

import csv
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from fake_run import finish, keep, make_plan
from tiny import make_exam

from pedseg.domains import load_domains
from pedseg.errors import ModelError, UsageError
from pedseg.plan import Plan
from pedseg.storage.splits import leave_one_out
from pedseg.volumes import Volume
from pedseg.volumes.nifti import read_image, write_nifti
from pedseg.workspace import Workspace
from pedseg_evaluate import EvaluateOptions, pedseg_evaluate
from pedseg_evaluate.job import exit_code
from pedseg_evaluate.runs import run_sources

JOINTS = ("ankle", "shoulder")
DOMAINS = {d.name: d for d in load_domains(JOINTS)}


def fill(
    root: Path, name: str, *, folds: int = 4, moved: int = 0, strategy: str = "multi", plan: Plan | None = None
) -> Plan:
    """Exams, and a run of leave-one-out whose predictions are the references, moved by some voxels."""
    alone = {"network": {"strategy": strategy, "scheme": "individual"}, "objective": {"name": "ce"}}
    plan = plan or make_plan(4, name="default", **(alone if strategy != "multi" else {}))
    for domain in JOINTS:
        for i in range(4):
            folder = Workspace(root).raw(domain) / f"{domain}_{i}"
            if not folder.is_dir():
                folder.mkdir(parents=True)
                image, labels = make_exam(DOMAINS[domain], i, slices=8)
                write_nifti(image, folder / "image.nii.gz")
                write_nifti(labels, folder / "labels.nii.gz")
    run = Workspace(root).run("default", name)
    for number in range(folds):
        fold = finish(run, plan, number, weights=f"{name} {number}")
        for domain, exams in plan.folds[number].test.items():
            for exam in exams:
                _, labels = make_exam(DOMAINS[domain], int(exam[-1]), slices=8)
                made = np.roll(labels.array, moved, axis=1)
                made = np.minimum(made, 1) if strategy == "global" else made
                folder = keep(fold, plan, "test", f"{domain}/{exam}")
                write_nifti(Volume(made, labels.affine), folder / "labels.nii.gz")
    return plan


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs") / "ws"
    fill(root, "main")
    fill(root, "moved", moved=1)
    return root


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_run_gathers_the_test_exams_of_all_folds(root: Path, tmp_path: Path) -> None:
    (outcome,) = pedseg_evaluate(tmp_path / "out", root, runs=["main"])
    assert sorted(task.key for task, _ in outcome.done) == [
        ("main", domain, f"{domain}_{i}") for domain in JOINTS for i in range(4)
    ]
    scores = rows(tmp_path / "out" / "scores.csv")
    assert {float(r["value"]) for r in scores if r["metric"] == "dice"} == {1.0}
    record = json.loads((tmp_path / "out" / "scores.json").read_text("utf-8"))
    assert sorted(record["source"]["folds"]) == [f"fold_{i}" for i in range(4)]
    assert len(record["source"]["plan"]) == 64


def test_several_runs_are_compared_with_the_chosen_one(root: Path, tmp_path: Path) -> None:
    pedseg_evaluate(tmp_path / "out", root, runs=["main", "moved"], options=EvaluateOptions(against="main"))
    moved = [float(r["value"]) for r in rows(tmp_path / "out/moved/scores.csv") if r["metric"] == "dice"]
    assert 0.5 < min(moved) < max(moved) < 1
    text = (tmp_path / "out/tables/exams.md").read_text("utf-8")
    assert "against main" in text


def test_runs_are_found_by_folder_too(root: Path, tmp_path: Path) -> None:
    """A run in a workspace of its own takes its exams from there, wherever the command is called."""
    elsewhere = tmp_path / "copy"
    shutil.copytree(root, elsewhere)
    folder = elsewhere / "runs/default/main"
    (source,) = run_sources([folder], Workspace(tmp_path / "none"), EvaluateOptions())
    assert source.name == "main"
    assert {t.reference for t in source.tasks} == {
        elsewhere / "raw" / d / f"{d}_{i}" / "labels.nii.gz" for d in JOINTS for i in range(4)
    }


def test_unfinished_folds_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, "main", folds=2)
    (source,) = run_sources([Path("main")], Workspace(tmp_path), EvaluateOptions())
    assert len(source.tasks) == 4
    assert source.facts["unfinished"] == ["2", "3"]
    assert "PS-W136: main: folds 2, 3 are not finished: only the test exams of the other 2 of 4" in caplog.text


def test_a_missing_prediction_is_listed(tmp_path: Path) -> None:
    fill(tmp_path, "main")
    shutil.rmtree(Workspace(tmp_path).run("default", "main") / "fold_1/test/ankle/ankle_1")
    (source,) = run_sources([Path("main")], Workspace(tmp_path), EvaluateOptions())
    assert source.missing == ("ankle/ankle_1",)
    assert len(source.tasks) == 7


def test_an_exam_that_is_gone_is_measured_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, "main")
    shutil.rmtree(Workspace(tmp_path).raw("ankle") / "ankle_2")
    (source,) = run_sources([Path("main")], Workspace(tmp_path), EvaluateOptions())
    assert [t.exam for t in source.tasks if t.reference is None] == ["ankle_2"]
    assert "PS-W135: ankle/ankle_2" in caplog.text


def test_an_exam_whose_label_file_is_gone_is_no_less_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, "main")
    (Workspace(tmp_path).raw("ankle") / "ankle_2/labels.nii.gz").unlink()
    outcomes = pedseg_evaluate(tmp_path / "out", tmp_path, runs=["main"])
    (source,) = (o.source for o in outcomes)
    assert source.unscored == ("ankle/ankle_2",)
    assert caplog.text.count("PS-W135") == 1
    assert "PS-W135: ankle/ankle_2: no reference (no label file beside its image): measured" in caplog.text
    assert exit_code(outcomes) == 7
    assert json.loads((tmp_path / "out/scores.json").read_text("utf-8"))["unscored"] == ["ankle/ankle_2"]


def test_a_stray_folder_costs_no_exam_its_reference(tmp_path: Path) -> None:
    fill(tmp_path, "main")
    stray = Workspace(tmp_path).raw("ankle") / "new exam"
    stray.mkdir()
    (stray / "image.nii.gz").touch()
    (source,) = run_sources([Path("main")], Workspace(tmp_path), EvaluateOptions())
    assert source.unscored == ()
    assert source.home == Workspace(tmp_path)


def test_exams_that_no_fold_tests_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Six ankles and four shoulders make four folds: two ankles are never tested."""
    members = {d: {f"{d}_{i}": str(i) for i in range(n)} for d, n in (("ankle", 6), ("shoulder", 4))}
    plan = make_plan(4, name="default").model_copy(update={"folds": leave_one_out(members)})
    fill(tmp_path, "main", folds=2, plan=plan)
    caplog.set_level(logging.INFO, "pedseg.evaluate")
    (source,) = run_sources([Path("main")], Workspace(tmp_path), EvaluateOptions())
    assert source.untested == ("ankle/ankle_4", "ankle/ankle_5")
    assert source.facts["tested"] == {"ankle": "4 of 6", "shoulder": "4 of 4"}
    assert "main/ankle: the plan's folds test 4 of 6 exams, never ankle_4, ankle_5" in caplog.text
    assert "main/shoulder" not in caplog.text
    (part,) = run_sources([Path("main")], Workspace(tmp_path), EvaluateOptions(domains=("shoulder",)))
    assert (part.untested, part.facts["tested"]) == ((), {"shoulder": "4 of 4"})


def test_references_with_numbers_of_their_own(tmp_path: Path) -> None:
    """A plan may know the numbers of the user's label files; predictions count 1..n all the same."""
    plan = make_plan(4, name="default")
    bones = DOMAINS["ankle"].structures
    structures = [s.model_copy(update={"source_value": (v,)}) for s, v in zip(bones, (3, 1, 2), strict=True)]
    ankle = DOMAINS["ankle"].model_copy(update={"structures": tuple(structures)})
    parts = tuple(p.model_copy(update={"domain": ankle}) if p.domain.name == "ankle" else p for p in plan.domains)
    fill(tmp_path, "main", plan=plan.model_copy(update={"domains": parts}))
    for path in Workspace(tmp_path).raw("ankle").glob("*/labels.nii.gz"):
        labels = read_image(path)
        write_nifti(labels.with_array(np.array([0, 3, 1, 2], np.uint8)[labels.array]), path)
    (outcome,) = pedseg_evaluate(tmp_path / "out", tmp_path, runs=["main"], options=EvaluateOptions(pictures=False))
    assert {s.value for s in outcome.method.scores if s.metric == "dice"} == {1.0}


def test_domains_may_be_restricted(root: Path) -> None:
    (source,) = run_sources([Path("main")], Workspace(root), EvaluateOptions(domains=("shoulder",)))
    assert {t.domain.name for t in source.tasks} == {"shoulder"}
    with pytest.raises(UsageError, match=r"PS-A100.*knows ankle, shoulder, not 'knee'"):
        run_sources([Path("main")], Workspace(root), EvaluateOptions(domains=("knee",)))


def test_the_union_alone_is_scored_where_the_network_knows_no_more(tmp_path: Path) -> None:
    fill(tmp_path, "main", strategy="global")
    (outcome,) = pedseg_evaluate(tmp_path / "out", tmp_path, runs=["main"])
    assert {s.structure for s in outcome.method.scores} == {"all"}
    assert {s.value for s in outcome.method.scores if s.metric == "dice"} == {1.0}


@pytest.mark.parametrize("options", [{"references": Path("x")}, {"values": {"talus": (1,)}}, {"images": Path("x")}])
def test_flags_of_folders_are_refused(root: Path, options: dict) -> None:
    with pytest.raises(UsageError, match=r"PS-A120: .*for --predictions: a run knows "):
        run_sources([Path("main")], Workspace(root), EvaluateOptions(**options))


def test_a_run_that_is_not_there(root: Path) -> None:
    with pytest.raises(UsageError, match="PS-A125: run other is missing in plan default: there are main, moved"):
        run_sources([Path("other")], Workspace(root), EvaluateOptions())


def test_a_run_of_another_plan_is_pointed_at(root: Path) -> None:
    with pytest.raises(UsageError, match="missing in plan other: plan default has one: name it with -p"):
        run_sources([Path("main")], Workspace(root), EvaluateOptions(plan="other"))


def test_a_run_without_test_predictions(tmp_path: Path) -> None:
    fill(tmp_path, "main", folds=1)
    shutil.rmtree(Workspace(tmp_path).run("default", "main") / "fold_0/test")
    with pytest.raises(ModelError, match="PS-A123: run main has no test prediction"):
        run_sources([Path("main")], Workspace(tmp_path), EvaluateOptions())
