"""VGG19 encoder (Simonyan and Zisserman 2015), the encoder of VGG-UNet (D, section 3.2.2)."""

from __future__ import annotations

from torch import Tensor, nn

LEVELS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and convolutions of every level."""


class VGG19Encoder(nn.Module):
    """Sixteen 3x3 convolutions on five levels; names and shapes are those of `vgg19-dcbb9e9d.pth`.

    The original network, without batch norm: its size is the one published with D (34.30 M with the decoder).
    """

    unused_keys = ("classifier.",)
    """How the keys begin which the public file has beyond the convolutions."""
    channels = tuple(channels for channels, _ in LEVELS)
    """Of the features, finest first."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        ends: list[int] = []
        in_channels = 3
        for channels, n_convolutions in LEVELS:
            if ends:
                layers.append(nn.MaxPool2d(2))
            for _ in range(n_convolutions):
                layers += [_convolution(in_channels, channels), nn.ReLU(inplace=True)]
                in_channels = channels
            ends.append(len(layers) - 1)
        self.features = nn.Sequential(*layers)
        self.ends = ends  # the last layer of every level

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of strides 1, 2, 4, 8 and 16.

        Args:
            x: (B, 1, H, W), repeated to the three channels of the public weights (D, section 2.1), or (B, 3, H, W).
        """
        features: list[Tensor] = []
        x = x.expand(-1, 3, -1, -1)
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.ends:
                features.append(x)
        return features


def _convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    # no norm follows: with torch's own start, 16 of these leave a millionth of the signal
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution
