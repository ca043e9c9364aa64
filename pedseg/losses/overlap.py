"""Soft Dice over several domains."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def soft_dice(logits: Sequence[Tensor], targets: Sequence[Tensor], *, sigmoid: bool = False) -> Tensor:
    """Mean over domains of 1 - Dice of the probabilities, a structure over all images of the domain's batch.

    Not of the papers: as in nnU-Net (Isensee 2021), beside the cross-entropy. Every structure counts alike, however
    few its pixels, where the cross-entropy of a thin bone is soon lost among its background. Structures that no
    image of the batch shows are left out: their Dice says nothing, and its gradient would grow without bound as the
    network learns to leave them out.

    Args:
        logits: one a domain, (B_k, |C_k|, H, W), any floating type.
        targets: one a domain, (B_k, |C_k|, H, W) shares of each label; the first is background and not scored.
        sigmoid: every channel is a structure with a sigmoid of its own; no channel is background.

    Returns:
        A scalar in 0..1, computed in float32 (float64 stays); 0 where no structure is shown.
    """
    scores = [_of_domain(x, y, sigmoid) for x, y in zip(logits, targets, strict=True) if len(x)]
    shown = [score.mean() for score in scores if len(score)]
    return torch.stack(shown).mean() if shown else torch.zeros((), device=logits[0].device)


def _of_domain(logits: Tensor, targets: Tensor, sigmoid: bool) -> Tensor:
    """1 - Dice of each structure shown."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    p, y = (wide.sigmoid(), targets) if sigmoid else (wide.softmax(1)[:, 1:], targets[:, 1:])
    size = y.sum((0, 2, 3))
    dice = 2 * (p * y).sum((0, 2, 3)) / (p.sum((0, 2, 3)) + size)
    return (1 - dice)[size > 0]
