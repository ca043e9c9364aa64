"""How hard each term of a loss pulls when training starts: what its weight is to be judged by (METHODS, section 5)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn

from pedseg.bundle.recipe import Recipe
from pedseg.workspace import write_text

log = logging.getLogger("pedseg.train")


def gradient_norms(network: nn.Module, terms: Mapping[str, Tensor], *, scale: float = 1.0) -> dict[str, float]:
    """Norm of the gradient of every term over all weights; gradients that stand in the weights stay as they are.

    Args:
        network: of the weights.
        terms: scalars of one forward pass, whose graph is kept.
        scale: what terms are multiplied with on the way, so that float16 holds their small gradients.
    """
    weights = [p for p in network.parameters() if p.requires_grad]
    norms = {}
    for name, term in terms.items():
        found: Sequence[Tensor | None] = ()
        if term.requires_grad:
            found = torch.autograd.grad(term * scale, weights, retain_graph=True, allow_unused=True)
        norms[name] = float(torch.nn.utils.get_total_norm([g for g in found if g is not None])) / scale
    return norms


class GradientLog:
    """`gradients.csv` and one line: the pull of every term in the first batch, which the step left in the state.

    Args:
        recipe: the fold in training.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.path: Path = recipe.root / "gradients.csv"
        spec = recipe.plan.objective
        self.weights = {"ce": 1.0, "soft_dice": spec.dice_weight, **spec.weights}

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)

    def _write(self, engine: Engine) -> None:
        state: Any = engine.state
        if state.iteration != 1:
            return
        norms: dict[str, float] = state.gradient_norms
        rows = [f"{term},{self.weights[term]:g},{norm:.6g}" for term, norm in norms.items()]
        write_text(self.path, "\n".join(["term,weight,gradient_norm", *rows]) + "\n")
        pulls = ", ".join(f"{term} {self.weights[term] * norm:.3g}" for term, norm in norms.items())
        log.info("gradients at the start, each with its weight: %s", pulls)
