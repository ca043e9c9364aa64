"""What happens to one batch: the iteration updates of MONAI's engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ignite.engine import Engine

from pedseg.bundle.recipe import Recipe
from pedseg.data.augment import Mirror, apply_augmentation, draw_augmentation, only_left_right
from pedseg.data.dataset import Batch, SliceRef
from pedseg.errors import TrainingError
from pedseg.inference.device import arithmetic
from pedseg.losses import majority
from pedseg.networks import class_logits
from pedseg.plan import DomainPlan
from pedseg.volumes.slice_grid import left_right_axis_of

Scored = tuple[torch.Tensor, torch.Tensor, SliceRef]
"""Predicted and reference labels (B, W, W), and where the first slice is."""


class TrainStep:
    """Augment, forward all domains at once, step.

    MONAI's own update hard-codes CUDA autocast; this one uses the device at hand. Augmentation follows
    from (seed, epoch, iteration), so that a resumed run repeats an unbroken one.

    Args:
        recipe: the fold in training.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.plan = recipe.plan
        self.mirrors = tuple(_mirror(part) for part in recipe.plan.domains)
        self.dtype = arithmetic(recipe.plan.schedule.precision)

    def __call__(self, engine: Engine, batch: Batch) -> dict[str, float]:
        """Loss and its terms.

        Raises:
            TrainingError: PS-A88 the loss is not finite; weights are as before the step.
        """
        trainer: Any = engine
        trainer.network.train()
        batch = self._augmented(batch.to(trainer.state.device), trainer.state.iteration)
        self._set_learning_rate(trainer)
        trainer.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(batch.images.device.type, self.dtype, enabled=self.dtype != torch.float32):
            output = trainer.network(batch.images, batch.sizes)
        loss, terms = trainer.loss_function(output, batch.labels, batch.sizes)
        if not bool(torch.isfinite(loss)):
            values = ", ".join(f"{k} {v.item():g}" for k, v in terms.items())
            raise TrainingError("PS-A88", f"loss is not finite ({values}): lower the learning rate, or use float32")
        loss.backward()
        trainer.optimizer.step()
        return {"loss": loss.item(), **{name: value.item() for name, value in terms.items()}}

    def _set_learning_rate(self, trainer: Any) -> None:
        done = (trainer.state.iteration - 1) / (trainer.state.max_epochs * trainer.state.epoch_length)
        for group in trainer.optimizer.param_groups:
            group["lr"] = self.plan.schedule.learning_rate_at(done)

    def _augmented(self, batch: Batch, iteration: int) -> Batch:
        seed = np.random.SeedSequence([self.plan.schedule.seed, iteration]).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(seed))
        drawn = draw_augmentation(self.plan.augmentation, len(batch.images), generator)
        if self.plan.augmentation.flips == "left_right":
            drawn = only_left_right(drawn, sizes=batch.sizes, mirrors=self.mirrors)
        images, labels = apply_augmentation(batch.images, batch.labels, drawn, sizes=batch.sizes, mirrors=self.mirrors)
        layout = torch.channels_last if self.plan.schedule.channels_last else torch.contiguous_format
        return Batch(images.contiguous(memory_format=layout), labels, batch.sizes)


class ValidateStep:
    """Labels of a batch of one domain, without augmentation.

    Args:
        recipe: the fold in training.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.dtype = arithmetic(recipe.plan.schedule.precision)
        self.coding = recipe.plan.coding
        self.union = recipe.plan.network.strategy == "global"

    def __call__(self, engine: Engine, item: tuple[Batch, SliceRef]) -> Scored:
        """Labels, the reference, and where the first slice is."""
        evaluator: Any = engine
        batch, place = item
        batch = batch.to(evaluator.state.device)
        evaluator.network.eval()
        with (
            torch.inference_mode(),
            torch.autocast(batch.images.device.type, self.dtype, enabled=self.dtype != torch.float32),
        ):
            output = evaluator.network(batch.images, batch.sizes).logits[place.domain]
        logits = class_logits(output, self.coding, place.domain)
        labels = batch.labels.clamp(max=1) if self.union else batch.labels
        size = (logits.shape[2], logits.shape[3])
        return logits.argmax(1), majority(labels, logits.shape[1], size), place


def _mirror(part: DomainPlan) -> Mirror:
    return Mirror(left_right_axis_of(part.plane), part.domain.mirrored_labels)
