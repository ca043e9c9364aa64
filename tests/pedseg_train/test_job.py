"""The training job on the tiny workspace: it learns, repeats itself, and refuses what it must."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny import change_plan, copied, log_rows, make_workspace, same_weights, train, weights

from pedseg.errors import InputError, UsageError
from pedseg.plan import load_plan
from pedseg_train.__main__ import main
from pedseg_train.job import fold_of


def test_a_fold_learns_and_keeps_its_best_epoch(tiny_run: Path) -> None:
    rows = log_rows(tiny_run / "fold_0")
    loss, dice = ([float(r[k]) for r in rows] for k in ("loss", "dice"))
    assert [r["epoch"] for r in rows] == ["1", "2", "3", "4"]
    assert loss[-1] < 0.5 * loss[0]
    assert max(dice) > 0.75
    manifest = json.loads((tiny_run / "fold_0" / "run.json").read_text("utf-8"))
    assert manifest["best_epoch"] == 1 + dice.index(max(dice))
    weights = {"ce": 1.0, "soft_dice": 0.04, "msc": 0.1}
    sums = [sum(weight * float(r[name]) for name, weight in weights.items()) for r in rows]
    assert loss == pytest.approx(sums, abs=1e-4)
    per_domain = [float(rows[-1][f"dice_{d}"]) for d in ("ankle", "knee", "shoulder")]
    assert dice[-1] == pytest.approx(sum(per_domain) / 3, abs=1e-5)
    assert len(list((tiny_run / "fold_0" / "tensorboard").iterdir())) >= 1


def test_two_trainings_end_in_equal_bytes_and_another_seed_does_not(tiny_workspace: Path, tmp_path: Path) -> None:
    root = copied(tiny_workspace, tmp_path)
    first, again = train(root, epochs=1, run="first"), train(root, epochs=1, run="again")
    assert (first / "models/model.pt").read_bytes() == (again / "models/model.pt").read_bytes()
    assert log_rows(first) == log_rows(again)
    assert not same_weights(first, train(root, epochs=1, run="other", seed=1))


@pytest.mark.parametrize("stopped", [1, 2])
def test_a_resumed_fold_equals_an_unbroken_one(tiny_workspace: Path, tmp_path: Path, stopped: int) -> None:
    root = copied(tiny_workspace, tmp_path)
    change_plan(root, schedule={"decay": "none"})  # a rate that falls to 0 at the end knows how long it goes
    train(root, epochs=stopped, run="broken")
    broken = train(root, epochs=3, run="broken")
    unbroken = train(root, epochs=3, run="unbroken")
    assert same_weights(broken, unbroken)
    assert log_rows(broken) == log_rows(unbroken)
    one, two = (torch.load(f / "models/checkpoint_odd.pt", weights_only=True) for f in (broken, unbroken))
    assert all(torch.equal(one["network"][k], two["network"][k]) for k in two["network"])
    assert all(
        torch.equal(one["optimizer"]["state"][i][k], moments[k])
        for i, moments in two["optimizer"]["state"].items()
        for k in ("step", "exp_avg", "exp_avg_sq")
    )


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file's time and bytes."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}


def test_a_finished_fold_is_left_alone(tiny_run: Path, tmp_path: Path) -> None:
    root = copied(tiny_run.parents[2], tmp_path)
    folder = root / "runs/default/main/fold_0"
    before = contents(folder)
    train(root)
    assert contents(folder) == before


def test_a_fold_that_lost_a_file_is_finished_again_without_training(tiny_run: Path, tmp_path: Path) -> None:
    root = copied(tiny_run.parents[2], tmp_path)
    folder = root / "runs/default/main/fold_0"
    before = contents(folder)
    (folder / "configs/metadata.json").unlink()
    train(root)
    after = contents(folder)
    for name in ("run.json", "configs/metadata.json", "models/model.pt", "log.csv"):
        assert after[name][1] == before[name][1]


@pytest.mark.parametrize(
    ("joints", "wishes", "decoder"),
    [
        (("ankle", "knee", "shoulder"), {"network": "unet", "objective": "ssc"}, "transposed"),
        (("ankle", "knee"), {"network": "att_unet", "objective": "msc"}, "transposed"),
        (("ankle", "knee"), {"network": "att_unet", "scheme": "individual"}, "upsample"),
        (("ankle", "knee", "shoulder"), {"network": "unet", "scheme": "individual"}, "upsample"),
        (("knee",), {"network": "att_unet"}, "upsample"),
        (("shoulder",), {"network": "unet", "scheme": "individual"}, "transposed"),
    ],
    ids=lambda v: "-".join(v.values() if isinstance(v, dict) else v) if not isinstance(v, str) else v,
)
def test_every_combination_trains(
    tmp_path: Path, joints: tuple[str, ...], wishes: dict[str, str], decoder: str
) -> None:
    make_workspace(tmp_path, joints, wishes=wishes, network={"decoder": decoder, "channels": (4, 4, 4, 4, 4)})
    folder = train(tmp_path, epochs=2)
    rows = log_rows(folder)
    plan = load_plan(folder / "configs/plan.json")
    assert (plan.network.name, plan.network.decoder) == (wishes["network"], decoder)
    expected = wishes.get("objective", "ce")
    assert plan.objective.name == expected
    assert set(rows[0]) == {"epoch", "loss", "ce", "soft_dice", "dice", *(f"dice_{d}" for d in joints)} | {expected}
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])


def test_networks_that_share_nothing_do_not_feel_each_other(tmp_path: Path) -> None:
    """Scheme individual: a joint's network comes out bit for bit as when it is trained beside another joint."""
    one, two = tmp_path / "one", tmp_path / "two"
    for root, joints in ((one, ("ankle", "shoulder")), (two, ("ankle", "knee"))):
        make_workspace(root, joints, wishes={"scheme": "individual"}, network={"channels": (4, 4, 4, 4, 4)})
        still = {"rotation_deg": 0, "shift_fraction": 0, "flips": "none"}
        change_plan(root, augmentation=still, schedule={"decay": "none"}, prediction={"mirror": False})
    a, b = (weights(train(root, epochs=1)) for root in (one, two))
    first = [k for k in a if k.startswith("networks.0.")]
    assert first
    assert all(a[k].equal(b[k]) for k in first)


def test_fold_all_trains_on_every_exam_and_says_that_validation_flatters(
    tiny_workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copied(tiny_workspace, tmp_path)
    assert main(["all", "-w", str(root), "--epochs", "1", "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert "training on ankle 3, knee 3, shoulder 3 exams" in said.out
    assert "PS-W89" in said.err
    assert (root / "runs/default/main/fold_all/run.json").is_file()


def test_no_resume_starts_over_and_forgets_the_former_checkpoints(tiny_workspace: Path, tmp_path: Path) -> None:
    root = copied(tiny_workspace, tmp_path)
    train(root, epochs=2)
    change_plan(root, augmentation={"rotation_deg": 0})
    folder = train(root, epochs=1, resume=False)
    assert [r["epoch"] for r in log_rows(folder)] == ["1"]
    assert not (folder / "models/checkpoint_even.pt").exists()
    assert [r["epoch"] for r in log_rows(train(root, epochs=2))] == ["1", "2"]


def test_what_is_not_there_is_named(tiny_workspace: Path, tmp_path: Path) -> None:
    root = copied(tiny_workspace, tmp_path)
    with pytest.raises(UsageError, match=r"PS-A120: no fold '7': the plan has 0..2, 'all' and 'every'"):
        train(root, "7")
    with pytest.raises(UsageError, match=r"PS-A125: .*run pedseg_plan first"):
        train(root, plan="other")
    (root / "cache/default/knee/knee_2.json").unlink()
    with pytest.raises(InputError, match=r"PS-A85: 1 exams .*\(knee/knee_2\): run pedseg_preprocess"):
        train(root)
    assert not (root / "runs").exists()


def test_folds_by_name(tiny_workspace: Path) -> None:
    plan = load_plan(tiny_workspace / "plans/default")
    assert fold_of(plan, "1") == plan.folds[1]
    assert fold_of(plan, "all").train["knee"] == ("knee_0", "knee_1", "knee_2")
    for name in ("-1", "3", "one", ""):
        with pytest.raises(UsageError, match="PS-A120"):
            fold_of(plan, name)
