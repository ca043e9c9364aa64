"""Additive attention gates on skip connections (Oktay et al. 2018; B, figure 2d)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pedseg.networks.decoders import Decoder
from pedseg.networks.layout import weigh


class AttentionGate(nn.Module):
    """Weigh a skip connection by what the decoder looks for.

    alpha = sigmoid(BN(psi * relu(BN(W_x * skip) + BN(W_g * gating)))), one value a pixel; inner channels are half
    the skip's (METHODS, section 3).

    Args:
        skip_channels: channels of the encoder's features.
        gating_channels: channels of the decoder's features, already at the skip's resolution.
    """

    def __init__(self, skip_channels: int, gating_channels: int) -> None:
        super().__init__()
        inner = skip_channels // 2
        self.skip = _projection(skip_channels, inner)
        self.gating = _projection(gating_channels, inner)
        self.score = _projection(inner, 1)

    def coefficients(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Attention alpha in 0..1, (B, 1, H, W)."""
        return torch.sigmoid(self.score(torch.relu(self.skip(skip) + self.gating(gating))))

    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        """The skip features, weighed; (B, C, H, W)."""
        alpha = self.coefficients(skip, gating)
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return skip * alpha
        return weigh(skip, alpha)


class NoGate(nn.Module):
    """Pass a skip connection on as it is."""

    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:  # noqa: ARG002
        """The skip features themselves."""
        return skip


def no_gate(skip_channels: int, gating_channels: int) -> NoGate:  # noqa: ARG001
    """In the place of an `AttentionGate` of those channels."""
    return NoGate()


def finest_gates(network: nn.Module) -> list[AttentionGate]:
    """The gate of the highest resolution of every decoder; none where skips pass as they are."""
    decoders = (module for module in network.modules() if isinstance(module, Decoder))
    last = [decoder.stages[-1].gate for decoder in decoders]
    return [gate for gate in last if isinstance(gate, AttentionGate)]


def _projection(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))
