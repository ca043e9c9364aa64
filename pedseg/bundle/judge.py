"""The discriminator of an objective in training (C, section 2.3; D, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch

from pedseg.bundle.descent import Descent
from pedseg.bundle.recipe import Recipe
from pedseg.data.dataset import Batch
from pedseg.losses import Objective
from pedseg.losses.objective import Output
from pedseg.networks import DomainDiscriminators, build_mask_discriminators, build_shape_code_discriminators
from pedseg.plan import PriorSpec


@dataclass(frozen=True, eq=False)
class Judge:
    """A discriminator and the optimiser of its weights.

    It makes one step a batch, behind the network's, on what the network said before its own step (D, section 3.3).

    Args:
        network: one discriminator a domain.
        optimizer: of their weights.
    """

    network: DomainDiscriminators
    optimizer: torch.optim.Optimizer

    def step(self, objective: Objective, output: Output, batch: Batch, descent: Descent) -> float:
        """Learn to tell references from predictions.

        Args:
            objective: whose discriminator this is.
            output: of the network.
            batch: augmented, as the network saw it.
            descent: what makes its steps, and returns to good weights where they go bad.

        Returns:
            Its loss before the step, NaN where it was left out.

        Raises:
            TrainingError: PS-A88 losses that are not finite, too often in a row.
        """
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = objective.discriminator_loss(output, batch.labels, batch.sizes, images=batch.images)
        made = descent(self.network, self.optimizer, loss, {"discriminator": loss})
        return loss.item() if made else float("nan")

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        weights = {k: v.detach().cpu() for k, v in self.network.state_dict().items()}
        return {"discriminator": weights, "discriminator_optimizer": self.optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.network.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["discriminator_optimizer"])


def training_judge(recipe: Recipe, device: torch.device) -> Judge | None:
    """The discriminator of the plan's objective with fresh weights; None where it has none.

    It learns with Adam at the network's own rate: C and D name one for both.
    """
    plan = recipe.plan
    if not plan.objective.needs_discriminator:
        return None
    domains, seed = [part.domain for part in plan.domains], plan.schedule.seed
    if "spar" in plan.objective.weights:
        spec = cast("PriorSpec", plan.shape_prior).autoencoder  # spar has one
        network = build_shape_code_discriminators(spec, domains, window=plan.domains[0].window, seed=seed)
    else:
        network = build_mask_discriminators(domains, strategy=plan.network.strategy, seed=seed)
    network = network.to(device)
    fused = device.type in ("cpu", "cuda")
    return Judge(network, torch.optim.Adam(network.parameters(), lr=plan.schedule.learning_rate, fused=fused))
