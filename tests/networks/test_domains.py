"""Multi-domain networks and the ordinary one selected from them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pedseg.domains import load_domains
from pedseg.errors import ModelError
from pedseg.networks import MultiDomain, build_network, make_multidomain, select_domain, start_heads
from pedseg.plan import NetworkSpec

CHANNELS = (4, 6, 8, 10, 12)
JOINTS = load_domains(("ankle", "knee", "shoulder"))


def _trained(scheme: str = "dsl", name: str = "att_unet") -> MultiDomain:
    """A small network whose domains have come to differ."""
    network = build_network(NetworkSpec(name=name, scheme=scheme, channels=CHANNELS), JOINTS, seed=3)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    images = _images(6) * torch.tensor([1.0, 1, 2, 2, 3, 3]).reshape(6, 1, 1, 1)
    for _ in range(3):
        optimiser.zero_grad()
        sum(logits.square().mean() for logits in network(images, (2, 2, 2)).logits).backward()
        optimiser.step()
    return network.eval().requires_grad_(False)


def _images(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn((n, 1, 32, 48), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("scheme", ["dsl", "individual"])
@pytest.mark.parametrize("name", ["unet", "att_unet"])
def test_a_selected_domain_is_equal_bit_for_bit(scheme: str, name: str) -> None:
    network = _trained(scheme, name)
    images = _images(2, seed=5)
    seen = []
    for k, domain in enumerate(JOINTS):
        sizes = [0, 0, 0]
        sizes[k] = 2
        selected = select_domain(network, domain.name)
        assert torch.equal(selected(images), network(images, sizes).logits[k])
        assert not any("Domain" in type(m).__name__ for m in selected.modules())
        seen.append(selected(images)[:, :3])
    assert not torch.allclose(seen[0], seen[1], atol=1e-3), "the domains must have come to differ"


@pytest.mark.parametrize("scheme", ["dsl", "individual"])
def test_a_mixed_batch_is_its_domains_one_by_one(scheme: str) -> None:
    network = _trained(scheme)
    images = _images(6, seed=6)
    logits = network(images, (1, 3, 2)).logits
    for k, part in enumerate(images.split((1, 3, 2))):
        assert torch.allclose(logits[k], select_domain(network, JOINTS[k].name)(part), atol=1e-5)


def test_each_domain_has_its_own_classes_and_an_absent_one_none() -> None:
    output = _trained()(_images(3), (1, 0, 2))
    assert [tuple(x.shape) for x in output.logits] == [(1, 4, 32, 48), (0, 5, 32, 48), (2, 3, 32, 48)]
    assert [s.shape[0] for s in output.stages] == [3] * 9


def test_shared_convolutions_learn_from_all_domains_the_rest_from_their_own() -> None:
    network = _trained().train().requires_grad_()
    network.zero_grad()
    output = network(_images(4), (2, 0, 2))
    output.logits[0].square().mean().backward()
    heads = [p.grad for k, p in network.named_parameters() if "head" in k and "weight" in k]
    assert [g is not None for g in heads] == [True, False, False]
    assert network.get_parameter("network.encoder.levels.4.0.0.weight").grad.abs().max() > 0


def test_individual_networks_share_nothing() -> None:
    network = _trained("individual").train().requires_grad_()
    network.zero_grad()
    network(_images(4), (2, 2, 0)).logits[0].square().mean().backward()
    assert all(p.grad is None or not p.grad.any() for p in network.networks[1].parameters())
    assert any(p.grad.any() for p in network.networks[0].parameters())
    assert network(_images(4), (2, 2, 0)).stages == ()


def test_any_network_becomes_multidomain_and_is_left_as_it_is() -> None:
    layers = [nn.Conv2d(1, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 2, 1)]
    plain = nn.Sequential(*layers)
    before = copy.deepcopy(plain.state_dict())
    network = make_multidomain(plain, 2)
    output = network(_images(4), (2, 2))
    assert network.names == ("0", "1")
    assert output.stages == ()
    expected = [copy.deepcopy(plain)(part) for part in _images(4).split(2)]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(output.logits, expected, strict=True))
    assert all(torch.equal(v, before[k]) for k, v in plain.state_dict().items())


def test_the_network_selected_is_a_copy() -> None:
    network = _trained()
    selected = select_domain(network, "knee")
    with torch.no_grad():
        for p in selected.parameters():
            p.zero_()
    assert network(_images(1), (0, 1, 0)).logits[1].abs().max() > 0


def test_a_layer_used_twice_stays_one_layer() -> None:
    norm = nn.BatchNorm2d(1)
    network = make_multidomain(nn.Sequential(norm, nn.Conv2d(1, 1, 1), norm, nn.Conv2d(1, 1, 1)), 2)
    assert network.network[0] is network.network[2]


def test_an_unknown_domain_is_named_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match="PS-A124: no domain 'hip' in this model; it knows ankle, knee, shoulder"):
        select_domain(_trained(), "hip")


@pytest.mark.parametrize("scheme", ["dsl", "individual"])
@pytest.mark.parametrize("sizes", [(2, 2), (1, 1, 1), (5, 0, -1)])
def test_sizes_must_cover_the_batch(scheme: str, sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="3 sizes that sum to 4"):
        _trained(scheme)(_images(4), sizes)


def test_a_network_without_a_head_is_refused() -> None:
    with pytest.raises(ValueError, match="no 1x1 convolution"):
        make_multidomain(nn.Sequential(nn.Conv2d(1, 2, 3)), 2)


def test_bfloat16_and_channels_last_pass_through() -> None:
    network = _trained().to(memory_format=torch.channels_last)
    images = _images(6).to(memory_format=torch.channels_last)
    exact = network(images, (2, 2, 2)).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = network(images, (2, 2, 2)).logits
    for a, b in zip(exact, rough, strict=True):
        assert b.dtype == torch.bfloat16
        assert (a - b.float()).abs().max() < 0.1 * a.abs().max()


@pytest.mark.parametrize("scheme", ["dsl", "individual"])
def test_heads_started_at_frequencies_predict_them_where_features_are_zero(scheme: str) -> None:
    network = build_network(NetworkSpec(scheme=scheme, channels=CHANNELS), JOINTS)
    shares = [[0.9, 0.05, 0.03, 0.02], [0.8, 0.1, 0.05, 0.03, 0.02], [0.98, 0.015, 0.005]]
    start_heads(network, shares)
    for index, wanted in enumerate(shares):
        head = network.head(index)
        probabilities = head(torch.zeros(1, CHANNELS[0], 1, 1)).softmax(1).flatten()
        assert probabilities.tolist() == pytest.approx(wanted, abs=1e-6)
        selected = select_domain(network, JOINTS[index].name)
        assert torch.equal(selected.head.bias, head.bias)
