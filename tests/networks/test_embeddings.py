"""Pooled, normalised embeddings."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pedseg.networks import MultiDomainOutput, embed

FEATURES = torch.tensor([[[[1.0, 5.0]], [[4.0, 4.0]]]])  # (1, 2, 1, 2): means 3, 4; maxima 5, 4


def test_average_by_hand() -> None:
    assert embed(FEATURES, "average").tolist() == [pytest.approx([0.6, 0.8])]


def test_max_by_hand() -> None:
    norm = 41**0.5
    assert embed(FEATURES, "max").tolist() == [pytest.approx([5 / norm, 4 / norm])]


def test_a_dead_stage_gives_zero_not_nan() -> None:
    assert embed(torch.zeros(2, 3, 4, 4), "average").tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_bfloat16_features_are_pooled_in_float32(pooling: str) -> None:
    """Summed in bfloat16 the mean of 64k ones and a few twos would stop at 256 terms."""
    features = torch.ones(1, 2, 256, 256, dtype=torch.bfloat16)
    features[0, 1] = 2.0
    got = embed(features, pooling)
    assert got.dtype == torch.float32
    assert got[0].tolist() == pytest.approx([1 / 5**0.5, 2 / 5**0.5], rel=1e-6)


def test_the_gradient_of_the_average_is_torchs_own_in_the_layout_of_the_map() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn((2, 3, 8, 4), generator=generator).to(memory_format=torch.channels_last).requires_grad_()
    weights = torch.randn((2, 3), generator=generator)
    expected = torch.autograd.grad((F.normalize(features.mean((2, 3))) * weights).sum(), features)[0]
    got = torch.autograd.grad((embed(features * 1, "average") * weights).sum() + 0 * features.sum(), features)[0]
    assert torch.allclose(got, expected, atol=1e-7)
    embed((features * 2).requires_grad_(), "average").sum().backward()
    assert features.grad is not None
    assert features.grad.is_contiguous(memory_format=torch.channels_last)


def test_the_bottleneck_is_the_coarsest_stage() -> None:
    sides_and_channels = ((8, 2), (4, 3), (2, 5), (4, 3), (8, 2))
    output = MultiDomainOutput((), tuple(torch.ones(1, c, s, s) for s, c in sides_and_channels))
    assert output.bottleneck_embedding("max").shape == (1, 5)
    assert [z.shape[1] for z in output.embeddings("average")] == [2, 3, 5, 3, 2]
