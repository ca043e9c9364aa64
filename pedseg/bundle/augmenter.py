"""Random changes of a training batch, the same in every run of a plan."""

from __future__ import annotations

import numpy as np
import torch

from pedseg.data.augment import Mirror, apply_augmentation, draw_augmentation, only_left_right
from pedseg.data.dataset import Batch
from pedseg.plan import DomainPlan, Plan
from pedseg.volumes.slice_grid import left_right_axis_of


class Augmenter:
    """Augmentation that follows from (seed, iteration), so that a resumed run repeats an unbroken one.

    Args:
        plan: its ranges, seed and memory layout.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.mirrors = tuple(_mirror(part) for part in plan.domains)

    def __call__(self, batch: Batch, iteration: int) -> Batch:
        """The batch of a step, changed."""
        generator = torch.Generator().manual_seed(step_seed(self.plan.schedule.seed, iteration))
        drawn = draw_augmentation(self.plan.augmentation, len(batch.images), generator)
        if self.plan.augmentation.flips == "left_right":
            drawn = only_left_right(drawn, sizes=batch.sizes, mirrors=self.mirrors)
        images, labels = apply_augmentation(batch.images, batch.labels, drawn, sizes=batch.sizes, mirrors=self.mirrors)
        layout = torch.channels_last if self.plan.schedule.channels_last else torch.contiguous_format
        return Batch(images.contiguous(memory_format=layout), labels, batch.sizes)


def step_seed(seed: int, iteration: int) -> int:
    """Where the draws of a step start, resumed or not."""
    return int(np.random.SeedSequence([seed, iteration]).generate_state(1)[0])


def _mirror(part: DomainPlan) -> Mirror:
    return Mirror(left_right_axis_of(part.plane), part.domain.mirrored_labels)
