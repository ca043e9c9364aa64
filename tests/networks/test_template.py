"""The U-Net around an encoder, worked out by hand on a small one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pedseg.networks.blocks import relu
from pedseg.networks.template import light_upsample, template_unet, three_channels
from pedseg.networks.unet import UNet


class _Encoder(nn.Module):
    """Three maps of 4, 6 and 8 channels at strides 2, 4 and 8."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in ((3, 4), (4, 6), (6, 8)))

    def forward(self, x: Tensor) -> list[Tensor]:
        features: list[Tensor] = []
        x = three_channels(x)
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features


def _pointwise(number: int, channels: int) -> nn.Module:
    return nn.Sequential(*(nn.Conv2d(channels, channels, 1, bias=False) for _ in range(number + 1)))


def _small(activation: type[nn.Module] = nn.SiLU) -> UNet:
    torch.manual_seed(0)
    return template_unet(_Encoder(), (4, 6, 8), (10, 12), n_classes=3, activation=activation, blocks=_pointwise).eval()


def test_scales_go_down_to_the_bottleneck_and_back_to_stride_two() -> None:
    network = _small()
    x = torch.randn(2, 1, 32, 64)
    strides, channels = (2, 4, 8, 4, 2), (4, 6, 8, 10, 12)
    expected = [(2, c, 32 // s, 64 // s) for c, s in zip(channels, strides, strict=True)]
    assert [tuple(s.shape) for s in network.stages(x)] == expected
    assert network(x).shape == (2, 3, 32, 64)


def test_weights_counted_by_hand() -> None:
    """Stages 8 + 6 -> 10 and 10 + 4 -> 12; gates of half the skip's channels; blocks; x2; head."""
    convs = 9 * 14 * 10 + 2 * 10 + 9 * 14 * 12 + 2 * 12
    gates = (6 * 3 + 8 * 3 + 2 * 6 + 3 + 2) + (4 * 2 + 10 * 2 + 2 * 4 + 2 + 2)
    blocks = 10 * 10 + 2 * 12 * 12
    light = 9 * 12 + 2 * 12
    head = 12 * 3 + 3
    network = _small()
    own = sum(p.numel() for part in (network.decoder, network.head) for p in part.parameters())
    assert own == convs + gates + blocks + light + head


def test_a_stage_is_upsampling_gate_convolution_and_blocks() -> None:
    """The first stage, spelled out."""
    network = _small()
    _, skip, coarse, first, _ = network.stages(torch.randn(2, 1, 32, 32))
    stage = network.decoder.stages[0]
    up = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
    (conv, norm, _), block = stage.convs
    expected = block(nn.functional.silu(norm(conv(torch.cat([stage.gate(skip, up), up], 1)))))
    assert torch.allclose(first, expected, atol=1e-6)


def test_the_activation_is_everywhere_but_in_the_gates() -> None:
    kinds = {type(m) for m in _small(nn.Tanh).modules()}
    assert nn.Tanh in kinds
    assert kinds.isdisjoint({nn.ReLU, nn.SiLU})


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_it_says_the_same() -> None:
    network = _small()
    x = torch.randn(2, 1, 32, 32)
    assert torch.allclose(torch.jit.script(network)(x), network(x), atol=1e-5)


def test_four_pixels_of_a_doubled_one_differ() -> None:
    torch.manual_seed(0)
    up = light_upsample(5, relu)
    assert sum(p.numel() for p in up.parameters()) == 11 * 5
    out = up.eval()(torch.randn(1, 5, 4, 4) + 3)
    assert out.shape == (1, 5, 8, 8)
    quads = out.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    assert (quads.amax(-1) - quads.amin(-1)).max() > 0.01


def test_grey_slices_are_seen_three_times_and_colours_once() -> None:
    grey, colours = torch.randn(2, 1, 4, 4), torch.randn(2, 3, 4, 4)
    assert torch.equal(three_channels(grey), grey.repeat(1, 3, 1, 1))
    assert torch.equal(three_channels(colours), colours)


def test_layout_is_kept() -> None:
    network = _small().to(memory_format=torch.channels_last)
    x = torch.randn(2, 1, 32, 32).to(memory_format=torch.channels_last)
    assert all(s.is_contiguous(memory_format=torch.channels_last) for s in (*network.stages(x), network(x)))
