"""VGG19: its public file, torchvision's network, and the weights of the U-Net around it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torchvision_files import public_file, used
from torchvision_models import torchvision_models

from pedseg.networks.vgg import VGG19, vgg_unet
from pedseg.plan import NetworkSpec

FILE = "vgg19-dcbb9e9d"


def _encoder() -> VGG19:
    encoder = VGG19()
    encoder.load_state_dict(used(public_file(FILE, encoder.unused_keys)))
    return encoder.eval().requires_grad_(False)


def test_the_public_file_loads_completely() -> None:
    state, own = public_file(FILE, VGG19.unused_keys), _encoder().state_dict()
    assert all(torch.equal(own[key], value) for key, value in used(state).items())
    assert set(used(state)) == set(own)
    assert {k.partition(".")[0] for k in set(state) - set(used(state))} == {"classifier"}


def test_it_is_torchvisions_network() -> None:
    models, encoder = torchvision_models(), _encoder()
    with torch.device("meta"):
        other = models.vgg19(weights=None).features.eval()
    state = {k.removeprefix("features."): v for k, v in encoder.state_dict().items()}
    other.load_state_dict(state, strict=True, assign=True)
    seen: list[torch.Tensor] = []
    for layer in other:
        if isinstance(layer, torch.nn.MaxPool2d):
            layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    x = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        other(x)
        for ours, theirs in zip(encoder(x), seen, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_grey_slice_is_three_equal_channels() -> None:
    encoder, x = _encoder(), torch.randn(1, 1, 32, 32)
    for grey, repeated in zip(encoder(x), encoder(x.repeat(1, 3, 1, 1)), strict=True):
        assert torch.equal(grey, repeated)


def test_features_have_the_strides_and_channels_it_says() -> None:
    got = [tuple(f.shape) for f in _encoder()(torch.zeros(1, 1, 64, 96))]
    assert got == [(1, c, 64 // s, 96 // s) for c, s in zip(VGG19.channels, (1, 2, 4, 8, 16), strict=True)]


def test_without_a_file_the_signal_reaches_conv5() -> None:
    """With torch's own start of convolutions it is a millionth there."""
    torch.manual_seed(0)
    features = VGG19()(torch.randn(2, 1, 64, 64))
    assert 0.1 < features[-1].std() / features[0].std() < 10


def test_vgg_unet_counted_by_hand() -> None:
    levels = [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8
    count = sum(9 * i * o + o for i, o in pairwise([3, *levels]))
    for coarse, fine in pairwise((512, 512, 256, 128, 64)):
        count += 4 * coarse * fine + fine + 9 * (2 * fine + 2 * fine) * fine + 3 * 2 * fine
    with torch.device("meta"):
        network = vgg_unet(NetworkSpec(name="vgg_unet"), 4)
    assert sum(p.numel() for p in network.parameters()) == count + 64 * 4 + 4
