"""DenseNet121: its public file, torchvision's network, and the weights of the U-Net around it."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional as F
from torchvision_files import check_features, check_maps, loaded, public_file, used
from torchvision_models import torchvision_models

from pedseg.networks.dense_blocks import DenseLayer
from pedseg.networks.densenet import DenseNet121, dense_unet
from pedseg.plan import NetworkSpec

FILE = "densenet121-a639ec97"


def _encoder() -> DenseNet121:
    return loaded(DenseNet121(), FILE)


def test_the_public_file_loads_completely() -> None:
    """No key missing or unknown, each value where its old name says."""
    state, own = public_file(FILE, DenseNet121.unused_keys), _encoder().state_dict()
    for key, value in used(state).items():
        assert torch.equal(own[re.sub(r"(layer\d+\.\w+)\.", r"\1", key)], value), key
    assert len(used(state)) == len([k for k in own if not k.endswith("num_batches_tracked")])
    assert set(state) - set(used(state)) == {"classifier.weight", "classifier.bias"}


def test_a_file_with_todays_names_and_counters_loads_too() -> None:
    state = _encoder().state_dict()
    assert "features.denseblock4.denselayer16.norm2.num_batches_tracked" in state
    again = DenseNet121()
    again.load_state_dict(state)
    assert all(torch.equal(value, state[key]) for key, value in again.state_dict().items())


@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_loading_leaves_the_callers_dict_alone_and_refuses_what_is_strange(prefix: str) -> None:
    network = torch.nn.ModuleDict({"encoder": DenseNet121()}) if prefix else DenseNet121()
    state = {prefix + k: v for k, v in used(public_file(FILE, DenseNet121.unused_keys)).items()}
    before = list(state)
    network.load_state_dict(state)
    assert list(state) == before
    strange = {**state, f"{prefix}features.denseblock1.denselayer1.norm.3.weight": torch.zeros(1)}
    with pytest.raises(RuntimeError, match=r"Unexpected key.*norm\.3\.weight"):
        network.load_state_dict(strange)


def test_it_is_torchvisions_network() -> None:
    models, encoder = torchvision_models(), _encoder()
    with torch.device("meta"):
        other = models.densenet121(weights=None).features.eval()
    state = {k.removeprefix("features."): v for k, v in encoder.state_dict().items()}
    other.load_state_dict(state, strict=True, assign=True)
    seen: list[torch.Tensor] = []
    for layer in (other.relu0, other.transition1.relu, other.transition2.relu, other.transition3.relu):
        layer.register_forward_hook(lambda _, __, output: seen.append(output))
    other.register_forward_hook(lambda _, __, output: seen.append(F.relu(output)))
    check_maps(encoder, other, seen)


def test_features_have_the_strides_and_channels_it_says() -> None:
    check_features(_encoder(), (2, 4, 8, 16, 32))


@pytest.mark.parametrize("decoder", ["upsample", "transposed"])
def test_dense_unet_counted_by_hand(decoder: str) -> None:
    def block(channels: int, n: int) -> int:
        return sum(2 * c + 128 * c + 2 * 128 + 9 * 128 * 32 for c in range(channels, channels + 32 * n, 32))

    count = 49 * 3 * 64 + 2 * 64 + sum(block(c, n) for c, n in ((64, 6), (128, 12), (256, 24), (512, 16))) + 2 * 1024
    count += sum(2 * c + c * c // 2 for c in (256, 512, 1024))
    outs = (512, 256, 64, 32) if decoder == "upsample" else (384, 192, 96, 48)
    for coarse, out, skip, n in zip((1024, *outs), outs, (1024, 512, 256, 64), (12, 6, 4, 2), strict=False):
        if decoder == "upsample":
            inner = skip // 2
            count += (skip + coarse) * inner + 4 * inner + inner + 2
        count += 9 * (skip + coarse) * out
        grown = out + 32 * n
        count += 2 * out + block(out, n) + 2 * grown + grown * out
    with torch.device("meta"):
        network = dense_unet(NetworkSpec(name="dense_unet", decoder=decoder), 4)
    assert sum(p.numel() for p in network.parameters()) == count + 11 * outs[-1] + outs[-1] * 4 + 4


@pytest.mark.parametrize("decoder", ["upsample", "transposed"])
def test_the_decoders_dense_blocks_shrink_towards_the_image(decoder: str) -> None:
    with torch.device("meta"):
        network = dense_unet(NetworkSpec(name="dense_unet", decoder=decoder), 4)
    layers = [sum(isinstance(m, DenseLayer) for m in stage.modules()) for stage in network.decoder.stages]
    assert layers == [12, 6, 4, 2]
