"""The inverted bottleneck, worked out by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pedseg.networks.mbconv import MBConv, SameConv2d


def _tensorflow_same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and behind, from TensorFlow's definition."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(300, 3, 2), (150, 3, 2), (75, 5, 2), (38, 3, 2), (19, 5, 2), (19, 5, 1), (9, 3, 1)]
)
def test_padding_is_tensorflows_same_where_the_weights_were_trained(size: int, kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    layer = SameConv2d(1, 1, kernel, stride=stride)
    x = torch.randn(1, 1, size, size)
    before, behind = _tensorflow_same(size, kernel, stride)
    expected = F.conv2d(F.pad(x, (before, behind, before, behind)), layer.weight, stride=stride)
    assert torch.allclose(layer(x), expected, atol=1e-6)


@pytest.mark.parametrize("kernel", [3, 5])
def test_even_sizes_are_halved_exactly(kernel: int) -> None:
    assert SameConv2d(2, 2, kernel, stride=2, groups=2)(torch.zeros(1, 2, 64, 8)).shape == (1, 2, 32, 4)


def test_block_by_hand() -> None:
    """One pixel, one channel, every weight 1, norms the identity up to eps; the kernel's centre alone counts."""
    block = MBConv(1, 1, 3, expansion=2).eval()
    with torch.no_grad():
        for p in block.parameters():
            if p.dim() == 4:
                p.fill_(1.0)
        block._se_reduce.bias.zero_()
        block._se_expand.bias.zero_()
    x = torch.full((1, 1, 1, 1), 0.5)
    wide = F.silu(F.silu(x))
    gate = torch.sigmoid(F.silu(2 * wide))
    assert block(x).item() == pytest.approx((2 * wide * gate + x).item(), abs=1e-4)


def test_the_input_is_added_where_it_fits() -> None:
    for block, residual in (
        (MBConv(4, 4, 3), True),
        (MBConv(4, 6, 3), False),
        (MBConv(4, 4, 3, stride=2), False),
    ):
        block.eval()
        with torch.no_grad():
            block._bn2.weight.zero_()  # nothing but the input can pass
        x = torch.randn(2, 4, 8, 8)
        out = block(x)
        assert torch.equal(out, x) if residual else not out.any()


def test_a_block_without_expansion_has_no_first_convolution() -> None:
    names = {k.split(".")[0] for k in MBConv(8, 4, 3, expansion=1).state_dict()}
    assert names == {"_depthwise_conv", "_bn1", "_se_reduce", "_se_expand", "_project_conv", "_bn2"}


def test_stochastic_depth_leaves_whole_images_out_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block = MBConv(4, 4, 3)
    x = torch.randn(4000, 4, 2, 2)
    with torch.no_grad():
        full = block(x) - x
        block.drop = 0.25
        thinned = block(x) - x
    out = (thinned == 0).flatten(1).all(1)
    assert out.float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert torch.allclose(thinned[~out], full[~out] / 0.75, atol=1e-4)
    block.eval()
    assert ((block(x) - x).flatten(1) != 0).any(1).all()
