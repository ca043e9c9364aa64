"""Encoders: image -> feature maps at falling resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from pedseg.networks.blocks import double_conv


class ConvEncoder(nn.Module):
    """Convolutions at every level, max pooling between levels (U-Net).

    Args:
        in_channels: channels of the image.
        channels: channels of each level, first (stride 1) to last (the bottleneck).
        level: (channels in, channels out) -> the convolutions of a level; U-Net's are two.
    """

    def __init__(
        self, in_channels: int, channels: Sequence[int], *, level: Callable[[int, int], nn.Module] = double_conv
    ) -> None:
        super().__init__()
        inputs = (in_channels, *channels[:-1])
        self.levels = nn.ModuleList(level(i, o) for i, o in zip(inputs, channels, strict=True))
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of every level, strides 1, 2, 4, ...; the last is the bottleneck."""
        features: list[Tensor] = []
        for i, level in enumerate(self.levels):
            x = level(x if i == 0 else self.pool(x))
            features.append(x)
        return features
