"""Training state on disk: whole, checked, two generations; and the way back from it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import nn

from pedseg.bundle.progress import History
from pedseg.bundle.recipe import Recipe
from pedseg.errors import ModelError
from pedseg.inference.checkpoint import WEIGHTS, read_tensors
from pedseg.workspace import atomic_write, file_digest, write_text

log = logging.getLogger("pedseg.train")
GENERATIONS = (Path("models/checkpoint_even.pt"), Path("models/checkpoint_odd.pt"))
"""Written in turn, by the parity of the epoch: while one is replaced the other stands."""


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
            "fold": self.recipe.name,
            "epoch": epoch,
            "network": weights,
            "optimizer": self.optimizer.state_dict(),
            "history": self.history.rows,
        }
        path = root / GENERATIONS[epoch % 2]
        _save_tensors(path, state)
        write_text(path.with_suffix(".sha256"), file_digest(path) + "\n")


def resume(trainer: Any, checkpoints: Checkpoints, *, enabled: bool = True) -> int:
    """Take up a fold where its newest loadable checkpoint left it.

    Args:
        trainer: MONAI's; its epoch and iteration are set.
        checkpoints: whose network, optimizer and history are filled.
        enabled: False starts afresh.

    Returns:
        The epoch that stands, 0 for a fresh start.

    Raises:
        ModelError: PS-A87 the checkpoint belongs to another plan or fold, PS-A86 none of two generations loads.
    """
    state = _newest_state(checkpoints.recipe.root) if enabled else None
    if state is None:
        return 0
    own = (checkpoints.recipe.plan.resume_digest, checkpoints.recipe.name)
    if (state["plan"], state["fold"]) != own:
        raise ModelError(
            "PS-A87",
            f"{checkpoints.recipe.root.name} was trained by plan {str(state['plan'])[:8]}, this one is {own[0][:8]}: "
            "name another run with --run, or start over with --no-resume",
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
        if path.with_suffix(".sha256").read_text("utf-8").strip() == file_digest(path):
            return read_tensors(path)
    except (OSError, ModelError):
        pass
    log.warning("PS-W86: %s is damaged: the other generation is taken", path.name)
    return None


def _save_tensors(path: Path, value: Any) -> None:
    with atomic_write(path) as temporary:
        torch.save(value, temporary)
