"""The elementary block: convolution without bias, batch norm, activation."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Callable[[], nn.Module]


def relu() -> nn.ReLU:
    """For after a norm: its backward needs its input only, so its output may be overwritten."""
    return nn.ReLU(inplace=True)


def conv_block(in_channels: int, out_channels: int, *, activation: Activation = relu, groups: int = 1) -> nn.Sequential:
    """3x3 convolution -> batch norm -> activation; (B, in, H, W) -> (B, out, H, W).

    The convolution has no bias: the shift of the norm takes its place (B, section 2.1.2).
    """
    return _normalised(nn.Conv2d(in_channels, out_channels, 3, padding=1, groups=groups, bias=False), activation)


def double_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two blocks, the convolutions of one U-Net level."""
    return nn.Sequential(conv_block(in_channels, out_channels), conv_block(out_channels, out_channels))


def upsample_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Nearest x2, then a block; (B, in, H, W) -> (B, out, 2H, 2W)."""
    return _normalised(UpsampleConv(in_channels, out_channels), relu)


class UpsampleConv(nn.Conv2d):
    """Nearest x2, then a 3x3 convolution without bias, computed as one transposed convolution.

    Upsampled pixels come in equal 2x2 blocks, so a 3x3 window holds four different values. Adding up the weights
    that fall on each gives a 4x4 kernel of stride 2: the same sums from 4/9 of the products, and no upsampled map
    in memory (half the time on a CPU).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, bias=False)
        self.spread: Tensor  # not in the class body: TorchScript cannot read an annotation there
        line = torch.tensor([[0.0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]])  # weight r falls on kernel places u
        self.register_buffer("spread", torch.kron(line, line), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, 2H, 2W)."""
        kernel = torch.matmul(self.weight.flatten(2), self.spread)  # (out, in, 16)
        kernel = kernel.reshape(self.out_channels, self.in_channels, 4, 4).transpose(0, 1)
        return F.conv_transpose2d(x, kernel, stride=2, padding=1)


def _normalised(convolution: nn.Conv2d, activation: Activation) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), activation())
