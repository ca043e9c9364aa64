"""Blocks against their plain definitions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pedseg.networks.blocks import UpsampleConv, conv_block, upsample_conv


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 6)])
def test_upsample_conv_is_upsampling_and_convolution(size: tuple[int, int]) -> None:
    """Outputs and gradients, borders included, in float64."""
    torch.manual_seed(0)
    layer = UpsampleConv(3, 4).double()
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    got = layer(x)
    expected = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), layer.weight, padding=1)
    assert torch.allclose(got, expected, atol=1e-12)
    pull = torch.randn_like(got)
    inputs = (x, layer.weight)
    gradients = zip(torch.autograd.grad(got, inputs, pull), torch.autograd.grad(expected, inputs, pull), strict=True)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in gradients)


def test_upsample_conv_has_the_weights_of_a_3x3_convolution() -> None:
    assert {k: tuple(v.shape) for k, v in UpsampleConv(3, 4).state_dict().items()} == {"weight": (4, 3, 3, 3)}


def test_upsample_conv_in_bfloat16_is_as_exact_as_the_plain_way() -> None:
    torch.manual_seed(0)
    layer = UpsampleConv(32, 16)
    x = torch.randn(1, 32, 16, 16)
    exact = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        rough = layer(x).float()
        plain = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), layer.weight, padding=1).float()
    assert (rough - exact).square().mean() < 1.5 * (plain - exact).square().mean()


def test_blocks_are_convolution_norm_relu_without_bias() -> None:
    for block, scale in ((conv_block(2, 3), 1), (upsample_conv(2, 3), 2)):
        assert [type(m).__name__ for m in block][1:] == ["BatchNorm2d", "ReLU"]
        assert block[0].bias is None
        out = block(torch.randn(4, 2, 6, 8))
        assert out.shape == (4, 3, 6 * scale, 8 * scale)
        assert out.min() == 0
        assert out.mean((0, 2, 3)).sub(0.4).abs().max() < 0.15  # mean of max(0, standard normal) is 0.40
