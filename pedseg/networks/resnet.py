"""ResNet50 up to its 1024 channels as an encoder (He et al. 2016), and the U-Net around it, which D proposes."""

from __future__ import annotations

from torch import Tensor, nn

from pedseg.networks.template import three_channels
from pedseg.networks.transposed import FullSize, transposed_decoder
from pedseg.networks.unet import UNet
from pedseg.plan import NetworkSpec

EXPANSION = 4
"""Channels of a bottleneck are this many times those its 3x3 convolution works on."""
DECODER_BLOCKS = 4


def res_unet(spec: NetworkSpec, n_classes: int) -> UNet:
    """Res-UNet (D, figure 3): four bottlenecks a decoder stage, then one more step up to the image's size."""

    def convolutions(_: int, both: int, out: int) -> nn.Module:
        return bottlenecks(both, out, DECODER_BLOCKS)

    encoder, last = ResNet50(), spec.channels[-1]
    decoder = FullSize(transposed_decoder(encoder.channels, spec.channels, convolutions), last)
    return UNet(encoder, decoder, nn.Conv2d(last // 2, n_classes, 1))


class ResNet50(nn.Module):
    """Stem and three stages of 3, 4 and 6 bottlenecks; 8.54 M parameters.

    Names and shapes are those of torchvision and of its public file resnet50-0676ba61.pth.
    """

    channels = (64, 256, 512, 1024)
    """Of the maps at strides 2, 4, 8 and 16."""
    unused_keys = ("layer4.", "fc.")
    """How keys of the public file begin that have no place here."""

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
        """(B, 1, H, W) or (B, 3, H, W) -> maps at strides 2 to 16, finest first."""
        stem = self.relu(self.bn1(self.conv1(three_channels(x))))  # (B, 64, H/2, W/2)
        first = self.layer1(self.maxpool(stem))
        second = self.layer2(first)
        return [stem, first, second, self.layer3(second)]


class Bottleneck(nn.Module):
    """x + 1x1(3x3(1x1(x))), a norm after each convolution; the stride is the 3x3 convolution's, as in torchvision.

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
    convolution = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels))
