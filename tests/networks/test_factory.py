"""Building networks from specifications."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import get_args

import pytest
import torch
from torch import nn

from pedseg.domains import load_domains
from pedseg.networks import (
    NETWORKS,
    build_autoencoder,
    build_mask_discriminators,
    build_network,
    build_shape_code_discriminators,
)
from pedseg.plan import AutoencoderSpec, NetworkSpec

JOINTS = load_domains(("ankle", "knee"))
SMALL = NetworkSpec(channels=(2, 2, 2, 2, 2))
TINY = AutoencoderSpec(channels=(2, 2, 2, 2, 8))


def test_registry_and_specification_know_the_same_names() -> None:
    assert set(NETWORKS) == set(get_args(NetworkSpec.model_fields["name"].annotation))


BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "network": partial(build_network, SMALL, JOINTS),
    "autoencoder": partial(build_autoencoder, TINY, JOINTS),
    "mask discriminators": partial(build_mask_discriminators, JOINTS),
    "code discriminators": partial(build_shape_code_discriminators, TINY, JOINTS, window=64),
}


@pytest.mark.parametrize("what", BUILDERS)
def test_a_seed_fixes_the_weights(what: str) -> None:
    first, again, other = (BUILDERS[what](seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(v, again[k]) for k, v in first.items())
    assert any(not torch.equal(v, other[k]) for k, v in first.items())


@pytest.mark.parametrize("what", BUILDERS)
def test_torchs_own_random_state_is_left_alone(what: str) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    BUILDERS[what](seed=9)
    assert torch.equal(torch.rand(1), expected)


def test_gates_are_in_the_attention_network_only() -> None:
    def gates(name: str) -> int:
        network = build_network(NetworkSpec(name=name, channels=SMALL.channels), JOINTS)
        return sum(type(m).__name__ == "AttentionGate" for m in network.modules())

    assert (gates("att_unet"), gates("unet")) == (4, 0)


def test_individual_networks_start_differently() -> None:
    network = build_network(SMALL.model_copy(update={"scheme": "individual"}), JOINTS)
    a, b = (n.encoder.levels[0][0][0].weight for n in network.networks)
    assert not torch.equal(a, b)


def test_discriminators_fit_what_each_domain_shows_them() -> None:
    masks = [torch.rand(2, 1 + d.n_classes, 64, 64) for d in JOINTS]
    assert [tuple(s.shape) for s in build_mask_discriminators(JOINTS)(masks)] == [(2, 1, 4, 4)] * 2
    codes = build_autoencoder(TINY, JOINTS).encode([mask[:, 1:] for mask in masks])
    judges = build_shape_code_discriminators(TINY, JOINTS, window=64)
    assert [tuple(s.shape) for s in judges(codes)] == [(2, 1, 1, 1)] * 2
