"""Small pieces `train.yaml` wires around MONAI's trainer."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from tqdm import tqdm

from pedseg.bundle.judge import Judge
from pedseg.bundle.prior import FoldPrior
from pedseg.bundle.recipe import Recipe
from pedseg.bundle.workflow import run_config
from pedseg.cli import progress_hidden
from pedseg.data.batches import EqualBatches
from pedseg.data.heap import keep_heap
from pedseg.inference.device import choose_device
from pedseg.losses import Objective
from pedseg.signals import ENDING, listen, restore

log = logging.getLogger("pedseg.train")
GENTLE = (*ENDING, signal.SIGINT)
"""Signals that ask a training to end."""


class EpochOrder:
    """Tells the batches which epoch it is, for their order follows from it, and where an interrupted one goes on.

    Args:
        batches: of the trainer.
    """

    def __init__(self, batches: EqualBatches) -> None:
        self.batches = batches

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._set)

    def _set(self, engine: Engine) -> None:
        self.batches.epoch = engine.state.epoch
        self.batches.start = engine.state.iteration % (engine.state.epoch_length or 1)


class ProgressBar:
    """A bar over the steps of an epoch; silent where there is no terminal."""

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer. Attach before validation, so that the bar is gone when it starts."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._stop)

    def _start(self, engine: Engine) -> None:
        state = engine.state
        self._bar: tqdm[Any] = tqdm(
            total=state.epoch_length,
            desc=f"epoch {state.epoch}/{state.max_epochs}",
            unit="step",
            leave=False,
            disable=progress_hidden(),
        )

    def _step(self, engine: Engine) -> None:
        self._bar.update()
        output: dict[str, float] = engine.state.output  # type: ignore[assignment]
        self._bar.set_postfix(loss=f"{output['loss']:.3f}", refresh=False)

    def _stop(self, _engine: Engine) -> None:
        self._bar.close()


def training_objective(recipe: Recipe, *, device: torch.device | None = None, judge: Judge | None = None) -> Objective:
    """The plan's loss.

    Args:
        recipe: the fold in training; its auto-encoder is read when the loss first needs it.
        device: where to train, the CPU where none is named.
        judge: of objectives with a discriminator.
    """
    prior = FoldPrior(recipe, device or torch.device("cpu")) if recipe.plan.shape_prior else None
    return Objective(
        recipe.plan.objective,
        len(recipe.plan.domains),
        encoder=prior,
        discriminator=judge.network if judge else None,
        coding=recipe.plan.coding,
    )


def prepare_process(recipe: Recipe) -> None:
    """Make the process ready to train: seed, deterministic kernels where they exist, memory kept."""
    torch.manual_seed(recipe.plan.schedule.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # else every new tensor is filled first: a tenth of a step on a CPU
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    keep_heap()


def run_training(folder: Path, *, device: str = "auto", resume: bool = True) -> None:
    """Run a fold's `train.yaml` through MONAI, as `python -m monai.bundle run` does.

    Args:
        folder: from `make_fold`.
        device: `auto`, `cpu`, `cuda[:n]` or `mps`.
        resume: take up where the newest checkpoint left the fold.
    """
    run_config(folder, "train", device=choose_device(device), resume=resume)


def run_to_the_end(trainer: Any) -> None:
    """Train the epochs that are left; none where the checkpoint stands at the last.

    A signal of `GENTLE` lets the step at hand be finished and kept, then ends the training (see `Checkpoints`).
    """
    if trainer.state.epoch >= trainer.state.max_epochs:
        told = (trainer.state.epoch, trainer.state.max_epochs)
        log.info("%d epochs stand, %d are wanted: nothing left to train", *told)
        return
    with _ended_gently(trainer):
        _validate_begun(trainer)
        if trainer.state.epoch < trainer.state.max_epochs:
            trainer.run()


def _validate_begun(trainer: Any) -> None:
    """Finish an epoch of which all steps were made before the training was ended."""
    state = trainer.state
    if state.iteration == (state.epoch + 1) * state.epoch_length:
        state.epoch += 1
        trainer.fire_event(Events.EPOCH_STARTED)
        trainer.fire_event(Events.EPOCH_COMPLETED)


@contextmanager
def _ended_gently(trainer: Any) -> Iterator[None]:
    """The first signal is a wish, the second is what it was before.

    A SIGINT that raises at once may do so in a destructor, where Python prints it and goes on.
    """

    def ask(number: int, _frame: object) -> None:
        trainer.state.ending = number
        restore(previous)

    previous = listen(GENTLE, ask)
    try:
        yield
    finally:
        restore(previous)
