"""ResNet50 encoder up to its 1024-channel stage (He et al. 2016), the encoder of Res-UNet (D, section 2.1)."""

from __future__ import annotations

from torch import Tensor, nn

EXPANSION = 4
"""Channels of a bottleneck are this many times the channels its 3x3 convolution works in."""


class ResNet50Encoder(nn.Module):
    """Stem and three stages of 3, 4 and 6 bottlenecks; names and shapes are those of `resnet50-0676ba61.pth`."""

    unused_keys = ("layer4.", "fc.")
    """How the keys begin which the public file has beyond these stages."""
    channels = (64, 256, 512, 1024)
    """Of the features, finest first."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = bottlenecks(64, 256, 3)
        self.layer2 = bottlenecks(256, 512, 4, stride=2)
        self.layer3 = bottlenecks(512, 1024, 6, stride=2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of strides 2, 4, 8 and 16.

        Args:
            x: (B, 1, H, W), repeated to the three channels of the public weights (D, section 2.1), or (B, 3, H, W).
        """
        stem = self.relu(self.bn1(self.conv1(x.expand(-1, 3, -1, -1))))  # (B, 64, H/2, W/2)
        first = self.layer1(self.maxpool(stem))
        second = self.layer2(first)
        return [stem, first, second, self.layer3(second)]


class Bottleneck(nn.Module):
    """x + 1x1(3x3(1x1(x))), each convolution with its norm; the stride is the 3x3 convolution's, as in the public file.

    Args:
        in_channels: of x.
        out_channels: of the sum.
        stride: 1 or 2.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        inner = max(1, out_channels // EXPANSION)
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride)."""
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        return self.relu(residual + self.downsample(x))  # type: ignore[no-any-return]


def bottlenecks(in_channels: int, out_channels: int, n: int, *, stride: int = 1) -> nn.Sequential:
    """A row of `n` bottlenecks, the first of which changes channels and stride."""
    rest = (Bottleneck(out_channels, out_channels) for _ in range(n - 1))
    return nn.Sequential(Bottleneck(in_channels, out_channels, stride), *rest)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
    )
