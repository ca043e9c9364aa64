"""Decoder stages from the bottleneck up, on modules that can be worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pedseg.networks.decoders import Decoder, DecoderStage


class Twice(nn.Module):
    """Twice the size."""

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


class Weigh(nn.Module):
    """The skip times the mean of what comes from below."""

    def forward(self, skip: Tensor, up: Tensor) -> Tensor:
        return skip * up.mean()


class Digits(nn.Module):
    """(B, 2, H, W) -> (B, 1, H, W): the first channel is the tens, the second the ones."""

    def forward(self, x: Tensor) -> Tensor:
        return 10 * x[:, :1] + x[:, 1:]


def stage() -> DecoderStage:
    return DecoderStage(Twice(), Weigh(), Digits())


def flat(value: float, side: int) -> Tensor:
    return torch.full((1, 1, side, side), float(value))


def test_a_stage_weighs_the_skip_by_what_is_upsampled_and_puts_it_first() -> None:
    """2 from below, so the skip 3 weighs 6: 62."""
    assert torch.equal(stage()(flat(2, 1), flat(3, 2)), flat(62, 2))


@pytest.mark.parametrize(
    ("n", "wanted"),
    [(0, []), (1, [(51, 2)]), (2, [(51, 2), (51 * 31, 4)]), (3, [(51, 2), (51 * 31, 4), (51 * 31 * 21, 8)])],
)
def test_every_stage_takes_the_next_finer_features(n: int, wanted: list[tuple[float, int]]) -> None:
    """Features 2, 3, 5 above a bottleneck of 1: each stage makes (10 f + 1) of what comes from below."""
    features = [flat(2, 8), flat(3, 4), flat(5, 2), flat(1, 1)]
    outputs = Decoder([stage() for _ in range(n)])(features)
    assert [(out[0, 0, 0, 0].item(), out.shape[2]) for out in outputs] == wanted
    assert all(torch.equal(out, flat(value, side)) for out, (value, side) in zip(outputs, wanted, strict=True))


def test_gradients_reach_every_feature() -> None:
    features = [flat(2, 4).requires_grad_(), flat(3, 2).requires_grad_(), flat(1, 1).requires_grad_()]
    Decoder([stage(), stage()])(features)[-1].sum().backward()
    # 16 pixels of (10 f2 + 1)(10 f1 + 1) f0
    assert [f.grad.sum().item() for f in features if f.grad is not None] == [16 * 10 * 31, 16 * 10 * 21, 16 * 31 * 21]


def test_weights_are_named_by_stage_coarsest_first() -> None:
    """Files of trained networks hold these names."""
    decoder = Decoder([DecoderStage(nn.Conv2d(1, 1, 1), nn.Identity(), nn.Conv2d(2, 1, 1)) for _ in range(2)])
    parts = [f"stages.{i}.{part}.{value}" for i in (0, 1) for part in ("up", "convs") for value in ("weight", "bias")]
    assert list(decoder.state_dict()) == parts
