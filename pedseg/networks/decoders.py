"""Decoders: feature maps at falling resolution -> feature maps back at the image's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pedseg.networks.layout import concatenate


class DecoderStage(nn.Module):
    """One step up: upsample, weigh the skip, concatenate, convolve.

    Args:
        up: (B, C, H, W) -> (B, C', 2H, 2W).
        gate: (skip, upsampled) -> skip, weighed.
        convs: convolutions over the concatenation, skip first.
    """

    def __init__(self, up: nn.Module, gate: nn.Module, convs: nn.Module) -> None:
        super().__init__()
        self.up = up
        self.gate = gate
        self.convs = convs

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Features at the skip's resolution."""
        x = self.up(x)
        skip = self.gate(skip, x)
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return self.convs(torch.cat([skip, x], dim=1))  # type: ignore[no-any-return]
        return self.convs(concatenate(skip, x))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Stages from the bottleneck up.

    Args:
        stages: coarsest first.
    """

    def __init__(self, stages: Sequence[DecoderStage]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Features of every stage, coarsest first.

        Args:
            features: the encoder's, finest first; the last one is the bottleneck.
        """
        x = features[-1]
        outputs: list[Tensor] = []
        for i, stage in enumerate(self.stages):
            x = stage(x, features[len(features) - 2 - i])
            outputs.append(x)
        return outputs
