"""The DenseNet121 encoder: its public file and torchvision's network."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import torch
from public_files import public_file, used
from torch.nn import functional as F
from torchvision_models import torchvision_models

from pedseg.networks.densenet import GROWTH, DenseNet121Encoder, dense_block

FILE = "densenet121-a639ec97"


def _encoder() -> DenseNet121Encoder:
    encoder = DenseNet121Encoder()
    encoder.load_state_dict(used(public_file(FILE, encoder.unused_keys)))
    return encoder.eval().requires_grad_(False)


def test_the_public_file_loads_completely() -> None:
    """No key missing or unknown, each value where its old name says."""
    state, own = public_file(FILE, DenseNet121Encoder.unused_keys), _encoder().state_dict()
    for key, value in used(state).items():
        assert torch.equal(own[re.sub(r"(layer\d+\.\w+)\.", r"\1", key)], value), key
    assert len(used(state)) == len([k for k in own if not k.endswith("num_batches_tracked")])
    assert set(state) - set(used(state)) == {"classifier.weight", "classifier.bias"}


def test_a_file_with_todays_names_and_counters_loads_too() -> None:
    state = _encoder().state_dict()
    assert "features.denseblock4.denselayer16.norm2.num_batches_tracked" in state
    again = DenseNet121Encoder()
    again.load_state_dict(state)
    assert all(torch.equal(value, state[key]) for key, value in again.state_dict().items())


@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_loading_leaves_the_callers_dict_alone_and_refuses_what_is_strange(prefix: str) -> None:
    network = torch.nn.ModuleDict({"encoder": DenseNet121Encoder()}) if prefix else DenseNet121Encoder()
    state = {prefix + k: v for k, v in used(public_file(FILE, DenseNet121Encoder.unused_keys)).items()}
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
    x = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        seen.append(F.relu(other(x)))
        for ours, theirs in zip(encoder(x), seen, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_grey_slice_is_three_equal_channels() -> None:
    encoder, x = _encoder(), torch.randn(1, 1, 32, 32)
    for grey, repeated in zip(encoder(x), encoder(x.repeat(1, 3, 1, 1)), strict=True):
        assert torch.equal(grey, repeated)


def test_features_have_the_strides_and_channels_it_says() -> None:
    got = [tuple(f.shape) for f in _encoder()(torch.zeros(1, 1, 64, 96))]
    strides = (2, 4, 8, 16, 32)
    assert got == [(1, c, 64 // s, 96 // s) for c, s in zip(DenseNet121Encoder.channels, strides, strict=True)]


def test_a_dense_block_keeps_its_input_and_adds_what_each_layer_finds() -> None:
    block, x = dense_block(6, 3).eval(), torch.randn(2, 6, 4, 4)
    with torch.no_grad():
        outputs = [block[:i](x) for i in range(4)]
        scripted = torch.jit.script(block)(x)
    assert [o.shape[1] for o in outputs] == [6 + GROWTH * i for i in range(4)]
    for fewer, more in pairwise(outputs):
        assert torch.equal(more[:, : fewer.shape[1]], fewer)
        assert more[:, fewer.shape[1] :].abs().max() > 0
    assert torch.allclose(scripted, outputs[-1], atol=1e-6)
