"""What goes from one domain's network to another's, and what does not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from pedseg.domains import load_domains
from pedseg.errors import ModelError
from pedseg.networks import IndividualNetworks, build_network, carry_over, select_domain
from pedseg.plan import NetworkSpec

JOINTS = load_domains(("ankle", "knee", "shoulder"))
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def _build(scheme: str = "transfer", name: str = "att_unet", seed: int = 0) -> IndividualNetworks:
    network = build_network(NetworkSpec(name=name, scheme=scheme, channels=(4, 6, 8, 10, 12)), JOINTS, seed=seed)
    assert isinstance(network, IndividualNetworks)
    return network


def _weights(index: int = 1, name: str = "att_unet") -> Mapping[str, Tensor]:
    """Of a knee network whose every weight and statistic has changed."""
    network = select_domain(_build("individual", name, seed=1), JOINTS[index].name)
    with torch.no_grad():
        for k, value in enumerate(network.state_dict().values()):
            value.add_(k + 1)
    return network.state_dict()


@pytest.mark.parametrize("name", ["unet", "att_unet"])
def test_weights_go_over_and_heads_and_statistics_do_not(name: str) -> None:
    weights = _weights(name=name)
    network, fresh = _build(name=name), _build(name=name)
    carry_over(network, weights, "knee")
    for index in (0, 2):
        before, after = fresh.networks[index].state_dict(), network.networks[index].state_dict()
        for key, value in after.items():
            stays = key.startswith("head.") or key.endswith(STATISTICS)
            assert torch.equal(value, before[key] if stays else weights[key]), key
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.networks[0].modules()) > 10


def test_gamma_and_beta_go_over() -> None:
    network = _build()
    carry_over(network, _weights(), "knee")
    norm = network.networks[0].get_submodule("encoder.levels.0.0.1")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.weight.min() > 1
    assert norm.running_mean is not None
    assert not norm.running_mean.any()


def test_the_source_keeps_its_own_network_whole() -> None:
    weights = _weights()
    network = _build()
    carry_over(network, weights, "knee")
    assert all(torch.equal(v, weights[k]) for k, v in network.networks[1].state_dict().items())


def test_networks_are_apart_afterwards() -> None:
    network = _build()
    weights = _weights()
    carry_over(network, weights, "knee")
    with torch.no_grad():
        next(network.networks[0].parameters()).zero_()
    assert next(network.networks[2].parameters()).any()
    assert all(v.any() for k, v in weights.items() if k.startswith("encoder"))


@pytest.mark.parametrize("index", [0, 2])
def test_weights_of_another_domain_are_refused_and_nothing_changes(index: int) -> None:
    network, fresh = _build(), _build()
    with pytest.raises(ModelError, match=r"PS-A102: weights of the network of knee .* 2 of another shape \(head"):
        carry_over(network, _weights(index), "knee")
    state = fresh.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())


def test_a_network_with_a_head_of_several_layers() -> None:
    """Networks with ImageNet encoders: the up-sampling before the last convolution goes over."""
    spec = NetworkSpec(name="efficient_unet", scheme="transfer", channels=(8, 8, 8, 8))
    source, network, fresh = (build_network(spec, JOINTS[:2], seed=s) for s in (1, 0, 0))
    carry_over(network, source.networks[0].state_dict(), "ankle")
    before, after, given = (n.networks[i].state_dict() for n, i in ((fresh, 1), (network, 1), (source, 0)))
    for key, value in after.items():
        stays = key in ("head.1.weight", "head.1.bias") or key.endswith(STATISTICS)
        assert torch.equal(value, before[key] if stays else given[key]), key
