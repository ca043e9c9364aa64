"""Discriminators: is this mask, or this shape code, real? Their scores are logits; a sigmoid makes them likelihoods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

FEATURES = (32, 64, 128, 256)
SLOPE = 0.2
"""Of the leaky ReLU."""


class DomainDiscriminators(nn.Module):
    """One discriminator a domain.

    Args:
        networks: in the order of the domains.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Scores of what each discriminator looks at, (B_k, 1, h, w) a domain; empty where the domain has no images."""
        both = zip(self.networks, inputs, strict=True)
        return tuple(network(x) if len(x) else x for network, x in both)


def mask_discriminator(n_classes: int) -> nn.Sequential:
    """Judge a mask by its image (D, figure 3; 0.70 M parameters).

    (B, 1 + |C|, H, W), the image first -> (B, 1, H / 16, W / 16): each value judges a crop. D names the kernels; norm,
    activation and padding are those of the patch discriminator it builds on (Isola et al. 2017).

    Args:
        n_classes: |C|, channels of the mask.
    """
    inputs = (1 + n_classes, *FEATURES[:-1])
    layers = [_halving(i, o, norm=k > 0) for k, (i, o) in enumerate(zip(inputs, FEATURES, strict=True))]
    # a 4x4 kernel has no middle: three more rows and columns keep the map's size
    return nn.Sequential(*layers, nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(FEATURES[-1], 1, 4))


def shape_code_discriminator(channels: int, side: int) -> nn.Sequential:
    """Judge a shape code (C, section 2.3).

    (B, channels, side, side) -> (B, 1, 1, 1): every layer halves channels and sides, until one place is left.

    Args:
        channels: of the code.
        side: rows, and columns, of the code; 16 for masks of 256 x 256 pixels.

    Raises:
        ValueError: a code of one place, or of too few channels to halve.
    """
    layers = side.bit_length() - 1
    if layers < 1 or channels >> layers < 1:
        wanted = f"2 x 2 places or more and {2**layers} channels at least"
        raise ValueError(f"a shape code of {wanted} is needed, got {channels} channels of {side} x {side}")
    halvings = [_reduction(channels >> k, channels >> (k + 1)) for k in range(layers)]
    return nn.Sequential(*halvings, nn.Conv2d(channels >> layers, 1, 1))


def _halving(in_channels: int, out_channels: int, *, norm: bool) -> nn.Sequential:
    """4x4 convolution of stride 2; the first layer sees the image as it is, without norm."""
    convolution = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=not norm)
    norms = [nn.BatchNorm2d(out_channels)] if norm else []
    return nn.Sequential(convolution, *norms, nn.LeakyReLU(SLOPE, inplace=True))


def _reduction(in_channels: int, out_channels: int) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.MaxPool2d(2), nn.ReLU(inplace=True))
