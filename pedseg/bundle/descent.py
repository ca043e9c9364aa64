"""One careful step of an optimiser: never into values that are not finite."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from pedseg.errors import Notice, TrainingError
from pedseg.inference.device import arithmetic
from pedseg.names import Precision

log = logging.getLogger("pedseg.train")
MAX_SKIPPED = 5
"""Steps left out in a row before training goes back to its last checkpoint."""


class Rewinder(Protocol):
    """What brings back the weights of the last checkpoint (`Checkpoints`)."""

    @property
    def rate(self) -> float:
        """Factor of the learning rate: below 1 after a return."""

    @property
    def scaler(self) -> torch.amp.GradScaler:
        """Lifts float16's small gradients over its smallest number; disabled in other arithmetic."""

    def rewind(self) -> bool:
        """Return, and learn slower from there; False where that was done before or nothing is there to return to."""


def gradient_scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """Torch's own for float16, with its defaults; disabled, and without effect, in arithmetic of float32's range."""
    return torch.amp.GradScaler(device.type, enabled=arithmetic(precision, device) == torch.float16)


class Descent:
    """Backward pass and step of one optimiser.

    A step whose loss or gradient is not finite is left out, with a warning. After `MAX_SKIPPED` in a row the weights
    are bad rather than the batch: training returns to its last checkpoint and goes on at half the learning rate,
    once. The next time it stops.

    In float16 losses are scaled up. Gradients that only the scale made too large are left out without a word: the
    scale is halved until they fit.

    Args:
        rewinder: None stops at once instead of returning.
        clip_norm: longer gradients are shortened to it; None lets them be.
        scaled: False for losses that are never computed in float16.
    """

    def __init__(
        self, rewinder: Rewinder | None = None, *, clip_norm: float | None = None, scaled: bool = True
    ) -> None:
        self.rewinder = rewinder
        self.clip_norm = clip_norm
        self.skipped = 0
        self._scaler = rewinder.scaler if rewinder and scaled else torch.amp.GradScaler("cpu", enabled=False)

    @property
    def rate(self) -> float:
        """Factor of the learning rate."""
        return self.rewinder.rate if self.rewinder else 1.0

    @property
    def scale(self) -> float:
        """What losses are multiplied with before their gradients are taken: 1, or more in float16."""
        return self._scaler.get_scale()

    def __call__(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, terms: Mapping[str, Tensor]
    ) -> bool:
        """Step down the gradient of a loss.

        Args:
            network: whose gradients count; they are None before.
            optimizer: of its weights.
            loss: a scalar.
            terms: its parts, named where it is not finite.

        Returns:
            Whether the step was made.

        Raises:
            TrainingError: PS-A88 too many steps were left out, and training has returned before or cannot.
        """
        scale = self.scale
        norm = self._backward(network, optimizer, loss)
        if not math.isfinite(norm):
            optimizer.zero_grad(set_to_none=True)
            if self.scale == scale or scale <= 1:
                self._skip(loss, terms)
            return False
        self.skipped = 0
        if self.clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(network.parameters(), self.clip_norm, torch.tensor(norm))
        self._scaler.step(optimizer)
        self._scaler.update()
        return True

    def _backward(self, network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
        """Gradients, and their norm over all weights; NaN, without gradients, where the loss is not finite."""
        if not bool(torch.isfinite(loss)):
            return math.nan
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(optimizer)
        found = [p.grad for p in network.parameters() if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(found))
        if not math.isfinite(norm):
            self._scaler.update()  # halves the scale
        return norm

    def _skip(self, loss: Tensor, terms: Mapping[str, Tensor]) -> None:
        self.skipped += 1
        what = "gradient" if bool(torch.isfinite(loss)) else "loss"
        fault = f"{what} is not finite ({', '.join(f'{k} {v.item():g}' for k, v in terms.items())})"
        if self.skipped <= MAX_SKIPPED:
            log.warning("%s", Notice("PS-W88", f"{fault}: the step is left out"))
            return
        if self.rewinder is None or not self.rewinder.rewind():
            raise TrainingError("PS-A88", f"{fault}: lower the learning rate, or use float32")
        self.skipped = 0
