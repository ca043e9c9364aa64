"""Dense gradients: what keeps a channels_last network on the fast paths of a CPU.

Torch's kernels take a slice of another tensor's channels, a value broadcast over channels and a map of few
channels at a tenth of their speed, silently. These say the same in dense tensors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

FEW_CHANNELS = 16
"""Below, a channels_last batch norm runs unvectorised."""


def concatenate(*maps: Tensor) -> Tensor:
    """(B, C, H, W), (B, D, H, W), ... -> (B, C + D + ..., H, W); each gets its gradient as a tensor of its own."""
    if not torch.is_grad_enabled() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return torch.cat(maps, dim=1)
    return _Concatenate.apply(*maps)  # type: ignore[no-any-return, no-untyped-call]


def weigh(features: Tensor, weights: Tensor) -> Tensor:
    """(B, C, H, W) times (B, 1, H, W), the weights written out for every channel first."""
    written = weights.expand_as(features).contiguous(memory_format=_layout(features))
    return features * written


def planar_if_few(x: Tensor) -> Tensor:
    """A map of few channels in the contiguous layout, any other as it is."""
    return x.contiguous() if x.shape[1] < FEW_CHANNELS else x


class _Concatenate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *maps: Tensor) -> Tensor:
        ctx.channels = [x.shape[1] for x in maps]
        return torch.cat(maps, dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        layout = _layout(gradient)
        return tuple(part.contiguous(memory_format=layout) for part in torch.split(gradient, ctx.channels, dim=1))


def _layout(x: Tensor) -> torch.memory_format:
    dense = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if dense else torch.contiguous_format
