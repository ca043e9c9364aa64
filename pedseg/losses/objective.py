"""The loss of a plan, composed of its terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from pedseg.errors import UsageError
from pedseg.losses.contrastive import multi_scale_contrastive, single_scale_contrastive
from pedseg.losses.coverage import coverage
from pedseg.losses.cross_entropy import cross_entropy
from pedseg.losses.overlap import soft_dice
from pedseg.plan import ObjectiveSpec


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
    """L = L_CE + lambda L_SSC (A) or L_CE + lambda L_MSC (B eq. 8), and a share of soft Dice where the plan asks.

    Args:
        spec: which terms, with their weights.
        n_domains: K; contrastive terms need two at least.

    Raises:
        UsageError: PS-A120 a contrastive term for one domain.
    """

    spec: ObjectiveSpec
    n_domains: int

    def __post_init__(self) -> None:
        if self.spec.name != "ce" and self.n_domains == 1:
            raise UsageError("PS-A120", f"objective {self.spec.name} contrasts domains, got one: use objective ce")

    def __call__(self, output: Output, labels: Tensor, sizes: Sequence[int]) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of one batch.

        Args:
            output: of the network.
            labels: (B, H, W) integer, ordered by domain; or finer, twice as many along both sides.
            sizes: images of each domain, summing to B.

        Returns:
            The total to minimise, and its terms by name before weighing (`ce`, `soft_dice`, `ssc` or `msc`).
        """
        targets = _targets(output.logits, labels, sizes)
        terms = {"ce": cross_entropy(output.logits, targets)}
        total = terms["ce"]
        if self.spec.dice_weight:
            terms["soft_dice"] = soft_dice(output.logits, targets)
            total = total + self.spec.dice_weight * terms["soft_dice"]
        if self.spec.name != "ce":
            terms[self.spec.name] = contrastive = self._contrastive(output, _domain_of_each(sizes, labels.device))
            total = total + self.spec.contrastive_weight * contrastive
        return total, terms

    def _contrastive(self, output: Output, domains: Tensor) -> Tensor:
        tau = self.spec.temperature
        if self.spec.name == "ssc":
            return single_scale_contrastive(output.bottleneck_embedding(self.spec.pooling), domains, temperature=tau)
        return multi_scale_contrastive(output.embeddings(self.spec.pooling), domains, temperature=tau)


def _targets(logits: Sequence[Tensor], labels: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    parts = torch.split(labels, list(sizes))
    return [coverage(y, x.shape[1], (x.shape[2], x.shape[3])) for x, y in zip(logits, parts, strict=True)]


def _domain_of_each(sizes: Sequence[int], device: torch.device) -> Tensor:
    counts = torch.tensor(sizes, device=device)
    return torch.arange(len(sizes), device=device).repeat_interleave(counts)
