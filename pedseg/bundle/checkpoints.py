"""The state of a training after every epoch, and the ways back to it: resuming, and returning from bad weights."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import Any, NoReturn

import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn

from pedseg.bundle.descent import gradient_scaler
from pedseg.bundle.generations import Generations, check_room, noted_digest, save_tensors
from pedseg.bundle.judge import Judge
from pedseg.bundle.progress import History
from pedseg.bundle.recipe import Recipe
from pedseg.errors import ExitCode, ModelError, Notice, TrainingError
from pedseg.networks.state_dicts import read_tensors, some
from pedseg.signals import Interruption
from pedseg.storage.runs import WEIGHTS
from pedseg.workspace import file_digest

log = logging.getLogger("pedseg.train")
ROOM = 10
"""Times its weights that a training keeps on disk: two states with Adam's moments, one on its way, and the best."""


class Checkpoints:
    """After every epoch: state to resume from, and `model.pt` where validation Dice is the best so far.

    A kill at any moment leaves one generation that loads. Nothing that is not finite is kept: bad weights give way
    to those of the epoch before, once, at half the learning rate from there. A training that is asked to end (see
    `run_to_the_end`) keeps the state behind the step at hand.

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
        self.slices: dict[str, str] = {}
        self.rate = 1.0
        self.best = ""
        self.afresh = False
        self.scaler = gradient_scaler(recipe.plan.schedule.precision, next(network.parameters()).device)
        self.generations = Generations(recipe.root, "prior" if history.prior else "checkpoint")

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer. Attach last, behind the history.

        Raises:
            InputError: PS-A85 an entry of the cache is missing or damaged.
        """
        self.slices = self.recipe.slice_digests  # now, whatever preprocessing does while this trains
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._end_in_epoch)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._save)

    def watch(self, evaluator: Engine, trainer: Engine) -> None:
        """Break a validation off where the training is to end."""
        evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda: self._end_in_validation(trainer))

    def check_room(self) -> None:
        """Refuse a training whose states the disk cannot hold.

        Raises:
            OutputError: PS-A106.
        """
        networks = [self.network, *([self.judge.network] if self.judge else [])]
        weights = sum(v.numel() * v.element_size() for n in networks for v in n.state_dict().values())
        kept = (*self.generations.paths, self.recipe.root / WEIGHTS)
        there = sum(path.stat().st_size for path in kept if path.is_file())
        check_room(self.recipe.root, ROOM * weights - there, what=f"the states of {self.recipe.root.name}")

    def take_up(self, state: dict[str, Any]) -> None:
        """Fill network, optimiser and discriminator."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.judge:
            self.judge.load(state)
        self.rate = float(state.get("rate", 1.0))
        self.best = str(state.get("best", ""))
        if scaler := state.get("scaler"):
            self.scaler.load_state_dict(scaler)

    def rewind(self) -> bool:
        """Return to the newest state at half the learning rate; False where that was done before, or there is none."""
        state = self.generations.newest() if self.rate == 1 and not self.afresh else None
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
        self._forget_former()
        if sound and not self.history.prior and self.history.best_epoch == epoch:
            self.best = save_tensors(self.recipe.root / WEIGHTS, weights, checksum=True)
        self.generations.save(self._state(epoch, weights))
        if is_ending(engine):
            _end(engine, f"epoch {epoch}")

    def _end_in_epoch(self, engine: Engine) -> None:
        """Where the training is to end: keep this step, unless the epoch is about to be kept."""
        step = engine.state.iteration % (engine.state.epoch_length or 1)
        if is_ending(engine) and step:
            self._keep_step(engine, step)
            _end(engine, f"step {step} of epoch {engine.state.epoch}")

    def _end_in_validation(self, engine: Engine) -> None:
        """All steps of the epoch are kept; its validation is made again (see `run_to_the_end`)."""
        if is_ending(engine):
            self._keep_step(engine, engine.state.epoch_length or 1)
            _end(engine, f"the last step of epoch {engine.state.epoch}")

    def _keep_step(self, engine: Engine, step: int) -> None:
        if self._is_finite():
            state = self._state(engine.state.epoch - 1, _on_cpu(self.network))
            self._forget_former()
            self.generations.save({**state, "step": step, "running": self.history.running})

    def _forget_former(self) -> None:
        """Remove the states of a training that this one starts over, now that it has one of its own to write."""
        if self.afresh:
            self.check_room()
            self.generations.forget()
            self.afresh = False

    def _state(self, epoch: int, weights: dict[str, Tensor]) -> dict[str, Any]:
        """What a training needs to go on behind an epoch."""
        state = {
            "plan": self.plan,
            "fold": self.recipe.exams_digest,
            "slices": self.slices,
            "machine": machine_of(self.network),
            "epoch": epoch,
            "network": weights,
            "optimizer": self.optimizer.state_dict(),
            "history": self.history.rows,
            "rate": self.rate,
            "scaler": self.scaler.state_dict(),
            "best": self.best,
        }
        return {**state, **(self.judge.state() if self.judge else {})}

    def _is_finite(self) -> bool:
        networks = [self.network, *([self.judge.network] if self.judge else [])]
        return all(bool(torch.isfinite(v).all()) for n in networks for v in n.state_dict().values())


def resume(
    trainer: Any, checkpoints: Checkpoints, *, enabled: bool = True, evaluator: Engine | None = None
) -> int:
    """Take up a training where its newest loadable checkpoint left it.

    Args:
        trainer: MONAI's; its epoch and iteration are set.
        checkpoints: whose network, optimizer and history are filled.
        enabled: False starts afresh; checkpoints that are there go before the first of this one is written.
        evaluator: validates behind every epoch.

    Returns:
        The epoch that stands, 0 for a fresh start.

    Raises:
        ModelError: PS-A87 the checkpoint belongs to another plan or fold, or to other slices; PS-A86, PS-A94 none of
            two generations can be taken up; PS-A86 the weights of the best epoch are damaged.
        OutputError: PS-A106 no room for the training's states.
    """
    if evaluator:
        checkpoints.watch(evaluator, trainer)
    state = checkpoints.generations.newest() if enabled else None
    checkpoints.check_room()
    checkpoints.afresh = not enabled
    if state is None:
        return 0
    _check_same(state, checkpoints)
    _tell_machine(state, machine_of(checkpoints.network))
    checkpoints.take_up(state)
    checkpoints.history.rows[:] = state["history"]
    checkpoints.history.begun = state.get("running", {})
    if checkpoints.history.rows and not checkpoints.history.prior:
        check_best(checkpoints.recipe.root / WEIGHTS, checkpoints.best)
    epoch, step = int(state["epoch"]), int(state.get("step", 0))
    trainer.state.epoch = epoch
    trainer.state.iteration = epoch * trainer.state.epoch_length + step
    behind = f"step {step} of epoch {epoch + 1}" if step else f"epoch {epoch}"
    if epoch < trainer.state.max_epochs:
        log.info("resuming behind %s of %d", behind, trainer.state.max_epochs)
    return epoch


def check_best(path: Path, digest: str) -> None:
    """Refuse damaged weights of the best epoch: no checkpoint holds them, and the fold's end would seal them.

    Args:
        path: of the weights.
        digest: that the state taken up knows. Where its training was killed in between, or another generation had to
            be taken, the file is a later one, and the checksum beside it speaks.

    Raises:
        ModelError: PS-A86.
    """
    remedy = "train the fold again with --no-resume"
    read_tensors(path, remedy=remedy)
    if file_digest(path) not in {digest, noted_digest(path)}:
        text = f"{path.name} is not the file that was written: it was damaged, or replaced"
        raise ModelError("PS-A86", f"{text}: {remedy}")


def machine_of(network: nn.Module) -> dict[str, str | int]:
    """What the last bits of weights depend on beside plan and slices: torch, device, and on a CPU its threads."""
    device = next(network.parameters()).device.type
    threads = {"threads": torch.get_num_threads()} if device == "cpu" else {}
    return {"torch": str(torch.__version__), "device": device, **threads}


def is_ending(engine: Engine) -> bool:
    """Whether a training has been asked to end: the signal's number stands there."""
    return bool(getattr(engine.state, "ending", 0))


def _end(engine: Engine, behind: str) -> NoReturn:
    text = f"behind {behind}: run the same command again to go on"
    if engine.state.ending == signal.SIGINT:  # type: ignore[attr-defined]
        raise Interruption(text)
    log.info("ended from outside %s", text)
    raise SystemExit(ExitCode.TERMINATED)


def _check_same(state: dict[str, Any], checkpoints: Checkpoints) -> None:
    """Refuse a state that another plan, other exams or other slices have led to."""
    recipe = checkpoints.recipe
    advice = "name another run with --run, or start over with --no-resume"
    if (state["plan"], state["fold"]) != (checkpoints.plan, recipe.exams_digest):
        raise ModelError(
            "PS-A87",
            f"checkpoints of {recipe.root.name} are of plan {str(state['plan'])[:8]} or of other exams, this plan is "
            f"{checkpoints.plan[:8]}: {advice}",
        )
    before, now = state.get("slices", checkpoints.slices), checkpoints.slices
    if changed := [name for name in now if before.get(name) != now[name]]:
        text = f"{recipe.root.name} was begun with other slices of {some(changed)} than the cache holds now"
        raise ModelError("PS-A87", f"{text}: {advice}")


def _tell_machine(state: dict[str, Any], now: dict[str, str | int]) -> None:
    before = state.get("machine", now)
    if before != now:
        was, is_ = (", ".join(f"{k} {v}" for k, v in machine.items()) for machine in (before, now))
        text = f"begun with {was}, goes on with {is_}: weights will differ in their last bits from an unbroken training"
        log.warning("%s", Notice("PS-W93", text))


def _on_cpu(network: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().cpu() for k, v in network.state_dict().items()}
