"""Networks of single bones and of their union, with sigmoids (D)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pedseg.domains import load_domains
from pedseg.losses import Objective, conditioned, shape_prior
from pedseg.networks import (
    ShapeEncoder,
    build_autoencoder,
    build_mask_discriminators,
    build_network,
    class_logits,
    select_domain,
    start_heads,
)
from pedseg.networks.bones import BoneNetworks
from pedseg.plan import AutoencoderSpec, NetworkSpec, ObjectiveSpec, output_coding

JOINTS = load_domains(("ankle", "shoulder"))  # 3 and 2 bones
WIDTHS = {"individual": (3, 2), "global": (1, 1)}
STRATEGIES = tuple(WIDTHS)
CHANNELS = (4, 4, 4, 4, 4)


def _spec(strategy: str) -> NetworkSpec:
    return NetworkSpec(scheme="individual", strategy=strategy, channels=CHANNELS)


def _network(strategy: str) -> BoneNetworks:
    network = build_network(_spec(strategy), JOINTS, seed=3)
    assert isinstance(network, BoneNetworks)
    return network.eval().requires_grad_(False)


def _images(n: int, seed: int = 0, size: int = 32) -> Tensor:
    return torch.randn((n, 1, size, size), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_there_is_a_network_a_bone_or_one_for_all(strategy: str) -> None:
    network = _network(strategy)
    assert tuple(len(own.networks) for own in network.networks) == WIDTHS[strategy]
    output = network(_images(3), (1, 2))
    assert [tuple(x.shape[:2]) for x in output.logits] == list(zip((1, 2), WIDTHS[strategy], strict=True))
    assert output.stages == ()
    first = network.networks[1].networks[0]
    assert torch.allclose(output.logits[1][:, :1], first(_images(3)[1:]), atol=1e-6)
    assert network(_images(2), (0, 2)).logits[0].shape == (0, WIDTHS[strategy][0], 32, 32)


def test_bones_are_drawn_apart() -> None:
    a, b, _ = (net.encoder.levels[0][0][0].weight for net in _network("individual").networks[0].networks)
    assert not torch.equal(a, b)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_selected_network_gives_the_classes_of_the_domain(strategy: str) -> None:
    network = _network(strategy)
    for k, domain in enumerate(JOINTS):
        sizes = [0, 0]
        sizes[k] = 2
        logits = network(_images(2), sizes).logits[k]
        selected = select_domain(network, domain.name)
        coding = output_coding(_spec(strategy), JOINTS)
        assert torch.equal(selected(_images(2)), class_logits(logits, coding, k))
        assert selected(_images(2)).shape[1] == 1 + WIDTHS[strategy][k]
        volume = _images(2)[..., None].repeat(1, 1, 1, 1, 2)
        assert torch.allclose(selected(volume)[..., 1], selected(_images(2)), atol=1e-6)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_selected_network_scripts(strategy: str) -> None:
    selected = select_domain(_network(strategy), "shoulder")
    assert torch.allclose(torch.jit.script(selected)(_images(2)), selected(_images(2)), atol=1e-6)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_heads_start_at_the_frequencies(strategy: str) -> None:
    network = _network(strategy)
    shares = [[0.9, 0.05, 0.03, 0.02], [0.8, 0.15, 0.05]]
    start_heads(network, shares)
    for own, (background, *bones) in zip(network.networks, shares, strict=True):
        wanted = bones if strategy == "individual" else [1 - background]
        started = [net.head.bias.sigmoid().item() for net in own.networks]
        assert started == pytest.approx(wanted, abs=1e-6)
    assert network.head(0) is network.networks[0].networks[0].head


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("detail", [1, 2])
def test_steps_of_training_lower_the_loss(strategy: str, detail: int) -> None:
    network = build_network(_spec(strategy), JOINTS, seed=0).train()
    objective = Objective(ObjectiveSpec(name="ce", dice_weight=0.1), 2, coding=output_coding(_spec(strategy), JOINTS))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    labels = (_images(4)[:, 0] > 0.5).to(torch.uint8).repeat_interleave(detail, 1).repeat_interleave(detail, 2)
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        loss, _ = objective(network(_images(4), (2, 2)), labels, (2, 2))
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.85 * losses[0]


@pytest.mark.parametrize("sizes", [(2,), (1, 1), (5, -1)])
def test_sizes_must_cover_the_batch(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2 sizes that sum to 4"):
        _network("global")(_images(4), sizes)


def _masks(strategy: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.rand((2, width, 64, 64), generator=generator) for width in WIDTHS[strategy]]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_auto_encoders_see_one_channel(strategy: str) -> None:
    spec = AutoencoderSpec(kind="single", scheme="individual", strategy=strategy, channels=(2, 2, 2, 2, 8))
    made = build_autoencoder(spec, JOINTS, seed=1).eval()
    masks = _masks(strategy)
    firsts = [m for m in made.modules() if isinstance(m, nn.Conv2d) and m.in_channels == 1]
    assert len(firsts) == sum(WIDTHS[strategy])
    assert [x.shape for x in made(masks).logits] == [mask.shape for mask in masks]
    codes = made.encode(masks)
    for k, mask in enumerate(masks):
        own = made.select(k)
        assert torch.equal(own.decode(own.encode(mask)), own(mask))
    assert [tuple(code.shape) for code in codes] == [(2 * width, 8, 4, 4) for width in WIDTHS[strategy]]
    other = [mask.clone() for mask in masks]
    other[0][:, 0] = 0
    changed = [(a - b).abs().flatten(1).amax(1) > 0 for a, b in zip(codes, made.encode(other), strict=True)]
    assert changed[0].tolist() == [True, True] + [False] * (2 * WIDTHS[strategy][0] - 2)
    assert not changed[1].any()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_prior_of_bones_is_the_mean_of_the_bones_own(reduction: str) -> None:
    """As if each bone's network had been trained alone."""
    spec = AutoencoderSpec(kind="single", scheme="individual", strategy="individual", channels=(2, 2, 2, 2, 8))
    made = build_autoencoder(spec, JOINTS[:1], seed=1)
    p, y = (torch.rand((2, 3, 32, 32), generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    whole = shape_prior([p], [y], ShapeEncoder(made), reduction=reduction)
    own = made.eval().networks[0].networks
    bones = [
        shape_prior([p[:, c : c + 1]], [y[:, c : c + 1]], lambda masks, c=c: (own[c].encode(masks[0]),),
                    reduction=reduction).item()
        for c in range(3)
    ]  # fmt: skip
    assert whole.item() == pytest.approx(sum(bones) / 3, rel=1e-5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_discriminators_see_two_channels(strategy: str) -> None:
    judges = build_mask_discriminators(JOINTS, strategy=strategy, seed=1).eval()
    firsts = [m for m in judges.modules() if isinstance(m, nn.Conv2d) and m.in_channels == 2]
    assert len(firsts) == sum(WIDTHS[strategy])
    seen = conditioned(_masks(strategy), _images(4, size=64))
    scores = judges(seen)
    assert [tuple(s.shape) for s in scores] == [(2, width, 4, 4) for width in WIDTHS[strategy]]
    other = [x.clone() for x in seen]
    other[0][:, 1] = 0  # the first bone's mask
    changed = (judges(other)[0] - scores[0]).abs().amax((0, 2, 3)) > 0
    assert changed.tolist() == [True] + [False] * (WIDTHS[strategy][0] - 1)
