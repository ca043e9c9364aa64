"""The elementary block: convolution without bias, batch norm, activation."""

from __future__ import annotations

from torch import nn


def conv_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """3x3 convolution -> batch norm -> ReLU; (B, in, H, W) -> (B, out, H, W).

    The convolution has no bias: the shift of the norm takes its place (B, section 2.1.2).
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),  # the norm's backward needs its input only, so its output may be overwritten
    )


def double_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two blocks, the convolutions of one U-Net level."""
    return nn.Sequential(conv_block(in_channels, out_channels), conv_block(out_channels, out_channels))


def upsample_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Nearest x2, then a block; (B, in, H, W) -> (B, out, 2H, 2W)."""
    return nn.Sequential(nn.Upsample(scale_factor=2.0, mode="nearest"), conv_block(in_channels, out_channels))
