"""The U-Net's encoder, level by level."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pedseg.networks.encoders import ConvEncoder


def test_levels_work_on_the_largest_of_four_by_hand() -> None:
    """Level 2 adds one to what the pool of level 1 keeps: nothing else happens between levels."""

    class Plus(nn.Module):
        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.step

    encoder = ConvEncoder(1, (1, 2, 3), level=lambda _, out: Plus(out - 1))
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    first, second, third = encoder(x)
    assert torch.equal(first, x)
    assert second.flatten().tolist() == [6, 8, 14, 16]
    assert third.flatten().tolist() == [18]


@pytest.mark.parametrize(
    ("channels", "asked"),
    [((5,), [(1, 5)]), ((4, 8, 6), [(1, 4), (4, 8), (8, 6)])],
)
def test_every_level_takes_what_the_one_above_gives(channels: tuple[int, ...], asked: list[tuple[int, int]]) -> None:
    seen: list[tuple[int, int]] = []

    def level(inputs: int, outputs: int) -> nn.Module:
        seen.append((inputs, outputs))
        return nn.Conv2d(inputs, outputs, 1)

    features = ConvEncoder(1, channels, level=level)(torch.zeros(2, 1, 8, 4))
    assert seen == asked
    assert [tuple(f.shape) for f in features] == [(2, c, 8 >> i, 4 >> i) for i, c in enumerate(channels)]


def test_a_level_is_two_convolutions_unless_another_is_given() -> None:
    encoder = ConvEncoder(2, (3, 4))
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size) for c in convolutions] == [
        (i, o, (3, 3)) for i, o in ((2, 3), (3, 3), (3, 4), (4, 4))
    ]
    assert {name.split(".")[0] for name in encoder.state_dict()} == {"levels"}


def test_a_side_that_is_odd_loses_its_last_row() -> None:
    x = torch.randn(1, 1, 5, 6)
    _, second = ConvEncoder(1, (1, 1), level=lambda *_: nn.Identity())(x)
    assert torch.equal(second, F.max_pool2d(x[:, :, :4], 2))
