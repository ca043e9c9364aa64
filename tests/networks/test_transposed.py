"""The decoder of D's pre-trained networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pedseg.networks.decoders import Decoder
from pedseg.networks.transposed import FullSize, transposed_decoder

CHANNELS, OUTS = (4, 6, 8), (10, 12)


def _decoder() -> Decoder:
    def pointwise(number: int, both: int, out: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(both, out, 1), *(nn.Identity() for _ in range(number)))

    return transposed_decoder(CHANNELS, OUTS, pointwise)


def _features() -> list[Tensor]:
    return [torch.randn(2, c, 16 // s, 32 // s) for c, s in zip(CHANNELS, (1, 2, 4), strict=True)]


def test_a_stage_is_transposed_convolution_concatenation_and_convolutions() -> None:
    """The skip comes first and as it is; stages are numbered from the coarsest."""
    decoder, features = _decoder(), _features()
    first, second = decoder(features)
    stage = decoder.stages[0]
    assert torch.equal(first, stage.convs(torch.cat([features[1], stage.up(features[2])], 1)))
    stage = decoder.stages[1]
    assert torch.equal(second, stage.convs(torch.cat([features[0], stage.up(first)], 1)))
    assert [len(stage.convs) for stage in decoder.stages] == [1, 2]
    assert [tuple(stage.up.weight.shape) for stage in decoder.stages] == [(8, 10, 2, 2), (10, 12, 2, 2)]


def test_one_fewer_stage_than_maps_is_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        transposed_decoder(CHANNELS, (10, 12, 14), lambda *_: nn.Identity())


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_full_size_adds_a_normalised_stage_of_twice_the_size_and_half_the_channels() -> None:
    decoder, features = _decoder(), _features()
    full = FullSize(decoder, 12)
    *stages, last = full(features)
    assert all(torch.equal(a, b) for a, b in zip(stages, decoder(features), strict=True))
    assert last.shape == (2, 6, 32, 64)
    assert last.min() == 0
    assert last.mean((0, 2, 3)).sub(0.4).abs().max() < 0.15  # mean of max(0, standard normal) is 0.40
    full.eval()
    assert torch.allclose(torch.jit.script(full)(features)[-1], full(features)[-1], atol=1e-6)
