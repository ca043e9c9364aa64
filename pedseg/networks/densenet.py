"""DenseNet121 encoder (Huang et al. 2017), the encoder of Dense-UNet (B, section 3.2.2; D, section 3.2.2)."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pedseg.networks.layout import concatenate

GROWTH = 32
"""Channels each layer of a dense block adds."""
BOTTLENECK = 4 * GROWTH
"""Channels its 3x3 convolution works on."""
OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""The public file was written when layers were called `norm.1`; they are `norm1` since."""


class DenseNet121Encoder(nn.Module):
    """Stem and dense blocks of 6, 12, 24 and 16 layers; names and shapes are those of `densenet121-a639ec97.pth`."""

    unused_keys = ("classifier.",)
    """How the keys begin which the public file has beyond the features."""
    channels = (64, 256, 512, 1024, 1024)
    """Of the features, finest first."""

    def __init__(self) -> None:
        super().__init__()
        self.features = DenseFeatures()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of strides 2, 4, 8, 16 and 32, each after a norm and ReLU.

        Args:
            x: (B, 1, H, W), repeated to the three channels of the public weights, or (B, 3, H, W).
        """
        return self.features(x.expand(-1, 3, -1, -1))  # type: ignore[no-any-return]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        for key in [k for k in state_dict if k.startswith(prefix)]:
            state_dict[OLD_NAME.sub(r"\1\2", key)] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *others)


class DenseFeatures(nn.Module):
    """The network without its classifier; see `DenseNet121Encoder`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.norm0 = nn.BatchNorm2d(64)
        self.pool0 = nn.MaxPool2d(3, stride=2, padding=1)
        self.denseblock1 = dense_block(64, 6)
        self.transition1 = Transition(256)
        self.denseblock2 = dense_block(128, 12)
        self.transition2 = Transition(512)
        self.denseblock3 = dense_block(256, 24)
        self.transition3 = Transition(1024)
        self.denseblock4 = dense_block(512, 16)
        self.norm5 = nn.BatchNorm2d(1024)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> features, finest first."""
        stem = F.relu(self.norm0(self.conv0(x)), inplace=True)  # (B, 64, H/2, W/2)
        first, x = self.transition1(self.denseblock1(self.pool0(stem)))
        second, x = self.transition2(self.denseblock2(x))
        third, x = self.transition3(self.denseblock3(x))
        return [stem, first, second, third, F.relu(self.norm5(self.denseblock4(x)), inplace=True)]


class DenseLayer(nn.Module):
    """norm-ReLU-1x1-norm-ReLU-3x3, whose output joins its input.

    Args:
        in_channels: of the input; the output has `GROWTH` more.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, BOTTLENECK, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK)
        self.conv2 = nn.Conv2d(BOTTLENECK, GROWTH, 3, padding=1, bias=False)

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


def dense_block(in_channels: int, n: int) -> nn.Sequential:
    """A row of `n` dense layers; (B, C, H, W) -> (B, C + 32 n, H, W)."""
    return nn.Sequential(OrderedDict((f"denselayer{i + 1}", DenseLayer(in_channels + GROWTH * i)) for i in range(n)))
