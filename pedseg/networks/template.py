"""The U-Net around an ImageNet encoder: what the pre-trained networks of B have in common (section 2.1.1, figure 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from pedseg.networks.attention import AttentionGate
from pedseg.networks.blocks import Activation, conv_block
from pedseg.networks.decoders import Decoder, DecoderStage
from pedseg.networks.unet import UNet

Blocks = Callable[[int, int], nn.Module]
Gate = Callable[[int, int], nn.Module]


def template_unet(
    encoder: nn.Module,
    channels: Sequence[int],
    outs: Sequence[int],
    *,
    n_classes: int,
    activation: Activation,
    blocks: Blocks,
) -> UNet:
    """Compose a U-Net: nearest x2 -> gated skip -> concatenation -> 3x3 convolution -> blocks, a stage.

    Args:
        encoder: image -> feature maps at strides 2, 4, ..., finest first.
        channels: of those maps.
        outs: channels of the decoder's stages, coarsest first; one fewer than the encoder's maps.
        n_classes: background included.
        activation: of the decoder's convolutions.
        blocks: (number of the stage, its channels) -> the encoder's own kind of block, channels kept.
    """
    decoder = template_decoder(channels, outs, activation=activation, blocks=blocks)
    return UNet(encoder, decoder, template_head(outs[-1], n_classes, activation))


def template_decoder(
    channels: Sequence[int], outs: Sequence[int], *, activation: Activation, blocks: Blocks, gate: Gate = AttentionGate
) -> Decoder:
    """The stages of `template_unet`; D has the same without gates.

    Args:
        channels: of the encoder's maps, finest first.
        outs: channels of the stages, coarsest first.
        activation: of the convolutions.
        blocks: (number of the stage, its channels) -> blocks, channels kept.
        gate: (channels of the skip, channels of what comes from below) -> what weighs the skip.
    """
    inputs = (channels[-1], *outs[:-1])
    skips = channels[-2::-1]
    return Decoder(
        [
            DecoderStage(
                nn.Upsample(scale_factor=2, mode="nearest"),
                gate(skip, coarse),
                nn.Sequential(conv_block(coarse + skip, out, activation=activation), blocks(number, out)),
            )
            for number, (coarse, skip, out) in enumerate(zip(inputs, skips, outs, strict=True))
        ]
    )


def template_head(channels: int, n_classes: int, activation: Activation) -> nn.Sequential:
    """From the last stage at stride 2 to logits."""
    return nn.Sequential(light_upsample(channels, activation), nn.Conv2d(channels, n_classes, 1))


def light_upsample(channels: int, activation: Activation) -> nn.Sequential:
    """From stride 2 to the image's pixels; (B, C, H, W) -> (B, C, 2H, 2W).

    A depthwise convolution tells the four pixels of a doubled one apart, for 11 parameters a channel: the head can
    draw a border between them.
    """
    up = nn.Upsample(scale_factor=2, mode="nearest")
    return nn.Sequential(up, conv_block(channels, channels, activation=activation, groups=channels))


def three_channels(x: Tensor) -> Tensor:
    """Grey slices as an ImageNet encoder sees them, three times (B, section 2.1.1); (B, 3, H, W), no copy."""
    return x.expand(-1, 3, -1, -1)


def set_eps(encoder: nn.Module, eps: float) -> None:
    """Give every batch norm of an encoder the eps its public weights were trained with; new layers keep 1e-5."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
