"""What Res- and VGG-UNet of D have in common: transposed convolutions, skip connections as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from pedseg.networks.attention import NoGate
from pedseg.networks.blocks import relu
from pedseg.networks.decoders import Decoder, DecoderStage

Convolutions = Callable[[int, int, int], nn.Module]


def transposed_decoder(channels: Sequence[int], outs: Sequence[int], convolutions: Convolutions) -> Decoder:
    """Transposed 2x2 convolution -> concatenation -> convolutions, a stage.

    Args:
        channels: of the encoder's maps, finest first.
        outs: channels of the stages, coarsest first; one fewer than the encoder's maps.
        convolutions: (number of the stage, channels after the concatenation, channels at its end) -> its convolutions.
    """
    inputs = (channels[-1], *outs[:-1])
    skips = channels[-2::-1]
    return Decoder(
        [
            DecoderStage(nn.ConvTranspose2d(coarse, out, 2, stride=2), NoGate(), convolutions(number, skip + out, out))
            for number, (coarse, skip, out) in enumerate(zip(inputs, skips, outs, strict=True))
        ]
    )


class FullSize(nn.Module):
    """A decoder that ends at stride 2, and one more step up, which no skip connection joins.

    The step is a stage of its own: transposed 2x2 convolution -> batch norm -> ReLU, to half the channels.

    Args:
        decoder: of the encoder's maps.
        channels: of its last stage.
    """

    def __init__(self, decoder: Decoder, channels: int) -> None:
        super().__init__()
        self.decoder = decoder
        up = nn.ConvTranspose2d(channels, channels // 2, 2, stride=2, bias=False)
        self.last = nn.Sequential(up, nn.BatchNorm2d(channels // 2), relu())

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Features of every stage, coarsest first; the last ones at the image's resolution."""
        outputs: list[Tensor] = self.decoder(features)
        outputs.append(self.last(outputs[-1]))
        return outputs
