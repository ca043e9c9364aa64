"""Embeddings: feature maps -> points on the unit sphere (B, section 2.2)."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Pooling = Literal["average", "max"]


def embed(features: Tensor, pooling: Pooling) -> Tensor:
    """Pool over space and normalise to length 1.

    Args:
        features: (B, d, H, W), any floating type.
        pooling: `average` (B) or `max` (A).

    Returns:
        (B, d) float32.
    """
    if pooling == "max":
        return F.normalize(features.amax((2, 3)).float(), dim=1)
    return F.normalize(_AveragePool.apply(features), dim=1)  # type: ignore[no-untyped-call]


class _AveragePool(torch.autograd.Function):
    """Mean over space in float32, image by image: no float32 copy of the whole map.

    Its gradient is spread by strides and not written out: torch's own comes contiguous, which turns the gradients
    of a whole channels_last network to the slow layout (a third of a training step with nine scales on a CPU).
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.shape, ctx.dtype = features.shape, features.dtype
        return torch.stack([image.mean((1, 2), dtype=torch.float32) for image in features])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        height, width = ctx.shape[2:]
        each: Tensor = (gradient / (height * width)).to(ctx.dtype)
        return each[:, :, None, None].expand(ctx.shape)
