"""Adversarial terms: the network against a discriminator, and the discriminator against it (C; D eqs 10-13).

A discriminator gives scores, logits of the likelihood D, so that no logarithm meets a likelihood rounded to 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Discriminator(Protocol):
    """D (`pedseg.networks.DomainDiscriminators`)."""

    def __call__(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Scores of every domain, (B_k, 1, h, w); empty for a domain without images."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """What it learns."""


def plausibility(scores: Sequence[Tensor]) -> Tensor:
    """-log D of predictions: l_adv (D eq. 13), or l_SPAR where D judges shape codes (C, section 2.3).

    Args:
        scores: of predictions, one (B_k, 1, h, w) a domain.

    Returns:
        Mean over images and places, then over domains with images; in float32 (float64 stays).
    """
    return _mean_over_domains(scores, _minus_log)


def discrimination(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """-log D(y) - log(1 - D(p)), what a discriminator minimises (D eqs 11-12; C, section 2.3).

    Args:
        real: scores of references, one (B_k, 1, h, w) a domain.
        fake: scores of predictions through which no gradient flows.

    Returns:
        Mean over images and places, then over domains with images; in float32 (float64 stays).
    """
    return _mean_over_domains(real, _minus_log) + _mean_over_domains(fake, _minus_log_rest)


def conditioned(masks: Sequence[Tensor], images: Tensor) -> list[Tensor]:
    """Masks behind the images they are of, (B_k, 1 + |C_k|, H, W) a domain: what a conditional discriminator sees.

    Args:
        masks: one (B_k, |C_k|, H, W) a domain.
        images: (B, 1, H, W), ordered by domain.
    """
    parts = torch.split(images, [len(mask) for mask in masks])
    return [torch.cat([x.to(y), y], dim=1) for x, y in zip(parts, masks, strict=True)]


@contextmanager
def weights_fixed(discriminator: Discriminator) -> Iterator[None]:
    """Let gradients pass a discriminator and leave none in it (theta_D fixed; D eq. 13)."""
    learning = [p for p in discriminator.parameters() if p.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def _mean_over_domains(scores: Sequence[Tensor], penalty: Callable[[Tensor], Tensor]) -> Tensor:
    wide = [s if s.dtype == torch.float64 else s.float() for s in scores if len(s)]
    return torch.stack([penalty(s).mean() for s in wide]).mean()


def _minus_log(scores: Tensor) -> Tensor:
    """-log sigmoid."""
    return F.softplus(-scores)


def _minus_log_rest(scores: Tensor) -> Tensor:
    """-log(1 - sigmoid)."""
    return F.softplus(scores)
