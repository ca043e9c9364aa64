"""VGG19 as an encoder (Simonyan and Zisserman 2015), and the U-Net around it (D, section 3.2.2)."""

from __future__ import annotations

from torch import Tensor, nn

from pedseg.networks.blocks import conv_block
from pedseg.networks.template import three_channels
from pedseg.networks.transposed import transposed_decoder
from pedseg.networks.unet import UNet
from pedseg.plan import NetworkSpec

CONVOLUTIONS = (2, 2, 4, 4, 4)
"""Of every level; the last level is the bottleneck, conv5."""


def vgg_unet(spec: NetworkSpec, n_classes: int) -> UNet:
    """VGG-UNet (D): three convolutions a decoder stage.

    The encoder has no norms: several domains differ in the decoder and the head only.
    """

    def convolutions(_: int, both: int, out: int) -> nn.Module:
        return nn.Sequential(conv_block(both, out), conv_block(out, out), conv_block(out, out))

    encoder = VGG19()
    decoder = transposed_decoder(encoder.channels, spec.channels, convolutions)
    return UNet(encoder, decoder, nn.Conv2d(spec.channels[-1], n_classes, 1))


class VGG19(nn.Module):
    """Sixteen 3x3 convolutions on five levels; 20.02 M parameters.

    Names and shapes are those of torchvision and of its public file vgg19-dcbb9e9d.pth: the original network, without
    batch norm. With it the U-Net has 34.30 M parameters; norms after every convolution would make that 34.31 M.
    """

    channels = (64, 128, 256, 512, 512)
    """Of the maps at strides 1, 2, 4, 8 and 16."""
    unused_keys = ("classifier.",)
    """How keys of the public file begin that have no place here."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.ends: list[int] = []  # layers after which the resolution falls
        inputs = 3
        for n, out in zip(CONVOLUTIONS, self.channels, strict=True):
            if layers:
                layers.append(nn.MaxPool2d(2))
            for _ in range(n):
                layers += [_convolution(inputs, out), nn.ReLU(inplace=True)]
                inputs = out
            self.ends.append(len(layers) - 1)
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 1, H, W) or (B, 3, H, W) -> maps at strides 1 to 16, finest first."""
        x = three_channels(x)
        features: list[Tensor] = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.ends:
                features.append(x)
        return features


def _convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    # no norm follows: with torch's own start, sixteen of these leave next to nothing of the image
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution
