"""Embeddings: feature maps -> points on the unit sphere (B, section 2.2)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Pooling = Literal["average", "max"]


def embed(features: Tensor, pooling: Pooling) -> Tensor:
    """Pool over space and normalise to length 1.

    Args:
        features: (B, d, H, W), any floating type.
        pooling: `average` (B) or `max` (A).

    Returns:
        (B, d) float32.
    """
    # the mean is summed in float32 without a float32 copy of the map
    pooled = features.mean((2, 3), dtype=torch.float32) if pooling == "average" else features.amax((2, 3)).float()
    return F.normalize(pooled, dim=1)
