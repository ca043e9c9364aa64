"""VGG19: its public file, torchvision's network, and the weights of the U-Net around it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torchvision_files import check_features, check_maps, loaded, public_file, used
from torchvision_models import torchvision_models

from pedseg.networks.vgg import VGG19, vgg_unet
from pedseg.plan import NetworkSpec

FILE = "vgg19-dcbb9e9d"


def _encoder() -> VGG19:
    return loaded(VGG19(), FILE)


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
    check_maps(encoder, other, seen)


def test_features_have_the_strides_and_channels_it_says() -> None:
    check_features(_encoder(), (1, 2, 4, 8, 16))


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
