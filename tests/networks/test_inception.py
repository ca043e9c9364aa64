"""InceptionV3 against torchvision's on the same weights."""

from __future__ import annotations

import torch
from public_files import public_shapes, random_state
from torchvision_models import torchvision_models

from pedseg.networks.inception import InceptionV3, inception_unet
from pedseg.networks.inception_blocks import InceptionA, InceptionC
from pedseg.networks.weights import PUBLIC_FILES
from pedseg.plan import NetworkSpec

PUBLIC = PUBLIC_FILES["inception_unet"]
SHAPES = public_shapes(PUBLIC.name)
ENDS = ("Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c")


def _reference() -> torch.nn.Module:
    return torchvision_models().inception_v3(weights=None, init_weights=False).eval()


def test_names_and_shapes_are_the_public_files() -> None:
    kept = {k: v for k, v in SHAPES.items() if not k.startswith(PUBLIC.left)}
    assert {k: tuple(v.shape) for k, v in InceptionV3().state_dict().items()} == kept
    assert {k.split(".")[0] for k in SHAPES.keys() - kept.keys()} == {"AuxLogits", "fc"}


def test_the_listing_is_torchvisions() -> None:
    assert {k: tuple(v.shape) for k, v in _reference().state_dict().items()} == SHAPES


@torch.no_grad()
def test_activations_are_torchvisions() -> None:
    """Without padding, as torchvision has it, at a size whose strides leave odd maps too."""
    reference, weights = _reference(), random_state(SHAPES)
    reference.load_state_dict(weights)
    encoder = InceptionV3("valid").eval()
    encoder.load_state_dict({k: v for k, v in weights.items() if not k.startswith(PUBLIC.left)})
    expected = []
    for name in ENDS:
        reference.get_submodule(name).register_forward_hook(lambda _, __, out: expected.append(out))
    x = torch.randn((1, 3, 139, 139), generator=torch.Generator().manual_seed(1))
    reference(x)
    for own, other in zip(encoder(x), expected, strict=True):
        assert other.std() > 0.01
        assert torch.allclose(own, other, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_padding_same_halves_exactly_and_changes_borders_only() -> None:
    weights = random_state({k: v for k, v in SHAPES.items() if not k.startswith(PUBLIC.left)})
    same, valid = InceptionV3().eval(), InceptionV3("valid").eval()
    for encoder in (same, valid):
        encoder.load_state_dict(weights)
    x = torch.randn((1, 3, 96, 128), generator=torch.Generator().manual_seed(1))
    features = same(x)
    assert [tuple(f.shape[2:]) for f in features] == [(96 // s, 128 // s) for s in (2, 4, 8, 16, 32)]
    # Without padding, windows over x[1:] begin where those of x begin after one padded pixel: pixel j is pixel j + 2.
    inner = valid(x[..., 1:, 1:])[0][..., 1:-1, 1:-1]
    rows, columns = inner.shape[2:]
    assert torch.allclose(features[0][..., 3 : 3 + rows, 3 : 3 + columns], inner, atol=1e-5)


def test_the_decoder_has_the_encoders_modules_brought_back_to_its_channels() -> None:
    with torch.device("meta"):
        network = inception_unet(NetworkSpec(name="inception_unet"), 4)
    stages = [stage.convs[1] for stage in network.decoder.stages]
    kinds = [[type(m) for m in stage.modules() if isinstance(m, (InceptionA, InceptionC))] for stage in stages]
    assert kinds == [[InceptionC] * 3, [InceptionA] * 3, [InceptionA] * 2, [InceptionA] * 2]
    backs = [[b[1].conv.out_channels for b in stage if isinstance(b, torch.nn.Sequential)] for stage in stages]
    assert backs == [[512] * 3, [], [192] * 2, [64] * 2]
    assert all(isinstance(b, (torch.nn.Sequential, InceptionA)) for stage in stages for b in stage)
