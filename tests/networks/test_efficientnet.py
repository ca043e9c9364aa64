"""EfficientNet-B3 against MONAI's on the same weights."""

from __future__ import annotations

import re

import pytest
import torch
from monai.networks.nets.efficientnet import EfficientNetBN, EfficientNetBNFeatures
from public_files import Shapes, public_shapes, random_state

from pedseg.networks.efficientnet import EfficientNetB3, efficient_unet
from pedseg.networks.mbconv import MBConv
from pedseg.networks.weights import PUBLIC_FILES
from pedseg.plan import NetworkSpec

PUBLIC = PUBLIC_FILES["efficient_unet"]
SHAPES = public_shapes(PUBLIC.name)


def _public_name(key: str) -> str:
    """MONAI counts stages and blocks, the file blocks only."""
    return re.sub(r"(.+)\.\d+(\.\d+\..+)", r"\1\2", key)


def _shapes(network: torch.nn.Module) -> Shapes:
    return {k: tuple(v.shape) for k, v in network.state_dict().items()}


def test_names_and_shapes_are_the_public_files() -> None:
    kept = {k: v for k, v in SHAPES.items() if not k.startswith(PUBLIC.left)}
    assert _shapes(EfficientNetB3()) == kept
    assert len(SHAPES) - len(kept) == 8  # the last 1x1 convolution, its norm, the classifier


def test_the_listing_is_monais() -> None:
    """MONAI's `_load_state_dict` takes the file by these names."""
    reference = EfficientNetBN("efficientnet-b3", pretrained=False)
    assert {_public_name(k): v for k, v in _shapes(reference).items()} == SHAPES


@pytest.mark.parametrize("size", [300, 96])
@torch.no_grad()
def test_activations_are_monais(size: int) -> None:
    """At the size the weights were trained at and at one of ours."""
    weights = random_state(SHAPES)
    encoder = EfficientNetB3().eval()
    encoder.load_state_dict({k: v for k, v in weights.items() if not k.startswith(PUBLIC.left)})
    reference = EfficientNetBNFeatures("efficientnet-b3", pretrained=False).eval()
    reference.load_state_dict({k: weights[_public_name(k)] for k in reference.state_dict()})
    x = torch.randn((1, 3, size, size), generator=torch.Generator().manual_seed(1))
    for own, other in zip(encoder(x), reference(x), strict=True):
        assert other.std() > 0.01
        assert torch.allclose(own, other, rtol=1e-5, atol=1e-5)


def test_the_decoder_has_two_blocks_a_stage_of_kernels_5_5_3_3() -> None:
    with torch.device("meta"):
        network = efficient_unet(NetworkSpec(name="efficient_unet"), 4)
    stages = [[b for b in stage.modules() if isinstance(b, MBConv)] for stage in network.decoder.stages]
    assert [[b._depthwise_conv.kernel_size[0] for b in blocks] for blocks in stages] == [[5, 5], [5, 5], [3, 3], [3, 3]]
    widths = [(b._expand_conv.out_channels, b._se_reduce.out_channels) for blocks in stages for b in blocks[:1]]
    assert widths == [(6 * c, c // 4) for c in (256, 128, 64, 32)]


def test_stochastic_depth_rises_from_block_to_block() -> None:
    with torch.device("meta"):
        network = efficient_unet(NetworkSpec(name="efficient_unet", stochastic_depth=0.34), 4)
        still = efficient_unet(NetworkSpec(name="efficient_unet"), 4)
    chances = [m.drop for m in network.modules() if isinstance(m, MBConv)]
    assert chances == pytest.approx([0.01 * n for n in range(1, 35)])
    assert {m.drop for m in still.modules() if isinstance(m, MBConv)} == {0.0}
