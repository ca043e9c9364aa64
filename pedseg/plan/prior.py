"""How the auto-encoder of an objective is trained, before the network (METHODS, sections 5 and 6)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pedseg.names import Scheme, Strategy
from pedseg.plan.network import AutoencoderSpec, autoencoder_for
from pedseg.plan.objective import ObjectiveSpec
from pedseg.plan.values import Frozen, Positive


class PriorSpec(Frozen):
    """An auto-encoder of masks and its training; the defaults are B's (table 1, section 3.3).

    Args:
        autoencoder: which one.
        learning_rate: Adam's; falls as the network's does.
        batch: masks asked for; shared by domains as the network's batch is.
        epochs: one sees every mask of the largest domain once.
    """

    autoencoder: AutoencoderSpec = AutoencoderSpec()
    learning_rate: Positive = 1e-4
    batch: Annotated[int, Field(ge=1)] = 24
    epochs: Annotated[int, Field(ge=1)] = 8

    def share(self, n_domains: int) -> int:
        """Masks of each domain in a batch: floor(batch / K), at least 2; all of it where nothing is shared."""
        return max(2, self.batch if self.autoencoder.scheme == "individual" else self.batch // n_domains)


OF_ONE_JOINT = PriorSpec(
    autoencoder=AutoencoderSpec(kind="single", scheme="individual"), learning_rate=1e-2, batch=32, epochs=10
)
"""C, section 3.2; D, section 3.3."""


def prior_for(
    objective: ObjectiveSpec, scheme: Scheme, *, figures: PriorSpec | None = None, strategy: Strategy = "multi"
) -> PriorSpec | None:
    """What an objective needs trained before it, None where it needs nothing.

    Args:
        objective: of the network.
        scheme: of the network.
        figures: of a preset, whose kind and scheme of auto-encoder give way to the objective's; else the papers'.
        strategy: of the bones.
    """
    wanted = autoencoder_for(objective, scheme, strategy=strategy)
    if wanted is None:
        return None
    base = figures or (PriorSpec() if "mjap" in objective.weights else OF_ONE_JOINT)
    fitting = base.autoencoder.model_copy(update=wanted.model_dump(include={"kind", "scheme", "strategy"}))
    return base.model_copy(update={"autoencoder": fitting})
