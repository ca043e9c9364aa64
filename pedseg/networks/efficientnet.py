"""EfficientNet-B3 as an encoder (Tan and Le 2019), and the U-Net around it, the network that B proposes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from pedseg.networks.mbconv import MBConv, SameConv2d
from pedseg.networks.template import set_eps, template_unet, three_channels
from pedseg.networks.unet import UNet
from pedseg.plan import NetworkSpec

STEM = 40
STAGES = (
    (2, 24, 3, 1, 1),
    (3, 32, 3, 2, 6),
    (3, 48, 5, 2, 6),
    (5, 96, 3, 2, 6),
    (5, 136, 5, 1, 6),
    (6, 232, 5, 2, 6),
    (2, 384, 3, 1, 6),
)
"""Blocks, channels, kernel, stride of the first block, expansion: the stages of B0, 1.2 as wide and 1.4 as deep."""

EPS = 1e-3
DECODER_KERNELS = (5, 5, 3, 3)
DECODER_BLOCKS = 2


def efficient_unet(spec: NetworkSpec, n_classes: int) -> UNet:
    """Efficient-UNet (B, figure 3): two MBConv6 a decoder stage, SiLU throughout."""

    def blocks(number: int, channels: int) -> nn.Module:
        kernel = DECODER_KERNELS[number]
        return nn.Sequential(*(MBConv(channels, channels, kernel) for _ in range(DECODER_BLOCKS)))

    encoder = EfficientNetB3()
    network = template_unet(
        encoder, encoder.channels, spec.channels, n_classes=n_classes, activation=nn.SiLU, blocks=blocks
    )
    _set_stochastic_depth(network, spec.stochastic_depth)
    return network


class EfficientNetB3(nn.Module):
    """Stem and blocks up to the 384 channels of the last stage; 10.1 M parameters.

    Names, shapes and values are those of lukemelas' public file as MONAI computes it. The momentum of its norms is
    torch's, not the file's 0.01: a training of a few hundred steps has to forget the statistics of photographs.
    """

    channels = (24, 32, 48, 136, 384)
    """Of the maps at strides 2, 4, 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, STEM, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(STEM)
        self._blocks = nn.ModuleList()
        self.ends: list[int] = []  # blocks after which the resolution falls
        inputs = STEM
        for count, out, kernel, stride, expansion in STAGES:
            if stride == 2:
                self.ends.append(len(self._blocks) - 1)
            for number in range(count):
                step = stride if number == 0 else 1
                self._blocks.append(MBConv(inputs, out, kernel, stride=step, expansion=expansion))
                inputs = out
        self.ends.append(len(self._blocks) - 1)
        set_eps(self, EPS)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 1, H, W) or (B, 3, H, W) -> maps at strides 2 to 32, finest first."""
        x = F.silu(self._bn0(self._conv_stem(three_channels(x))))
        features: list[Tensor] = []
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i in self.ends:
                features.append(x)
        return features


def _set_stochastic_depth(network: nn.Module, chance: float) -> None:
    """Let the chance rise linearly from the first block to the last (Huang et al. 2016, equation 4)."""
    blocks = [m for m in network.modules() if isinstance(m, MBConv)]
    for number, block in enumerate(blocks, start=1):
        block.drop = chance * number / len(blocks)
