"""Labels -> what the channels of an output should be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pedseg.losses.coverage import coverage
from pedseg.plan import Coding


def targets_of(labels: Tensor, sizes: Sequence[int], coding: Coding, *, size: tuple[int, int]) -> list[Tensor]:
    """The y of every domain: shares of each pixel, placed in the channels that stand for its labels.

    Args:
        labels: (B, f H, f W) integer, ordered by domain, 0..n of each slice's own domain; f = 1, 2, ...
        sizes: images of each domain, summing to B.
        coding: of the output.
        size: (H, W) of the pixels.

    Returns:
        One (B_k, channels, H, W) float32 a domain; of a softmax they sum to one over the channels.
    """
    parts = zip(torch.split(labels, list(sizes)), coding.places, coding.widths, strict=True)
    return [_placed(coverage(part, len(places), size), places, width) for part, places, width in parts]


def probabilities_of(logits: Sequence[Tensor], coding: Coding) -> list[Tensor]:
    """The p of every domain, in float32 (float64 stays)."""
    wide = [x if x.dtype == torch.float64 else x.float() for x in logits]
    return [x.sigmoid() if coding.activation == "sigmoid" else x.softmax(1) for x in wide]


def _placed(shares: Tensor, places: Sequence[int | None], width: int) -> Tensor:
    """(B, labels, H, W) -> (B, width, H, W)."""
    if tuple(places) == tuple(range(width)):
        return shares
    placed = shares.new_zeros((len(shares), width, *shares.shape[2:]))
    for label, channel in enumerate(places):
        if channel is not None:
            placed[:, channel] += shares[:, label]
    return placed
