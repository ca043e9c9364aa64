"""The attention gate, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pedseg.networks.attention import AttentionGate, NoGate, finest_gates, no_gate
from pedseg.networks.unet import att_unet, unet
from pedseg.plan import NetworkSpec


def test_gate_by_hand() -> None:
    """One pixel, weights all 1, norms the identity up to eps."""
    gate = AttentionGate(4, 2).eval()
    with torch.no_grad():
        for convolution in (gate.skip[0], gate.gating[0], gate.score[0]):
            convolution.weight.fill_(1.0)
    skip = torch.tensor([0.1, 0.2, 0.3, 0.4]).reshape(1, 4, 1, 1)
    gating = torch.tensor([0.5, -0.25]).reshape(1, 2, 1, 1)
    # inner = 2 channels, each relu(1.0 + 0.25) = 1.25; score 2.5
    alpha = 1 / (1 + math.exp(-2.5))
    assert gate.coefficients(skip, gating).item() == pytest.approx(alpha, abs=1e-4)
    assert gate(skip, gating).flatten().tolist() == pytest.approx([alpha * v for v in (0.1, 0.2, 0.3, 0.4)], abs=1e-4)


def test_what_the_decoder_rejects_is_suppressed() -> None:
    gate = AttentionGate(2, 2).eval()
    with torch.no_grad():
        gate.score[1].bias.fill_(-20.0)
    assert gate(torch.ones(1, 2, 3, 3), torch.ones(1, 2, 3, 3)).abs().max() < 1e-6


def test_inner_channels_are_half_the_skip() -> None:
    gate = AttentionGate(6, 10)
    assert gate.skip[0].weight.shape == (3, 6, 1, 1)
    assert gate.gating[0].weight.shape == (3, 10, 1, 1)


def test_no_gate_passes_the_skip_on() -> None:
    skip = torch.randn(1, 2, 3, 3)
    assert NoGate()(skip, torch.randn(1, 2, 3, 3)) is skip


def test_no_gate_stands_where_a_gate_of_those_channels_would() -> None:
    skip, gating = torch.randn(1, 4, 2, 2), torch.randn(1, 6, 2, 2)
    assert no_gate(4, 6)(skip, gating) is skip


def test_the_finest_gate_is_that_of_the_last_stage_and_a_plain_u_net_has_none() -> None:
    spec = NetworkSpec(name="att_unet", channels=(4, 6, 8, 10, 12))
    network = att_unet(spec, 2)
    (gate,) = finest_gates(network)
    assert gate.skip[0].weight.shape == (2, 4, 1, 1)
    assert gate is network.decoder.stages[-1].gate
    assert len(finest_gates(torch.nn.ModuleList([network, att_unet(spec, 2)]))) == 2
    assert finest_gates(unet(spec, 2)) == []
