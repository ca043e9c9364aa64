"""One network for all joints (scheme `shared`), and the ordinary one of a joint selected from it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pedseg.domains import load_domains
from pedseg.losses import Objective
from pedseg.networks import build_network, class_logits, select_domain, start_heads
from pedseg.networks.joint import JointNetwork
from pedseg.plan import NetworkSpec, ObjectiveSpec, output_coding

JOINTS = load_domains(("ankle", "knee", "shoulder"))
SPEC = NetworkSpec(scheme="shared", channels=(4, 6, 8, 10, 12))
CODING = output_coding(SPEC, JOINTS)
OWN = ((1, 4), (4, 8), (8, 10))
"""First and last channel, exclusive, of each joint's bones."""


def _images(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn((n, 1, 32, 48), generator=torch.Generator().manual_seed(seed))


def _network(spec: NetworkSpec = SPEC) -> JointNetwork:
    network = build_network(spec, JOINTS, seed=3)
    assert isinstance(network, JointNetwork)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.rand(value.shape, generator=torch.Generator().manual_seed(1)) * 0.2)
    return network.eval().requires_grad_(False)


def test_everything_is_shared() -> None:
    network = _network()
    names = {type(m).__name__ for m in network.modules()}
    assert "BatchNorm2d" in names
    assert names.isdisjoint({"DomainBatchNorm2d", "DomainHeads"})
    ordinary = build_network(NetworkSpec(scheme="individual", channels=SPEC.channels), JOINTS[:1])
    more = (10 - 4) * (SPEC.channels[0] + 1)  # six classes more in the head
    assert sum(p.numel() for p in network.parameters()) == sum(p.numel() for p in ordinary.parameters()) + more


def test_every_domain_gets_all_ten_logits_and_an_absent_one_none() -> None:
    output = _network()(_images(3), (1, 0, 2))
    assert [tuple(x.shape) for x in output.logits] == [(1, 10, 32, 48), (0, 10, 32, 48), (2, 10, 32, 48)]
    assert [s.shape[0] for s in output.stages] == [3] * 9


@pytest.mark.parametrize("name", ["unet", "att_unet"])
@pytest.mark.parametrize("k", range(3))
def test_foreign_classes_count_as_background(name: str, k: int) -> None:
    """METHODS, section 4: their probabilities are added to background's."""
    network = _network(NetworkSpec(name=name, scheme="shared", channels=SPEC.channels))
    sizes = [0, 0, 0]
    sizes[k] = 2
    everything = network(_images(2), sizes).logits[k].double().softmax(1)
    first, stop = OWN[k]
    selected = select_domain(network, JOINTS[k].name)
    own = selected(_images(2)).double().softmax(1)
    assert own.shape[1] == JOINTS[k].n_classes
    assert torch.allclose(own[:, 1:], everything[:, first:stop], atol=1e-6)
    foreign = torch.cat([everything[:, :first], everything[:, stop:]], 1).sum(1)
    assert torch.allclose(own[:, 0], foreign, atol=1e-6)


@pytest.mark.parametrize("k", range(3))
def test_class_logits_are_those_of_the_selected_network(k: int) -> None:
    network = _network()
    sizes = [0, 0, 0]
    sizes[k] = 2
    logits = class_logits(network(_images(2), sizes).logits[k], CODING, k)
    selected = select_domain(network, JOINTS[k].name)
    assert torch.equal(logits, selected(_images(2)))
    assert torch.equal(selected.stages(_images(2))[-1], network(_images(2), sizes).stages[-1])


def test_volumes_pass_the_selected_network() -> None:
    selected = select_domain(_network(), "shoulder")
    volume = _images(2)[..., None].repeat(1, 1, 1, 1, 3)
    assert torch.allclose(selected(volume)[..., 1], selected(_images(2)), atol=1e-6)


def test_the_selected_network_is_a_copy_and_scripts() -> None:
    network = _network()
    selected = select_domain(network, "knee")
    expected = selected(_images(1))
    assert torch.allclose(torch.jit.script(selected)(_images(1)), expected, atol=1e-6)
    with torch.no_grad():
        for p in selected.parameters():
            p.zero_()
    assert torch.equal(select_domain(network, "knee")(_images(1)), expected)


def test_a_network_without_stages_will_do() -> None:
    plain = nn.Sequential(nn.Conv2d(1, 10, 1))
    network = JointNetwork(plain, [d.name for d in JOINTS], CODING)
    output = network(_images(3), (1, 1, 1))
    assert output.stages == ()
    assert torch.equal(output.logits[1], plain(_images(3))[1:2])
    assert select_domain(network, "knee")(_images(1)).shape == (1, 5, 32, 48)


@pytest.mark.parametrize("sizes", [(2, 2), (1, 1, 1), (5, 0, -1)])
def test_sizes_must_cover_the_batch(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="3 sizes that sum to 4"):
        _network()(_images(4), sizes)


def test_the_head_starts_at_the_frequencies_of_a_batch() -> None:
    """A third of each batch is of each joint."""
    network = _network()
    shares = [[0.9, 0.05, 0.03, 0.02], [0.8, 0.1, 0.05, 0.03, 0.02], [0.98, 0.015, 0.005]]
    start_heads(network, shares)
    expected = [(0.9 + 0.8 + 0.98) / 3, *(share / 3 for joint in shares for share in joint[1:])]
    assert network.head(1).bias.softmax(0).tolist() == pytest.approx(expected, abs=1e-6)


def test_a_step_of_training_lowers_the_loss() -> None:
    network = build_network(SPEC, JOINTS, seed=0).train()
    objective = Objective(ObjectiveSpec(name="ce", dice_weight=0.1), 3, coding=CODING)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    labels = (_images(6)[:, 0] > 0.5).to(torch.uint8)
    losses = []
    for _ in range(12):
        optimiser.zero_grad()
        loss, _ = objective(network(_images(6), (2, 2, 2)), labels, (2, 2, 2))
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
