"""The modules of InceptionV3 one by one; that they give torchvision's numbers is shown in test_inception."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pedseg.networks.inception_blocks import BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE


def test_the_block_is_convolution_norm_relu_without_bias() -> None:
    block = BasicConv2d(2, 3, 3, stride=2, padding=1)
    assert set(block.state_dict()) == {"conv.weight"} | {
        f"bn.{k}" for k in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    out = block(torch.randn(4, 2, 6, 8))
    assert out.shape == (4, 3, 3, 4)
    assert out.min() == 0


@pytest.mark.parametrize(
    ("block", "channels", "stride"),
    [
        (InceptionA(8, 32), 256, 1),
        (InceptionB(8, 1), 488, 2),
        (InceptionC(8, 16), 768, 1),
        (InceptionD(8, 1), 520, 2),
        (InceptionE(8), 2048, 1),
    ],
    ids="ABCDE",
)
def test_modules_give_their_channels_and_sizes(block: torch.nn.Module, channels: int, stride: int) -> None:
    x = torch.randn(1, 8, 8, 6)
    out = block.eval()(x)
    assert out.shape == (1, channels, 8 // stride, 6 // stride)
    if stride == 2:
        assert torch.equal(out[:, -8:], F.max_pool2d(x, 3, 2, 1))


def test_what_a_module_says_of_its_channels_is_what_it_gives() -> None:
    """Decoders bring as many back to their own."""
    for block in (InceptionA(8, 32), InceptionA(8, 64), InceptionC(8, 16)):
        assert block.eval()(torch.randn(1, 8, 4, 4)).shape[1] == block.out_channels


@pytest.mark.parametrize("block", [InceptionB(8, 0), InceptionD(8, 0)], ids="BD")
def test_without_padding_the_last_row_of_an_odd_map_still_counts(block: torch.nn.Module) -> None:
    """Of 9 rows, windows begin at 0, 2, 4 and 6; of 8 at 0, 2 and 4, and the last row is left over."""
    x = torch.randn(1, 8, 9, 8)
    out = block.eval()(x)
    assert out.shape[2:] == (4, 3)
    assert torch.equal(out[:, -8:], F.max_pool2d(x, 3, 2))


def test_pools_of_a_module_count_the_border_as_zeros() -> None:
    """As torchvision's do: at a corner four of nine pixels are there."""
    block = InceptionE(1).eval()
    with torch.no_grad():
        block.branch_pool.conv.weight.fill_(1)
    pooled = block(torch.ones(1, 1, 3, 3))[0, -1]
    assert pooled.flatten().tolist() == pytest.approx([n / 9 for n in (4, 6, 4, 6, 9, 6, 4, 6, 4)], rel=1e-3)
