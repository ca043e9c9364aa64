"""Building networks from specifications."""

from __future__ import annotations

from typing import get_args

import torch

from pedseg.domains import load_domains
from pedseg.networks import NETWORKS, build_network
from pedseg.plan import NetworkSpec

JOINTS = load_domains(("ankle", "knee"))
SMALL = NetworkSpec(channels=(2, 2, 2, 2, 2))


def test_registry_and_specification_know_the_same_names() -> None:
    assert set(NETWORKS) == set(get_args(NetworkSpec.model_fields["name"].annotation))


def test_a_seed_fixes_the_weights() -> None:
    first, again, other = (build_network(SMALL, JOINTS, seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(v, again[k]) for k, v in first.items())
    assert any(not torch.equal(v, other[k]) for k, v in first.items())


def test_torchs_own_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    build_network(SMALL, JOINTS, seed=9)
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
