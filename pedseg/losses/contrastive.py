"""Supervised contrastive regularisation with the domain as the class (A eq. 3, B eq. 5)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def single_scale_contrastive(embeddings: Tensor, domains: Tensor, *, temperature: float) -> Tensor:
    """L_SSC: pull images of one domain together, push domains apart (A eq. 3).

    Positives of an image are the others of its domain, the denominator holds all others. An image without a
    positive is left out; where none has one, the loss is 0.

    Args:
        embeddings: (n, d) of unit length.
        domains: (n,) index of each image's domain.
        temperature: tau.

    Returns:
        A scalar, computed in float32 (float64 stays).
    """
    z = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
    with torch.autocast(z.device.type, enabled=False):  # a product in bfloat16 would lose the small differences
        similarity = z @ z.T / temperature
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    positive = (domains[:, None] == domains[None, :]) & ~itself
    log_share = similarity.masked_fill(itself, -torch.inf).log_softmax(dim=1)
    n_positive = positive.sum(dim=1)
    per_anchor = log_share.masked_fill(~positive, 0.0).sum(dim=1) / n_positive.clamp(min=1)
    return -per_anchor.sum() / (n_positive > 0).sum().clamp(min=1)


def multi_scale_contrastive(embeddings: Sequence[Tensor], domains: Tensor, *, temperature: float) -> Tensor:
    """L_MSC: the mean of the single-scale loss over scales (B eq. 5).

    Args:
        embeddings: one (n, d_s) a scale.
        domains: (n,) index of each image's domain.
        temperature: tau, the same for all scales.
    """
    losses = [single_scale_contrastive(z, domains, temperature=temperature) for z in embeddings]
    return torch.stack(losses).mean()
