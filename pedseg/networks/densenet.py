"""DenseNet121 as an encoder (Huang et al. 2017), and the U-Net around it (B, table 1; D, section 3.2.2)."""

from __future__ import annotations

import re
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from pedseg.networks.attention import AttentionGate, no_gate
from pedseg.networks.blocks import relu
from pedseg.networks.dense_blocks import GROWTH, Transition, dense_block
from pedseg.networks.template import template_decoder, template_head, three_channels
from pedseg.networks.unet import UNet
from pedseg.plan import NetworkSpec

OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""The public file was written when layers were called `norm.1`; they are `norm1` since."""
DECODER_LAYERS = (12, 6, 4, 2)
"""Of the dense block of every stage, coarsest first."""


def dense_unet(spec: NetworkSpec, n_classes: int) -> UNet:
    """Dense-UNet: a dense block a decoder stage; gated skips in B's layout, plain ones in D's.

    D names no way to upsample. Nearest neighbour, as B has it, gives 18.50 M parameters with D's channels, of which it
    counts 18.5; transposed convolutions would give 17.82.
    """
    encoder, outs = DenseNet121(), spec.channels
    gate = AttentionGate if spec.decoder == "upsample" else no_gate
    decoder = template_decoder(encoder.channels, outs, activation=relu, blocks=_block, gate=gate)
    return UNet(encoder, decoder, template_head(outs[-1], n_classes, relu))


class DenseNet121(nn.Module):
    """Stem and dense blocks of 6, 12, 24 and 16 layers; 6.95 M parameters.

    Names and shapes are those of torchvision, which takes its public file densenet121-a639ec97.pth; so does this.
    """

    channels = (64, 256, 512, 1024, 1024)
    """Of the maps at strides 2, 4, 8, 16 and 32."""
    unused_keys = ("classifier.",)
    """How keys of the public file begin that have no place here."""

    def __init__(self) -> None:
        super().__init__()
        self.features = DenseFeatures()

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 1, H, W) or (B, 3, H, W) -> maps at strides 2 to 32, finest first, each after a norm and ReLU."""
        return self.features(three_channels(x))  # type: ignore[no-any-return]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        for key in [k for k in state_dict if k.startswith(prefix)]:
            state_dict[OLD_NAME.sub(r"\1\2", key)] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *others)


class DenseFeatures(nn.Module):
    """The network without its classifier; see `DenseNet121`."""

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
        """(B, 3, H, W) -> maps, finest first."""
        stem = F.relu(self.norm0(self.conv0(x)), inplace=True)  # (B, 64, H/2, W/2)
        first, x = self.transition1(self.denseblock1(self.pool0(stem)))
        second, x = self.transition2(self.denseblock2(x))
        third, x = self.transition3(self.denseblock3(x))
        return [stem, first, second, third, F.relu(self.norm5(self.denseblock4(x)), inplace=True)]


def _block(number: int, channels: int) -> nn.Sequential:
    """The dense block of a stage, then norm-ReLU-1x1 as in DenseNet's transitions, back to the channels before it."""
    grown = channels + GROWTH * DECODER_LAYERS[number]
    back = nn.Conv2d(grown, channels, 1, bias=False)
    return nn.Sequential(dense_block(channels, DECODER_LAYERS[number]), nn.BatchNorm2d(grown), relu(), back)
