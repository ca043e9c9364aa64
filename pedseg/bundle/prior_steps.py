"""What happens to one batch of masks: the iteration updates of the auto-encoder's engines (B, section 2.3)."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from ignite.engine import Engine
from torch import Tensor

from pedseg.bundle.augmenter import Augmenter
from pedseg.bundle.descent import Descent, Rewinder
from pedseg.bundle.recipe import Recipe
from pedseg.bundle.steps import ValidateStep, decay_at
from pedseg.data.dataset import Batch
from pedseg.inference.device import autocast
from pedseg.losses import targets_of
from pedseg.plan import PriorSpec


class PriorStep:
    """Augment as the network's batches are, encode and decode the masks of all domains at once, step.

    Args:
        recipe: the fold in training.
        rewinder: brings back good weights; None stops where they go bad.
    """

    def __init__(self, recipe: Recipe, *, rewinder: Rewinder | None = None) -> None:
        self.prior = cast("PriorSpec", recipe.plan.shape_prior)
        self.masks = Masks(recipe)
        self.augmented = Augmenter(recipe.plan)
        self.schedule = recipe.plan.schedule
        self.descent = Descent(rewinder, clip_norm=self.schedule.clip_norm)

    def __call__(self, engine: Engine, batch: Batch) -> dict[str, float]:
        """Loss of the reconstruction and its terms, NaN where the step was left out.

        Raises:
            TrainingError: PS-A88 losses that are not finite, too often in a row.
        """
        trainer: Any = engine
        trainer.network.train()
        batch = self.augmented(batch.to(trainer.state.device), trainer.state.iteration)
        rate = self.descent.rate * self.prior.learning_rate * decay_at(trainer, self.schedule)
        for group in trainer.optimizer.param_groups:
            group["lr"] = rate
        trainer.optimizer.zero_grad(set_to_none=True)
        with autocast(self.schedule.precision, batch.images.device):
            output = trainer.network(self.masks(batch))
        loss, terms = trainer.loss_function(output, batch.labels, batch.sizes)
        made = self.descent(trainer.network, trainer.optimizer, loss, terms)
        values = {"loss": loss.item(), **{name: value.item() for name, value in terms.items()}}
        return values if made else dict.fromkeys(values, math.nan)


class ReconstructStep(ValidateStep):
    """Labels that the auto-encoder makes of a batch of one domain's masks, beside the labels themselves.

    Args:
        recipe: the fold in training.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.masks = Masks(recipe)

    def outputs(self, network: Any, batch: Batch) -> tuple[Tensor, ...]:
        """What the auto-encoder makes of the masks, one (B_k, channels, H, W) a domain."""
        logits: tuple[Tensor, ...] = network(self.masks(batch)).logits
        return logits


class Masks:
    """What a prior sees of a batch, the same as its objective: the share of each pixel that every class covers.

    Args:
        recipe: the fold in training.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.coding = recipe.plan.coding
        self.layout = torch.channels_last if recipe.plan.schedule.channels_last else torch.contiguous_format

    def __call__(self, batch: Batch) -> list[Tensor]:
        """One (B_k, channels, H, W) a domain; empty for a domain without images."""
        rows, columns = batch.images.shape[2:]
        masks = targets_of(batch.labels, batch.sizes, self.coding, size=(rows, columns))
        return [mask.contiguous(memory_format=self.layout) for mask in masks]
