"""Checkpoints: one generation always loads, a damaged one is never taken, a kill costs an epoch at most."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events
from tiny import copied, log_rows, same_weights, train

from pedseg.bundle import Checkpoints, ExamDice, History, fold_entries, load_recipe, training_network
from pedseg.bundle.descent import Descent
from pedseg.data import SliceDataset
from pedseg.errors import ModelError, TrainingError
from pedseg.losses import Objective

EVEN, ODD = "models/checkpoint_even.pt", "models/checkpoint_odd.pt"


@pytest.fixture
def fold(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the tiny fold, not sealed, whose even checkpoint is of epoch 4, the odd one of epoch 3."""
    folder = copied(tiny_run.parents[2], tmp_path) / "runs/default/main/fold_0"
    (folder / "run.json").unlink()  # a finished fold would be left alone
    return folder


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def without_checksum(path: Path) -> None:
    path.with_suffix(".sha256").unlink()


def killed_between_checksum_and_file(path: Path) -> None:
    path.with_suffix(".sha256").write_text("0" * 64 + "\n", "utf-8")


def weights_only(path: Path) -> None:
    shutil.copyfile(path.with_name("model.pt"), path)
    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest() + "\n", "utf-8")


DAMAGE = [truncated, flipped, without_checksum, killed_between_checksum_and_file, weights_only]


def test_a_checkpoint_holds_tensors_and_plain_values_of_its_epoch(fold: Path) -> None:
    for name, epoch in ((EVEN, 4), (ODD, 3)):
        state = torch.load(fold / name, weights_only=True)
        assert state["epoch"] == epoch
        assert [row["epoch"] for row in state["history"]] == list(range(1, epoch + 1))
        digest = hashlib.sha256((fold / name).read_bytes()).hexdigest()
        assert (fold / name).with_suffix(".sha256").read_text("utf-8") == digest + "\n"


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda d: d.__name__)
def test_a_damaged_newest_checkpoint_costs_one_epoch_and_a_warning(
    fold: Path, tiny_run: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pedseg")
    damage(fold / EVEN)
    train(fold.parents[3])
    assert "PS-W86: checkpoint_even.pt is damaged" in caplog.text
    assert "resuming behind epoch 3 of 4" in caplog.text
    assert same_weights(fold, tiny_run / "fold_0")
    assert log_rows(fold) == log_rows(tiny_run / "fold_0")


def test_two_damaged_checkpoints_are_refused(fold: Path) -> None:
    truncated(fold / EVEN)
    flipped(fold / ODD)
    with pytest.raises(ModelError, match="PS-A86: no checkpoint of fold_0 can be loaded: start over with --no-resume"):
        train(fold.parents[3])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)], ids=["kill", "term"])
def test_a_killed_training_goes_on_to_the_weights_of_an_unbroken_one(
    tiny_workspace: Path, tiny_run: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    root = copied(tiny_workspace, tmp_path)
    folder = root / "runs/default/main/fold_0"
    command = [sys.executable, "-m", "pedseg_train", "0", "-w", str(root), "--device", "cpu", "--no-test"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=one_thread())
    until = time.monotonic() + 300
    while not (folder / ODD).exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.2)  # somewhere in the second epoch
    process.send_signal(number)
    assert process.wait(60) == code
    assert not (folder / "run.json").exists()
    train(root)
    assert same_weights(folder, tiny_run / "fold_0")
    assert log_rows(folder) == log_rows(tiny_run / "fold_0")


def test_a_full_disk_keeps_the_last_epoch_and_leaves_no_parts(tiny_workspace: Path, tmp_path: Path) -> None:
    """A file system where the state of one epoch fits, that of a second does not."""
    room = tmp_path / "room"
    room.mkdir()
    script = (
        f"mount -t tmpfs -o size=5600k tmpfs {room} && cp -r {tiny_workspace} {room}/w && "
        f"{sys.executable} -m pedseg_train 0 -w {room}/w --device cpu; code=$?; "
        f"cp -r {room}/w/runs {tmp_path}/runs; exit $code"
    )
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, check=False, env=one_thread()
    )
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("no private mounts here")
    assert done.returncode == 6, done.stderr
    assert "PS-A106: no space left while writing" in done.stderr
    folder = tmp_path / "runs/default/main/fold_0"
    assert [p.name for p in folder.rglob(".*partial*")] == []
    kept = [folder / name for name in (EVEN, ODD) if (folder / name).exists()]
    assert any(
        hashlib.sha256(p.read_bytes()).hexdigest() == p.with_suffix(".sha256").read_text("utf-8").strip() for p in kept
    )


def one_thread() -> dict[str, str]:
    """As many threads as this process, for the order of additions depends on it."""
    return {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}


def poisoned(monkeypatch: pytest.MonkeyPatch, *epochs: int) -> None:
    """Make every loss of some epochs NaN."""
    whole = Objective.__call__

    def loss(self: Objective, *args: Any, **kwargs: Any) -> Any:
        total, terms = whole(self, *args, **kwargs)
        calls.append(0)
        bad = (len(calls) - 1) // 20 + 1 in epochs  # 20 steps an epoch
        return total * float("nan") if bad else total, terms

    calls: list[int] = []
    monkeypatch.setattr(Objective, "__call__", loss)


def test_bad_losses_bring_the_last_checkpoint_back_once_at_half_the_rate(
    tiny_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = copied(tiny_workspace, tmp_path)
    whole = Descent._skip

    def healed(self: Descent, *args: Any) -> None:
        whole(self, *args)
        if not self.skipped:  # it has returned
            monkeypatch.undo()

    poisoned(monkeypatch, 2, 3)
    monkeypatch.setattr(Descent, "_skip", healed)
    folder = train(root, epochs=2)
    assert caplog.text.count("the step is left out") == 5
    assert "PS-W88: weights go back to those behind epoch 1: on at half the learning rate" in caplog.text
    state = torch.load(folder / EVEN, weights_only=True)
    assert state["rate"] == 0.5
    assert state["epoch"] == 2
    assert all(bool(torch.isfinite(v).all()) for v in state["network"].values())
    assert all(row["loss"] != "nan" for row in log_rows(folder))


def test_bad_losses_without_end_stop_training_behind_the_last_good_epoch(
    tiny_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copied(tiny_workspace, tmp_path)
    poisoned(monkeypatch, 3, 4)
    with pytest.raises(TrainingError, match="PS-A88: loss is not finite"):
        train(root)
    folder = root / "runs/default/main/fold_0"
    assert torch.load(folder / EVEN, weights_only=True)["epoch"] == 2
    assert not (folder / "run.json").exists()


def checkpoints_of(fold: Path) -> Checkpoints:
    """Those of a fresh network behind epoch 5."""
    recipe = load_recipe(fold)
    network = training_network(recipe, SliceDataset(fold_entries(recipe, "train")), torch.device("cpu"))
    history = History(recipe, ExamDice([part.domain for part in recipe.plan.domains]))
    history.rows[:] = [{"epoch": 5, "dice": 1.0}]
    return Checkpoints(recipe, network, torch.optim.Adam(network.parameters()), history)


def test_the_scale_of_float16_goes_along_and_where_there_is_none_it_starts_afresh(fold: Path) -> None:
    kept, later = checkpoints_of(fold), checkpoints_of(fold)
    kept.scaler = torch.amp.GradScaler("cpu", init_scale=8)
    later.scaler = torch.amp.GradScaler("cpu", init_scale=4)
    engine = Engine(lambda *_: None)
    kept.attach(engine)
    engine.state.epoch = 5
    engine.fire_event(Events.EPOCH_COMPLETED)
    state = later.generations.newest()
    assert state is not None
    later.take_up({**state, "scaler": {}})  # as of a training on a processor
    assert later.scaler.get_scale() == 4
    later.take_up(state)
    assert later.scaler.get_scale() == 8


def test_weights_that_are_not_finite_are_never_kept(fold: Path) -> None:
    kept = checkpoints_of(fold)
    recipe, network = kept.recipe, kept.network
    before = (recipe.root / "models/model.pt").read_bytes()
    for epoch in (5, 6):
        with torch.no_grad():
            next(network.buffers()).fill_(torch.nan)  # a running mean, which no step mends
        engine = Engine(lambda *_: None)
        kept.attach(engine)
        engine.state.epoch = epoch
        if epoch == 5:
            engine.fire_event(Events.EPOCH_COMPLETED)
            assert all(bool(torch.isfinite(v).all()) for v in network.state_dict().values())
            assert torch.load(recipe.root / ODD, weights_only=True)["rate"] == 0.5
        else:
            with pytest.raises(TrainingError, match="PS-A88: weights of epoch 6 are not finite"):
                engine.fire_event(Events.EPOCH_COMPLETED)
    assert (recipe.root / "models/model.pt").read_bytes() == before
