"""Training state on disk: whole, checked, two generations; and the way back from it."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import nn

from pedseg.bundle.progress import History
from pedseg.bundle.recipe import Recipe
from pedseg.errors import ModelError
from pedseg.inference.checkpoint import WEIGHTS
from pedseg.networks.state_dicts import read_tensors
from pedseg.workspace import atomic_write, file_digest, write_text

log = logging.getLogger("pedseg.train")
GENERATIONS = (Path("models/checkpoint_even.pt"), Path("models/checkpoint_odd.pt"))
"""Written in turn, by the parity of the epoch: while one is replaced the other stands."""
PARTS = {"plan", "fold", "epoch", "network", "optimizer", "history"}


class Checkpoints:
    """After every epoch: state to resume from, and `model.pt` where validation Dice is the best so far.

    Files hold tensors and plain values only. A kill at any moment leaves one generation that loads.

    Args:
        recipe: the fold in training.
        network: multi-domain weights.
        optimizer: its state goes along.
        history: rows so far go along.
    """

    def __init__(self, recipe: Recipe, network: nn.Module, optimizer: torch.optim.Optimizer, history: History) -> None:
        self.recipe = recipe
        self.network = network
        self.optimizer = optimizer
        self.history = history

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer. Attach last, behind the history."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._save)

    def _save(self, engine: Engine) -> None:
        root, epoch = self.recipe.root, engine.state.epoch
        weights = {k: v.detach().cpu() for k, v in self.network.state_dict().items()}
        if self.history.best_epoch == epoch:
            _save_tensors(root / WEIGHTS, weights)
        state = {
            "plan": self.recipe.plan.resume_digest,
            "fold": self.recipe.exams_digest,
            "epoch": epoch,
            "network": weights,
            "optimizer": self.optimizer.state_dict(),
            "history": self.history.rows,
        }
        _save_tensors(root / GENERATIONS[epoch % 2], state, checksum=True)


def resume(trainer: Any, checkpoints: Checkpoints, *, enabled: bool = True) -> int:
    """Take up a fold where its newest loadable checkpoint left it.

    Args:
        trainer: MONAI's; its epoch and iteration are set.
        checkpoints: whose network, optimizer and history are filled.
        enabled: False starts afresh, and forgets the checkpoints that are there.

    Returns:
        The epoch that stands, 0 for a fresh start.

    Raises:
        ModelError: PS-A87 the checkpoint belongs to another plan or fold, PS-A86 none of two generations loads.
    """
    if not enabled:
        _forget(checkpoints.recipe.root)
    state = _newest_state(checkpoints.recipe.root)
    if state is None:
        return 0
    recipe = checkpoints.recipe
    if (state["plan"], state["fold"]) != (recipe.plan.resume_digest, recipe.exams_digest):
        raise ModelError(
            "PS-A87",
            f"checkpoints of {recipe.root.name} are of plan {str(state['plan'])[:8]} or of other exams, this plan is "
            f"{recipe.plan.resume_digest[:8]}: name another run with --run, or start over with --no-resume",
        )
    checkpoints.network.load_state_dict(state["network"])
    checkpoints.optimizer.load_state_dict(state["optimizer"])
    checkpoints.history.rows[:] = state["history"]
    epoch = int(state["epoch"])
    trainer.state.epoch = epoch
    trainer.state.iteration = epoch * trainer.state.epoch_length
    log.info("resuming behind epoch %d of %d", epoch, trainer.state.max_epochs)
    return epoch


def _newest_state(root: Path) -> dict[str, Any] | None:
    kept = [root / name for name in GENERATIONS if (root / name).is_file()]
    states = [state for path in kept if (state := _checked_state(path)) is not None]
    if kept and not states:
        raise ModelError("PS-A86", f"no checkpoint of {root.name} can be loaded: start over with --no-resume")
    return max(states, key=lambda s: int(s["epoch"]), default=None)


def _checked_state(path: Path) -> dict[str, Any] | None:
    try:
        whole = _checksum(path).read_text("utf-8").strip() == file_digest(path)
        if whole and set(state := read_tensors(path)) == PARTS:
            return state
    except (OSError, ModelError):
        pass
    log.warning("PS-W86: %s is damaged: the other generation is taken", path.name)
    return None


def _forget(root: Path) -> None:
    """Remove checkpoints: the newest of a former training would be taken for this one's."""
    for path in (root / name for name in GENERATIONS):
        path.unlink(missing_ok=True)
        _checksum(path).unlink(missing_ok=True)


def _save_tensors(path: Path, value: Any, *, checksum: bool = False) -> None:
    """Write tensors whole or not at all.

    The checksum goes before its file: a kill between the two costs the older generation, never the only one.
    """
    buffer = io.BytesIO()  # torch's own writer hides a full disk behind a RuntimeError
    torch.save(value, buffer)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
        if checksum:
            write_text(_checksum(path), file_digest(temporary) + "\n")


def _checksum(path: Path) -> Path:
    return path.with_suffix(".sha256")
