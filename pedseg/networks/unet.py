"""U-Net and Attention U-Net: encoder, decoder, head, composed in one place."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from pedseg.networks.attention import AttentionGate, NoGate
from pedseg.networks.blocks import double_conv, upsample_conv
from pedseg.networks.decoders import Decoder, DecoderStage
from pedseg.networks.encoders import ConvEncoder
from pedseg.plan import NetworkSpec


class UNet(nn.Module):
    """Encoder, decoder and a head of one 1x1 convolution.

    Args:
        encoder: image -> feature maps, finest first.
        decoder: those -> feature maps, coarsest first.
        head: the last feature map -> logits at the image's resolution.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head

    def stages(self, x: Tensor) -> list[Tensor]:
        """Feature maps of all scales, encoder then decoder: the s of B eq. 5."""
        features: list[Tensor] = self.encoder(x)
        decoded: list[Tensor] = self.decoder(features)
        return features + decoded

    def forward(self, x: Tensor) -> Tensor:
        """Logits.

        Args:
            x: slices (B, C, H, W), or volumes (B, C, H, W, D), which are cut along D and stacked again.

        Returns:
            (B, classes, H, W) or (B, classes, H, W, D).
        """
        if x.dim() == 5:
            slices = x.permute(0, 4, 1, 2, 3).flatten(0, 1)  # (B*D, C, H, W)
            logits: Tensor = self.head(self.stages(slices)[-1])
            return logits.reshape(x.shape[0], x.shape[4], -1, x.shape[2], x.shape[3]).permute(0, 2, 3, 4, 1)
        flat: Tensor = self.head(self.stages(x)[-1])
        return flat


def unet(spec: NetworkSpec, n_classes: int) -> UNet:
    """U-Net (A, C): skips are passed on as they are."""
    return _compose(spec, n_classes, lambda skip: NoGate())  # noqa: ARG005


def att_unet(spec: NetworkSpec, n_classes: int) -> UNet:
    """Attention U-Net (B, D): skips pass an attention gate."""
    return _compose(spec, n_classes, lambda skip: AttentionGate(skip, skip))


def _compose(spec: NetworkSpec, n_classes: int, gate: Callable[[int], nn.Module]) -> UNet:
    stages = [
        DecoderStage(_up(spec.decoder, coarse, fine), gate(fine), double_conv(2 * fine, fine))
        for fine, coarse in zip(spec.channels[-2::-1], spec.channels[:0:-1], strict=True)
    ]
    head = nn.Conv2d(spec.channels[0], n_classes, 1)
    return UNet(ConvEncoder(1, spec.channels), Decoder(stages), head)


def _up(kind: str, in_channels: int, out_channels: int) -> nn.Module:
    if kind == "transposed":
        return nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
    return upsample_conv(in_channels, out_channels)
