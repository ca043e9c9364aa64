"""The state of a training after every epoch, and the ways back to it: resuming, and returning from bad weights."""

from __future__ import annotations

import logging
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn

from pedseg.bundle.descent import gradient_scaler
from pedseg.bundle.generations import Generations, save_tensors
from pedseg.bundle.judge import Judge
from pedseg.bundle.progress import History
from pedseg.bundle.recipe import Recipe
from pedseg.errors import ModelError, Notice, TrainingError
from pedseg.storage.runs import WEIGHTS

log = logging.getLogger("pedseg.train")


class Checkpoints:
    """After every epoch: state to resume from, and `model.pt` where validation Dice is the best so far.

    A kill at any moment leaves one generation that loads. Nothing that is not finite is kept: bad weights give way
    to those of the epoch before, once, at half the learning rate from there.

    Args:
        recipe: the fold in training.
        network: multi-domain weights.
        optimizer: its state goes along.
        history: rows so far go along; those of an auto-encoder have files of their own and no `model.pt`.
        judge: its state goes along where there is one.
        plan: digest of what the training depends on; None is the plan's.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        history: History,
        *,
        judge: Judge | None = None,
        plan: str | None = None,
    ) -> None:
        self.recipe = recipe
        self.network = network
        self.optimizer = optimizer
        self.history = history
        self.judge = judge
        self.plan = plan or recipe.plan.resume_digest
        self.rate = 1.0
        self.scaler = gradient_scaler(recipe.plan.schedule.precision, next(network.parameters()).device)
        self.generations = Generations(recipe.root, "prior" if history.prior else "checkpoint")

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer. Attach last, behind the history."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._save)

    def take_up(self, state: dict[str, Any]) -> None:
        """Fill network, optimiser and discriminator."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.judge:
            self.judge.load(state)
        self.rate = float(state.get("rate", 1.0))
        if scaler := state.get("scaler"):
            self.scaler.load_state_dict(scaler)

    def rewind(self) -> bool:
        """Return to the newest state at half the learning rate; False where that was done before, or there is none."""
        state = self.generations.newest() if self.rate == 1 else None
        if state is None:
            return False
        self.take_up(state)
        self.rate = 0.5
        text = f"weights go back to those behind epoch {state['epoch']}: on at half the learning rate"
        log.warning("%s", Notice("PS-W88", text))
        return True

    def _save(self, engine: Engine) -> None:
        epoch = engine.state.epoch
        sound = self._is_finite()
        if not sound and not self.rewind():
            text = f"weights of epoch {epoch} are not finite: lower the learning rate, or use float32"
            raise TrainingError("PS-A88", text)
        weights = _on_cpu(self.network)
        if sound and not self.history.prior and self.history.best_epoch == epoch:
            save_tensors(self.recipe.root / WEIGHTS, weights)
        state = {
            "plan": self.plan,
            "fold": self.recipe.exams_digest,
            "epoch": epoch,
            "network": weights,
            "optimizer": self.optimizer.state_dict(),
            "history": self.history.rows,
            "rate": self.rate,
            "scaler": self.scaler.state_dict(),
        }
        self.generations.save({**state, **(self.judge.state() if self.judge else {})})

    def _is_finite(self) -> bool:
        networks = [self.network, *([self.judge.network] if self.judge else [])]
        return all(bool(torch.isfinite(v).all()) for n in networks for v in n.state_dict().values())


def resume(trainer: Any, checkpoints: Checkpoints, *, enabled: bool = True) -> int:
    """Take up a training where its newest loadable checkpoint left it.

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
        checkpoints.generations.forget()
    state = checkpoints.generations.newest()
    if state is None:
        return 0
    recipe = checkpoints.recipe
    if (state["plan"], state["fold"]) != (checkpoints.plan, recipe.exams_digest):
        raise ModelError(
            "PS-A87",
            f"checkpoints of {recipe.root.name} are of plan {str(state['plan'])[:8]} or of other exams, this plan is "
            f"{checkpoints.plan[:8]}: name another run with --run, or start over with --no-resume",
        )
    checkpoints.take_up(state)
    checkpoints.history.rows[:] = state["history"]
    epoch = int(state["epoch"])
    trainer.state.epoch = epoch
    trainer.state.iteration = epoch * trainer.state.epoch_length
    log.info("resuming behind epoch %d of %d", epoch, trainer.state.max_epochs)
    return epoch


def _on_cpu(network: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().cpu() for k, v in network.state_dict().items()}
