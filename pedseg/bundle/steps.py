"""What happens to one batch: the iteration updates of MONAI's engines."""

from __future__ import annotations

import math
from typing import Any

import torch
from ignite.engine import Engine

from pedseg.bundle.augmenter import Augmenter, step_seed
from pedseg.bundle.descent import Descent, Rewinder
from pedseg.bundle.gradients import gradient_norms
from pedseg.bundle.judge import Judge
from pedseg.bundle.recipe import Recipe
from pedseg.data.dataset import Batch, SliceRef
from pedseg.inference.device import autocast
from pedseg.losses import majority
from pedseg.networks import class_logits
from pedseg.plan import ScheduleSpec

Scored = tuple[torch.Tensor, torch.Tensor, SliceRef]
"""Predicted and reference labels (B, W, W), and where the first slice is."""


class TrainStep:
    """Augment, forward all domains at once, step; then the discriminator's step, where the objective has one.

    MONAI's own updates hard-code CUDA autocast, and its adversarial one shows the discriminator the grey image as
    real. This one uses the device at hand and serves every objective in one `SupervisedTrainer`: an
    `AdversarialTrainer` has no `network` and wants losses of its own for reconstruction and discriminator.

    Args:
        recipe: the fold in training.
        judge: of objectives with a discriminator.
        rewinder: brings back good weights; None stops where they go bad.
    """

    def __init__(self, recipe: Recipe, *, judge: Judge | None = None, rewinder: Rewinder | None = None) -> None:
        self.plan = recipe.plan
        self.augmented = Augmenter(recipe.plan)
        self.precision = recipe.plan.schedule.precision
        self.descent = Descent(rewinder, clip_norm=recipe.plan.schedule.clip_norm)
        self.judge = judge
        self.judging = Descent(rewinder, clip_norm=recipe.plan.schedule.clip_norm, scaled=False)

    def __call__(self, engine: Engine, batch: Batch) -> dict[str, float]:
        """Loss and its terms, NaN where the step was left out.

        Raises:
            TrainingError: PS-A88 losses that are not finite, too often in a row.
        """
        trainer: Any = engine
        trainer.network.train()
        batch = self.augmented(batch.to(trainer.state.device), trainer.state.iteration)
        self._set_learning_rate(trainer)
        trainer.optimizer.zero_grad(set_to_none=True)
        if self.plan.network.stochastic_depth:
            torch.manual_seed(step_seed(self.plan.schedule.seed, trainer.state.iteration))
        with autocast(self.precision, batch.images.device):
            output = trainer.network(batch.images, batch.sizes)
        loss, terms = trainer.loss_function(output, batch.labels, batch.sizes, images=batch.images)
        if trainer.state.iteration == 1:
            trainer.state.gradient_norms = gradient_norms(trainer.network, terms, scale=self.descent.scale)
        made = self.descent(trainer.network, trainer.optimizer, loss, terms)
        values = {"loss": loss.item(), **{name: value.item() for name, value in terms.items()}}
        if self.judge:
            values["discriminator"] = math.nan
            if made:
                values["discriminator"] = self.judge.step(trainer.loss_function, output, batch, self.judging)
        return values if made else dict.fromkeys(values, math.nan)

    def _set_learning_rate(self, trainer: Any) -> None:
        rate = self.descent.rate * self.plan.schedule.learning_rate * decay_at(trainer, self.plan.schedule)
        for optimizer in (trainer.optimizer, *([self.judge.optimizer] if self.judge else [])):
            for group in optimizer.param_groups:
                group["lr"] = rate


def decay_at(trainer: Any, schedule: ScheduleSpec) -> float:
    """Factor of the learning rate at a trainer's step."""
    steps = trainer.state.max_epochs * trainer.state.epoch_length
    return schedule.decay_at((trainer.state.iteration - 1) / steps)


class ValidateStep:
    """Labels of a batch of one domain, without augmentation.

    Args:
        recipe: the fold in training.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.precision = recipe.plan.schedule.precision
        self.coding = recipe.plan.coding
        self.union = recipe.plan.network.strategy == "global"

    def __call__(self, engine: Engine, item: tuple[Batch, SliceRef]) -> Scored:
        """Labels, the reference, and where the first slice is."""
        evaluator: Any = engine
        batch, place = item
        batch = batch.to(evaluator.state.device)
        evaluator.network.eval()
        with torch.inference_mode(), autocast(self.precision, batch.images.device):
            output = self.outputs(evaluator.network, batch)[place.domain]
        logits = class_logits(output, self.coding, place.domain)
        labels = batch.labels.clamp(max=1) if self.union else batch.labels
        return logits.argmax(1), majority(labels, logits.shape[1], (logits.shape[2], logits.shape[3])), place

    def outputs(self, network: Any, batch: Batch) -> tuple[torch.Tensor, ...]:
        """What a network says of the images, one (B_k, channels, H, W) a domain."""
        logits: tuple[torch.Tensor, ...] = network(batch.images, batch.sizes).logits
        return logits
