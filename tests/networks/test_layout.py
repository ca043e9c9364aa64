"""Dense gradients: the same numbers as torch's own operations, in the fast layout."""

from __future__ import annotations

import pytest
import torch

from pedseg.networks.attention import AttentionGate
from pedseg.networks.layout import FEW_CHANNELS, concatenate, planar_if_few, weigh

LAYOUTS = [torch.channels_last, torch.contiguous_format]


def _map(channels: int, layout: torch.memory_format, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((2, channels, 6, 4), generator=generator).contiguous(memory_format=layout)
    return x.requires_grad_()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_concatenate_is_cat_with_gradients_of_their_own(layout: torch.memory_format) -> None:
    maps, weights = [_map(n, layout, n) for n in (3, 5, 2)], _map(10, layout).detach()
    seen: list[torch.Tensor] = []
    for tensor in maps:
        tensor.register_hook(seen.append)
    joined = concatenate(*maps)
    assert torch.equal(joined, torch.cat(maps, dim=1))
    (joined * weights).sum().backward()
    for tensor, expected in zip(maps, weights.split([3, 5, 2], dim=1), strict=True):
        assert tensor.grad is not None
        assert torch.equal(tensor.grad, expected)
    assert all(gradient.is_contiguous(memory_format=layout) for gradient in seen)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weigh_multiplies_every_channel(layout: torch.memory_format) -> None:
    features, weights = _map(5, layout), _map(1, layout, 1)
    product = weigh(features, weights)
    assert torch.equal(product, features * weights)
    assert product.is_contiguous(memory_format=layout)
    product.square().sum().backward()
    own = [t.grad for t in (features, weights)]
    features.grad = weights.grad = None
    (features * weights).square().sum().backward()
    for gradient, expected in zip(own, (features.grad, weights.grad), strict=True):
        torch.testing.assert_close(gradient, expected)


def test_only_maps_of_few_channels_change_layout() -> None:
    few, many = (_map(n, torch.channels_last) for n in (FEW_CHANNELS - 1, FEW_CHANNELS))
    assert planar_if_few(few).is_contiguous()
    assert planar_if_few(many) is many


def test_a_scripted_gate_gives_the_same_bits() -> None:
    gate = AttentionGate(4, 4).eval()
    skip, gating = _map(4, torch.channels_last), _map(4, torch.channels_last, 1)
    assert torch.equal(torch.jit.script(gate)(skip, gating), gate(skip, gating))
