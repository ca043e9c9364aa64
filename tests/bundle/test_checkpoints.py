"""What checkpoints hold. What damages, fills or stops them is in tests/reliability/test_a6_training.py."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from tiny import copied
from training_faults import EVEN, ODD, checkpoints_of, contents

from pedseg.bundle.checkpoints import resume
from pedseg.errors import OutputError


@pytest.fixture
def fold(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the tiny fold, not sealed, whose even checkpoint is of epoch 4, the odd one of epoch 3."""
    folder = copied(tiny_run.parents[2], tmp_path) / "runs/default/main/fold_0"
    (folder / "run.json").unlink()  # a finished fold would be left alone
    return folder


def test_a_checkpoint_holds_tensors_and_plain_values_of_its_epoch(fold: Path) -> None:
    for name, epoch in ((EVEN, 4), (ODD, 3)):
        state = torch.load(fold / name, weights_only=True)
        assert state["epoch"] == epoch
        assert [row["epoch"] for row in state["history"]] == list(range(1, epoch + 1))
        digest = hashlib.sha256((fold / name).read_bytes()).hexdigest()
        assert (fold / name).with_suffix(".sha256").read_text("utf-8") == digest + "\n"


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


def without_room(*_: object) -> None:
    raise OutputError("PS-A106", "no space left")


def test_a_training_that_starts_over_leaves_the_former_states_until_it_has_one(
    fold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, over = contents(fold), checkpoints_of(fold)
    engine = Engine(lambda *_: None)
    with monkeypatch.context() as full:
        full.setattr("pedseg.bundle.checkpoints.Checkpoints.check_room", without_room)
        with pytest.raises(OutputError, match="PS-A106"):
            resume(engine, over, enabled=False)
        assert contents(fold) == before
        over.afresh = True  # the disk fills in the first epoch
        over.attach(engine)
        engine.state.epoch = 1
        with pytest.raises(OutputError, match="PS-A106"):
            engine.fire_event(Events.EPOCH_COMPLETED)
        assert contents(fold) == before
    assert resume(engine, over, enabled=False) == 0
    assert contents(fold) == before
    engine.fire_event(Events.EPOCH_COMPLETED)
    assert not (fold / EVEN).exists()
    assert torch.load(fold / ODD, weights_only=True)["epoch"] == 1


def test_a_training_that_starts_over_never_returns_to_weights_of_the_former(fold: Path) -> None:
    over = checkpoints_of(fold)
    resume(Engine(lambda *_: None), over, enabled=False)
    assert not over.rewind()


def test_a_state_that_a_failing_disk_keeps_otherwise_does_not_take_the_name(
    fold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync_badly(path: Path) -> None:
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1] + b"!")

    before, kept = contents(fold), checkpoints_of(fold)
    state = kept.generations.newest()
    assert state is not None
    monkeypatch.setattr("pedseg.workspace.sync", sync_badly)
    with pytest.raises(OutputError, match="PS-A164"):
        kept.generations.save({**state, "epoch": 5})
    assert contents(fold) == before
