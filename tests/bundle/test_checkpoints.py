"""What checkpoints hold. What damages, fills or stops them is in tests/reliability/test_a6_training.py."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from tiny import copied
from training_faults import EVEN, ODD, checkpoints_of


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
