"""The objective: which terms the loss has, and where each can be had (METHODS, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from pedseg.names import ObjectiveName
from pedseg.plan.values import Frozen, Positive, Weight


class ObjectiveSpec(Frozen):
    """The loss (METHODS, section 5).

    Args:
        name: `ce`, or the terms beside it: `ssc` the single-scale (A) and `msc` the multi-scale contrastive one (B);
            `mjap` multi-joint anatomical priors (B), `shape` the same of a joint's own auto-encoder (D); `adv` a
            discriminator of masks (D), `spar` one of shape codes (C).
        contrastive_weight: lambda of `ssc` or `msc`.
        temperature: tau.
        pooling: global pooling of embeddings, `average` (B) or `max` (A).
        prior_weight: lambda of `mjap` or `shape`.
        prior_reduction: squared distances of shape codes as their `mean`, or their `sum` (as the papers write it).
        adversarial_weight: lambda of `adv` or `spar`.
        dice_weight: of a soft Dice term beside the cross-entropy; 0 leaves it out (the papers).
    """

    name: ObjectiveName = "msc"
    contrastive_weight: Weight = 0.5
    temperature: Positive = 0.1
    pooling: Literal["average", "max"] = "average"
    prior_weight: Weight = 0.1
    prior_reduction: Literal["mean", "sum"] = "mean"
    adversarial_weight: Weight = 0.01
    dice_weight: Weight = 0.0

    @property
    def weights(self) -> dict[str, float]:
        """Terms beside the cross-entropy -> lambda, in the order of the name; none for `ce`."""
        kinds = {"contrastive": self.contrastive_weight, "prior": self.prior_weight, "judge": self.adversarial_weight}
        return {term: kinds[_KINDS[term]] for term in self.name.split("+") if term != "ce"}

    @property
    def contrasts(self) -> bool:
        """Whether it has a contrastive term."""
        return self._has("contrastive")

    @property
    def needs_autoencoder(self) -> bool:
        """Whether a trained auto-encoder must be at hand: for the distance of shape codes, or to judge them."""
        return self._has("prior") or "spar" in self.weights

    @property
    def needs_discriminator(self) -> bool:
        """Whether a discriminator is trained beside the network."""
        return self._has("judge")

    def _has(self, kind: str) -> bool:
        return any(_KINDS[term] == kind for term in self.weights)


@dataclass(frozen=True)
class Misfit:
    """Why an objective cannot be had, and the nearest that can."""

    reason: str
    nearest: ObjectiveName

    def __str__(self) -> str:
        return f"{self.reason}: use {self.nearest}"


def misfit(name: ObjectiveName, scheme: str, n_domains: int, *, strategy: str = "multi") -> Misfit | None:
    """What stands against an objective; None where nothing does.

    Args:
        name: of the objective.
        scheme: of the network: `individual`, `transfer`, `dsl` or `shared`.
        n_domains: K; one domain alone is as `individual`.
        strategy: of the bones: `multi`, `individual` or `global`.
    """
    alone = n_domains == 1 or scheme in ("individual", "transfer")
    barred = _ALONE if alone else _SHARED if scheme == "shared" else {}
    barred = barred if strategy == "multi" else {**barred, **_OF_BONES}
    terms = name.split("+")
    reasons = [barred[term][0] for term in terms if term in barred]
    if not reasons:
        return None
    left = [barred[term][1] if term in barred else term for term in terms]
    return Misfit(f"objective {name} {reasons[0]}", cast("ObjectiveName", "+".join(filter(None, left)) or "ce"))


_KINDS = {
    "ssc": "contrastive",
    "msc": "contrastive",
    "mjap": "prior",
    "shape": "prior",
    "adv": "judge",
    "spar": "judge",
}

_SHARE = "contrasts domains that share a network"
_ALONE = {
    "ssc": (_SHARE, ""),
    "msc": (_SHARE, ""),
    "mjap": ("learns one prior of several joints that share a network", "shape"),
}
"""Terms that need several domains in one network: why, and what takes their place."""

_UNTOLD = "contrasts domains, which the scheme shared does not tell apart"
_ONE_JOINT = "judges masks of one joint, and those of the scheme shared hold all joints"
_SHARED = {
    "ssc": (_UNTOLD, ""),
    "msc": (_UNTOLD, ""),
    "shape": (_ONE_JOINT, "mjap"),
    "adv": (_ONE_JOINT, ""),
    "spar": (_ONE_JOINT, "mjap"),
}
"""Terms that need the domains told apart (B section 3.2.1)."""

_OF_BONES = {"spar": ("judges codes of masks of several bones", "shape")}
"""Terms that need the bones of a joint in one softmax (C)."""
