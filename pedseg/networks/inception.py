"""InceptionV3 as an encoder (Szegedy et al. 2016), and the U-Net around it (B, table 1)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from pedseg.networks.blocks import relu
from pedseg.networks.inception_blocks import (
    BasicConv2d,
    InceptionA,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)
from pedseg.networks.template import set_eps, template_unet, three_channels
from pedseg.networks.unet import UNet
from pedseg.plan import NetworkSpec

EPS = 1e-3
DECODER_MODULES = ((InceptionC, 192, 3), (InceptionA, 64, 3), (InceptionA, 32, 2), (InceptionA, 32, 2))
"""Kind, its width as in the encoder (Mixed_6e, 5d, 5b), how many; coarsest stage first."""


def inception_unet(spec: NetworkSpec, n_classes: int) -> UNet:
    """Inception-UNet (B, section 3.2): the encoder's modules in the decoder, each brought back by a 1x1 block."""

    def blocks(number: int, channels: int) -> nn.Module:
        kind, width, count = DECODER_MODULES[number]
        return nn.Sequential(*(_back(kind(channels, width), channels) for _ in range(count)))

    encoder = InceptionV3()
    return template_unet(encoder, encoder.channels, spec.channels, n_classes=n_classes, activation=relu, blocks=blocks)


class InceptionV3(nn.Module):
    """Stem and modules up to Mixed_7c, without the auxiliary classifier; 21.8 M parameters.

    Names and shapes are those of torchvision's public file.

    Args:
        padding: `same` halves the size exactly at every stride; `valid` computes what torchvision computes, whose
            maps lose their borders.
    """

    channels = (64, 192, 288, 768, 2048)
    """Of the maps at strides 2, 4, 8, 16 and 32."""

    def __init__(self, padding: Literal["same", "valid"] = "same") -> None:
        super().__init__()
        self.padding = pad = 1 if padding == "same" else 0
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, 3, stride=2, padding=pad)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, 3, padding=pad)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, 1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, 3, padding=pad)
        self.Mixed_5b = InceptionA(192, 32)
        self.Mixed_5c = InceptionA(256, 64)
        self.Mixed_5d = InceptionA(288, 64)
        self.Mixed_6a = InceptionB(288, pad)
        self.Mixed_6b = InceptionC(768, 128)
        self.Mixed_6c = InceptionC(768, 160)
        self.Mixed_6d = InceptionC(768, 160)
        self.Mixed_6e = InceptionC(768, 192)
        self.Mixed_7a = InceptionD(768, pad)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        set_eps(self, EPS)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 1, H, W) or (B, 3, H, W) -> maps at strides 2 to 32, finest first."""
        first = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(three_channels(x))))
        second = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(max_pool2d(first, 3, 2, self.padding)))
        third = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(max_pool2d(second, 3, 2, self.padding))))
        fourth = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(third)))))
        return [first, second, third, fourth, self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(fourth)))]


def _back(module: InceptionA | InceptionC, channels: int) -> nn.Module:
    if module.out_channels == channels:
        return module
    return nn.Sequential(module, BasicConv2d(module.out_channels, channels, 1))
