"""The blocks of DenseNet: layers that add to what they were given (Huang et al. 2017)."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pedseg.networks.layout import concatenate

GROWTH = 32
"""Channels each layer of a dense block adds."""
INNER = 4 * GROWTH
"""Channels its 3x3 convolution works on."""


def dense_block(in_channels: int, n: int) -> nn.Sequential:
    """A row of `n` dense layers; (B, C, H, W) -> (B, C + 32 n, H, W)."""
    return nn.Sequential(OrderedDict((f"denselayer{i + 1}", DenseLayer(in_channels + GROWTH * i)) for i in range(n)))


class DenseLayer(nn.Module):
    """norm-ReLU-1x1-norm-ReLU-3x3, whose output joins its input.

    Args:
        in_channels: of the input; the output has `GROWTH` more.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, INNER, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(INNER)
        self.conv2 = nn.Conv2d(INNER, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C + 32, H, W), the input first."""
        new = self.conv1(F.relu(self.norm1(x), inplace=True))
        new = self.conv2(F.relu(self.norm2(new), inplace=True))
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return torch.cat([x, new], dim=1)
        return concatenate(x, new)


class Transition(nn.Module):
    """Between two dense blocks: norm-ReLU, then half the channels and half the resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> the same normalised, for the skip connection, and (B, C / 2, H / 2, W / 2)."""
        x = F.relu(self.norm(x), inplace=True)
        return x, F.avg_pool2d(self.conv(x), 2)
