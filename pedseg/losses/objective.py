"""The loss of a plan, composed of its terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import torch
from torch import Tensor

from pedseg.errors import UsageError
from pedseg.losses.adversarial import Discriminator, conditioned, discrimination, plausibility, weights_fixed
from pedseg.losses.contrastive import multi_scale_contrastive, single_scale_contrastive
from pedseg.losses.cross_entropy import binary_cross_entropy, cross_entropy
from pedseg.losses.overlap import soft_dice
from pedseg.losses.shape_prior import MaskEncoder, shape_prior
from pedseg.losses.targets import probabilities_of, targets_of
from pedseg.plan import Coding, ObjectiveSpec, plain_coding


class Output(Protocol):
    """What the objective reads of a network's output."""

    @property
    def logits(self) -> tuple[Tensor, ...]:
        """One a domain, (B_k, |C_k|, H, W)."""

    def embeddings(self, pooling: Literal["average", "max"]) -> tuple[Tensor, ...]:
        """(B, d_s) of every scale."""

    def bottleneck_embedding(self, pooling: Literal["average", "max"]) -> Tensor:
        """(B, d) of the coarsest scale."""


@dataclass(frozen=True)
class Objective:
    """L_CE and the weighted terms a plan adds to it (A; B eq. 8; C; D eq. 16), and soft Dice where it asks.

    Of an auto-encoder's output it is L_AE (B eq. 6), with `AutoencoderSpec.objective`.

    Args:
        spec: which terms, with their weights.
        n_domains: K; contrastive terms need two at least.
        encoder: F, frozen; of objectives with `mjap`, `shape` or `spar`.
        discriminator: D, trained in turn by `discriminator_loss`; of objectives with `adv` or `spar`.
        coding: what the channels of the output stand for; None is a channel a label.

    Raises:
        UsageError: PS-A120 a contrastive term for one domain, or a part that a term needs is missing.
    """

    spec: ObjectiveSpec
    n_domains: int
    encoder: MaskEncoder | None = None
    discriminator: Discriminator | None = None
    coding: Coding | None = None

    def __post_init__(self) -> None:
        objective = f"objective {self.spec.name}"
        if self.spec.contrasts and self.n_domains == 1:
            raise UsageError("PS-A120", f"{objective} contrasts domains, got one: use objective ce")
        if self.spec.needs_autoencoder and self.encoder is None:
            raise UsageError("PS-A120", f"{objective} needs a trained auto-encoder, got none: hand in its encoder")
        if self.spec.needs_discriminator and self.discriminator is None:
            raise UsageError("PS-A120", f"{objective} needs a discriminator, got none: hand one in")

    def __call__(
        self, output: Output, labels: Tensor, sizes: Sequence[int], *, images: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of one batch.

        Args:
            output: of the network.
            labels: (B, H, W) integer, ordered by domain; or finer, twice as many along both sides.
            sizes: images of each domain, summing to B.
            images: (B, 1, H, W), which `adv` shows its discriminator.

        Returns:
            The total to minimise, and its terms by name before weighing (`ce`, `soft_dice`, then those of the name).
        """
        sigmoid = self._coding(output).activation == "sigmoid"
        targets = self._targets(output, labels, sizes)
        terms = {"ce": (binary_cross_entropy if sigmoid else cross_entropy)(output.logits, targets)}
        total = terms["ce"]
        if self.spec.dice_weight:
            terms["soft_dice"] = soft_dice(output.logits, targets, sigmoid=sigmoid)
            total = total + self.spec.dice_weight * terms["soft_dice"]
        added = self._contrastive(output, sizes) | self._of_masks(output, targets, images)
        for name, weight in self.spec.weights.items():
            terms[name] = added[name]
            total = total + weight * added[name]
        return total, terms

    def discriminator_loss(
        self, output: Output, labels: Tensor, sizes: Sequence[int], *, images: Tensor | None = None
    ) -> Tensor:
        """Loss of the discriminator on the same batch, as `__call__` takes it; no gradient reaches the network."""
        if self.discriminator is None:
            raise ValueError(f"objective {self.spec.name} has no discriminator to train: use adv, shape+adv or spar")
        real = self._targets(output, labels, sizes)
        fake = [p.detach() for p in probabilities_of(output.logits, self._coding(output))]
        return discrimination(self._scores(real, images), self._scores(fake, images))

    def _contrastive(self, output: Output, sizes: Sequence[int]) -> dict[str, Tensor]:
        tau, pooling = self.spec.temperature, self.spec.pooling
        domains = _domain_of_each(sizes, output.logits[0].device)
        if "ssc" in self.spec.weights:
            return {"ssc": single_scale_contrastive(output.bottleneck_embedding(pooling), domains, temperature=tau)}
        if "msc" in self.spec.weights:
            return {"msc": multi_scale_contrastive(output.embeddings(pooling), domains, temperature=tau)}
        return {}

    def _of_masks(self, output: Output, targets: Sequence[Tensor], images: Tensor | None) -> dict[str, Tensor]:
        """Terms that look at probabilities: at most one that measures them and one that judges them."""
        names = self.spec.weights.keys() - {"ssc", "msc"}
        predicted = probabilities_of(output.logits, self._coding(output)) if names else []
        values: dict[str, Tensor] = {}
        for name in names & {"mjap", "shape"}:
            values[name] = shape_prior(predicted, targets, self._encode, reduction=self.spec.prior_reduction)
        for name in names & {"adv", "spar"}:
            with weights_fixed(self._judge):
                values[name] = plausibility(self._scores(predicted, images))
        return values

    def _scores(self, masks: Sequence[Tensor], images: Tensor | None) -> tuple[Tensor, ...]:
        """What D says of the codes of masks (C), or of masks with their images (D)."""
        if "spar" in self.spec.weights:
            return self._judge(self._encode(masks))
        if images is None:
            raise ValueError(f"objective {self.spec.name} shows images to its discriminator, got none: pass them on")
        return self._judge(conditioned(masks, images))

    def _targets(self, output: Output, labels: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        height, width = output.logits[0].shape[2:]
        return targets_of(labels, sizes, self._coding(output), size=(height, width))

    def _coding(self, output: Output) -> Coding:
        return self.coding or plain_coding([logits.shape[1] for logits in output.logits])

    @property
    def _encode(self) -> MaskEncoder:
        return cast("MaskEncoder", self.encoder)  # there since birth

    @property
    def _judge(self) -> Discriminator:
        return cast("Discriminator", self.discriminator)  # there since birth


def _domain_of_each(sizes: Sequence[int], device: torch.device) -> Tensor:
    counts = torch.tensor(sizes, device=device)
    return torch.arange(len(sizes), device=device).repeat_interleave(counts)
