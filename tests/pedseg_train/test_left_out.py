"""What a fold makes of the exams it left out: kept, made again only where needed, and calibrated over all folds."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_run import finish, keep_all, make_plan
from tiny import copied, make_workspace

import pedseg.bundle
import pedseg_train.job
from pedseg.errors import ExitCode
from pedseg.evaluation.agreement import agreement_limits
from pedseg.inference import load_model
from pedseg.plan import Fold
from pedseg.storage.runs import find_test_predictions, kept_predictions
from pedseg.workspace import Workspace
from pedseg_predict import PredictOptions, pedseg_predict
from pedseg_train.__main__ import main
from pedseg_train.left_out import FAILED, calibrate, exit_code, keep_predictions

FILES = {"labels.nii.gz", "prediction.json", "preview.png"}
SHOULDERS = Fold(
    test={"shoulder": ("shoulder_0",)}, validation={"shoulder": ("shoulder_1",)}, train={"shoulder": ("shoulder_2",)}
)
BOTH = {"test/shoulder/shoulder_0", "validation/shoulder/shoulder_1"}


@pytest.fixture
def fold(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the tiny fold in its workspace, nothing kept."""
    return copied(tiny_run.parents[2], tmp_path) / "runs/default/main/fold_0"


def kept(fold: Path) -> dict[str, Path]:
    return {p.parent.relative_to(fold).as_posix(): p for p in fold.glob("*/*/*/prediction.json")}


def keep(fold: Path) -> dict[str, Any]:
    return dict(keep_predictions(fold, SHOULDERS, Workspace(fold.parents[3]), device="cpu"))


def test_left_out_exams_are_predicted_as_pedseg_predict_does_it(fold: Path, tmp_path: Path) -> None:
    assert keep(fold) == {}
    assert set(kept(fold)) == BOTH
    image = Workspace(fold.parents[3]).raw("shoulder") / "shoulder_0/image.nii.gz"
    pedseg_predict(image, tmp_path / "out", options=PredictOptions(model=fold, domain="shoulder", device="cpu"))
    own = fold / "test/shoulder/shoulder_0"
    assert {p.name for p in own.iterdir()} == FILES
    for name in FILES - {"prediction.json"}:
        assert (own / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    one, other = (json.loads((f / "prediction.json").read_text("utf-8")) for f in (own, tmp_path / "out"))
    assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert list(one["seconds"]) == list(other["seconds"])
    model = load_model(fold)
    assert one["model"] == {"plan": model.plan.digest, "name": "default", "folds": model.digests}


def test_what_the_present_weights_made_is_left_alone_and_the_rest_made_again(
    fold: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pedseg")
    keep(fold)
    assert "fold_0: predicting 2 of its 2 left-out exams" in caplog.text
    before = {name: path.stat().st_mtime_ns for name, path in kept(fold).items()}
    caplog.clear()
    keep(fold)
    assert caplog.text == ""
    assert {name: path.stat().st_mtime_ns for name, path in kept(fold).items()} == before
    path = kept(fold)["test/shoulder/shoulder_0"]
    text = path.read_text("utf-8")
    path.write_text(text.replace(load_model(fold).digests["fold_0"], "0" * 64), "utf-8")
    keep(fold)
    assert "predicting 1 of its 2" in caplog.text
    assert re.search(r"  test/shoulder/shoulder_0: \d+\.\d s", caplog.text)
    assert "validation" not in caplog.text
    assert json.loads(path.read_text("utf-8"))["model"] == json.loads(text)["model"]


def gone(image: Path) -> None:
    image.unlink()


def damaged(image: Path) -> None:
    image.write_bytes(image.read_bytes()[:-200])


@pytest.mark.parametrize(("damage", "code"), [(gone, "PS-A135"), (damaged, "PS-A80")], ids=["gone", "damaged"])
def test_an_exam_that_fails_is_named_and_keeps_no_other(
    fold: Path, damage: Callable[[Path], None], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = Workspace(fold.parents[3]).raw("shoulder") / "shoulder_0/image.nii.gz"
    whole = image.read_bytes()
    damage(image)
    assert list(keep(fold)) == ["test/shoulder/shoulder_0"]
    assert set(kept(fold)) == BOTH - {"test/shoulder/shoulder_0"}
    assert f"PS-W129: test/shoulder/shoulder_0 of fold_0 is not predicted: {code}: " in caplog.text
    said = json.loads((fold / FAILED).read_text("utf-8"))
    assert said["test/shoulder/shoulder_0"].startswith(f"{code}: ")
    assert exit_code([fold.with_name("fold_1"), fold]) == ExitCode.PARTIAL
    image.write_bytes(whole)
    assert keep(fold) == {}
    assert set(kept(fold)) == BOTH
    assert exit_code([fold]) == ExitCode.DONE


def test_a_prediction_of_other_weights_does_not_stand_in_for_one_that_fails(fold: Path) -> None:
    keep(fold)
    path = kept(fold)["test/shoulder/shoulder_0"]
    path.write_text("{}", "utf-8")
    (Workspace(fold.parents[3]).raw("shoulder") / "shoulder_0/image.nii.gz").unlink()
    keep(fold)
    assert not path.exists()


def test_the_command_ends_with_7_where_an_exam_failed_and_can_do_without_tests(
    fold: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = fold.parents[3]
    (Workspace(root).raw("knee") / "knee_0/image.nii.gz").unlink()
    assert main(["0", "-w", str(root), "--device", "cpu", "--no-test"]) == 0
    assert kept(fold) == {}
    assert main(["0", "-w", str(root), "--device", "cpu"]) == 7
    exams = {f"{part}/{d}/{d}_{i}" for i, part in enumerate(("test", "validation")) for d in ("ankle", "shoulder")}
    assert set(kept(fold)) == exams | {"validation/knee/knee_1"}
    said = capsys.readouterr()
    assert "fold 0 is finished" in said.out
    assert said.err.count("\n") == 1
    assert main(["0", "-w", str(root), "--device", "cpu", "--no-test"]) == 0


def test_a_transfer_run_does_not_keep_validation_exams_its_source_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two patients one trains and validates; in `main_from_ankle` no ankle trains, but its network has seen it."""
    make_workspace(tmp_path, ("ankle", "shoulder"), n=2, wishes={"scheme": "transfer"})
    asked: dict[str, Fold] = {}
    for name in ("run_training", "place_source", "make_fold"):
        monkeypatch.setattr(pedseg.bundle, name, lambda *_args, **_kwargs: None)

    def note(folder: Path, fold: Fold, *_args: Any, **_kwargs: Any) -> None:
        asked[folder.parent.name] = fold

    monkeypatch.setattr(pedseg_train.job, "keep_predictions", note)
    assert main(["0", "-w", str(tmp_path), "-q"]) == 0
    assert list(asked) == ["main_individual", "main_from_ankle", "main_from_shoulder"]
    assert all(fold.train == {"ankle": ("ankle_1",), "shoulder": ("shoulder_1",)} for fold in asked.values())


def test_agreement_is_calibrated_once_a_run_and_its_faults_are_warnings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan, run = make_plan(), tmp_path / "main"
    calibrate([run])
    finish(run, plan, "all")
    calibrate([run])
    assert caplog.text == ""
    keep_all(run, plan, range(4))
    calibrate([run, run])
    assert (run / "agreement.json").is_file()
    finish(run, make_plan(schedule={"epochs": 3}), 1)
    calibrate([run])
    assert "PS-W130: agreement of the folds of main is not calibrated: PS-A87: " in caplog.text


@pytest.mark.parametrize("joints", [("shoulder",), pytest.param(("ankle", "shoulder"), marks=pytest.mark.slow)])
def test_every_fold_is_trained_once_whatever_interrupts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, joints: tuple[str, ...]
) -> None:
    """Fold 1 first; then all, killed in fold 2; then all again: three folds, and none of them trained twice."""
    root = tmp_path / "w"
    make_workspace(root, joints)
    run = root / "runs/default/main"
    command = ["-w", str(root), "--device", "cpu", "-q", "--epochs", "3"]
    assert main(["1", *command]) == 0
    assert find_test_predictions(run).unfinished == ("0", "2")
    assert not (run / "agreement.json").exists()  # one fold has no other to agree with
    image, own = Workspace(root).raw("shoulder") / "shoulder_1/image.nii.gz", run / "fold_1/test/shoulder/shoulder_1"
    options = PredictOptions(model=run / "fold_1", domain="shoulder", device="cpu")
    pedseg_predict(image, tmp_path / "out", options=options)  # as the job did behind its training
    assert (own / "labels.nii.gz").read_bytes() == (tmp_path / "out/labels.nii.gz").read_bytes()

    whole = pedseg.bundle.run_training

    def killed(folder: Path, **options: Any) -> None:
        if folder.name == "fold_2":
            raise KeyboardInterrupt
        whole(folder, **options)

    monkeypatch.setattr(pedseg.bundle, "run_training", killed)
    assert main(["every", *command]) == 130
    assert find_test_predictions(run).finished == ("0", "1")
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for i in (0, 1) for p in files_of(run / f"fold_{i}")}

    monkeypatch.setattr(pedseg.bundle, "run_training", whole)
    assert main(["every", *command]) == 0
    after = {p: (p.stat().st_mtime_ns, p.read_bytes()) for i in (0, 1) for p in files_of(run / f"fold_{i}")}
    assert after == before
    found = find_test_predictions(run)
    assert sorted((p.domain, p.exam) for p in found.predictions) == [
        (d, f"{d}_{i}") for d in joints for i in range(3)
    ]
    assert (found.unfinished, found.missing) == ((), ())
    assert len(kept_predictions(run, "validation")) == 3 * len(joints)
    assert all(0 <= limit < 1 for limit in agreement_limits(run)["shoulder"].values() if limit is not None)
    assert any(limit is not None for limit in agreement_limits(run)["shoulder"].values())


def files_of(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


def test_what_a_former_attempt_left_without_its_record_is_made_again(fold: Path) -> None:
    (half := fold / "test/shoulder/shoulder_0").mkdir(parents=True)
    (half / "labels.nii.gz").touch()
    assert keep(fold) == {}
    assert set(kept(fold)) == BOTH
