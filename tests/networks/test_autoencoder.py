"""Auto-encoders of masks: published sizes, domains, the frozen encoder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from pedseg.domains import load_domains
from pedseg.errors import ModelError
from pedseg.losses import Objective
from pedseg.networks import MultiDomainAutoencoder, ShapeEncoder, build_autoencoder, select_domain
from pedseg.networks.autoencoder import autoencoder, make_multidomain_autoencoder
from pedseg.plan import AutoencoderSpec

JOINTS = load_domains(("ankle", "knee", "shoulder"))
CLASSES = (4, 5, 3)
SMALL = (4, 6, 8, 10, 12)
SCHEMES = ("dsl", "shared", "individual")


def _discs(n: int, classes: int, seed: int = 0, size: int = 32) -> Tensor:
    """(n, size, size) labels: a disc of each structure, at random."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros((n, size, size), dtype=torch.uint8)
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    for image in labels:
        for label in range(1, classes):
            row, column = torch.randint(4, size - 4, (2,), generator=generator)
            image[(rows - row) ** 2 + (columns - column) ** 2 <= 25] = label
    return labels


def _one_hot(labels: Tensor, classes: int) -> Tensor:
    return nn.functional.one_hot(labels.long(), classes).movedim(-1, 1).float()


def _masks(sizes: Sequence[int] = (2, 2, 2), scheme: str = "dsl", seed: int = 0) -> list[Tensor]:
    wide = (10, 10, 10) if scheme == "shared" else CLASSES
    return [_one_hot(_discs(n, CLASSES[k], seed + k), wide[k]) for k, n in enumerate(sizes)]


def _trained(scheme: str = "dsl", kind: str = "double") -> MultiDomainAutoencoder:
    """A small auto-encoder whose domains have come to differ."""
    network = build_autoencoder(AutoencoderSpec(kind=kind, scheme=scheme, channels=SMALL), JOINTS, seed=3)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(3):
        optimiser.zero_grad()
        logits = network(_masks(scheme=scheme, seed=step)).logits
        sum(k * x.square().mean() for k, x in enumerate(logits, start=1)).backward()
        optimiser.step()
    return network.eval().requires_grad_(False)


def _statistics(network: nn.Module, rows: slice | int = slice(None)) -> dict[str, Tensor]:
    return {k: v[rows].clone() for k, v in network.state_dict().items() if "running" in k or "tracked" in k}


@pytest.mark.parametrize(("kind", "published"), [("double", 7.85e6), ("single", 3.14e6)])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_parameters_reach_the_published_counts(kind: str, published: float, scheme: str) -> None:
    """B table 1: 7.9 M shared and dsl; D section 3.3: 3.1 M; domain-specific weights at most 3 % (B, section 3.3)."""
    network = build_autoencoder(AutoencoderSpec(kind=kind, scheme=scheme), JOINTS)
    networks = 3 if scheme == "individual" else 1
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(networks * published, rel=0.01)
    assert sum(p.numel() for p in network.select(1).parameters()) == pytest.approx(published, rel=0.01)


def test_the_one_of_b_counted_by_hand() -> None:
    """Every layer, summed without the code under test."""
    c, n_classes = (32, 64, 128, 256, 512), 4

    def block(i: int, o: int) -> int:
        return 9 * i * o + 2 * o

    count = sum(block(i, o) + block(o, o) for i, o in pairwise((n_classes, *c)))
    count += sum(block(coarse, fine) + 2 * block(fine, fine) for fine, coarse in pairwise(c))
    count += c[0] * n_classes + n_classes
    assert sum(p.numel() for p in autoencoder(AutoencoderSpec(), n_classes).parameters()) == count == 7_850_948


@pytest.mark.parametrize("kind", ["double", "single"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_codes_are_sixteen_times_smaller(kind: str, scheme: str) -> None:
    spec = AutoencoderSpec(kind=kind, scheme=scheme, channels=(2, 2, 2, 2, 512))
    classes = (10, 10, 10) if scheme == "shared" else CLASSES
    codes = build_autoencoder(spec, JOINTS).eval().encode([torch.rand(2, c, 64, 32) for c in classes])
    assert [tuple(code.shape) for code in codes] == [(2, 512, 4, 2)] * 3


@pytest.mark.parametrize("kind", ["double", "single"])
@pytest.mark.parametrize("scheme", ["dsl", "shared"])
def test_nine_scales_down_and_up(kind: str, scheme: str) -> None:
    output = _trained(scheme, kind)(_masks((1, 0, 2), scheme))
    strides, channels = (1, 2, 4, 8, 16, 8, 4, 2, 1), (4, 6, 8, 10, 12, 10, 8, 6, 4)
    expected = [(3, c, 32 // s, 32 // s) for c, s in zip(channels, strides, strict=True)]
    assert [tuple(stage.shape) for stage in output.stages] == expected
    assert [z.shape[1] for z in output.embeddings("average")] == list(channels)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_mixed_batch_is_its_domains_one_by_one(scheme: str) -> None:
    network = _trained(scheme)
    masks = _masks((1, 3, 2), scheme, seed=9)
    logits, codes = network(masks).logits, network.encode(masks)
    for k, domain in enumerate(JOINTS):
        alone = select_domain(network, domain.name)
        assert torch.allclose(logits[k], alone(masks[k]), atol=1e-5)
        assert torch.allclose(codes[k], alone.encode(masks[k]), atol=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_selected_domain_is_an_ordinary_network_equal_bit_for_bit(scheme: str) -> None:
    network = _trained(scheme)
    for k, domain in enumerate(JOINTS):
        sizes = [0, 0, 0]
        sizes[k] = 2
        masks = _masks(sizes, scheme, seed=5)
        selected = select_domain(network, domain.name)
        given = torch.cat(masks) if scheme == "shared" else masks[k]  # one memory layout: another changes last bits
        assert torch.equal(selected(given), network(masks).logits[k])
        assert not any("Domain" in type(m).__name__ for m in selected.modules())
    with pytest.raises(ModelError, match="PS-A124: no domain 'hip' in this model; it knows ankle, knee, shoulder"):
        select_domain(network, "hip")


def test_domains_come_to_differ() -> None:
    """The same mask reads differently for two joints, norms and inputs being their own."""
    network = _trained()
    ankle, knee = network.select(0), network.select(1)
    code = torch.rand(1, 4, 16, 16)
    assert not torch.allclose(ankle.encoder.levels[1](code), knee.encoder.levels[1](code), atol=1e-3)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_domain_has_its_own_classes_and_an_absent_one_none(scheme: str) -> None:
    network = _trained(scheme)
    masks = _masks((1, 0, 2), scheme)
    assert [x.shape for x in network(masks).logits] == [m.shape for m in masks]
    assert [len(code) for code in network.encode(masks)] == [1, 0, 2]


def test_statistics_of_a_domain_change_by_its_own_images_only() -> None:
    network = _trained().train()
    before = [_statistics(network, k) for k in range(3)]
    network(_masks((2, 0, 3)))
    after = [_statistics(network, k) for k in range(3)]
    changed = [all(not torch.equal(b[key], a[key]) for key in b) for b, a in zip(before, after, strict=True)]
    assert changed == [True, False, True]
    assert all(torch.equal(before[1][key], after[1][key]) for key in before[1])


def test_the_shared_one_has_plain_norms_and_one_head() -> None:
    """B, section 3.2.1: all parameters shared."""
    network = _trained("shared")
    assert not any("Domain" in type(m).__name__ for m in network.network.modules())
    assert network.network.head.out_channels == 1 + 3 + 4 + 2


def test_individual_ones_share_nothing() -> None:
    network = _trained("individual").train().requires_grad_()
    network.zero_grad()
    output = network(_masks((2, 2, 0)))
    output.logits[0].square().mean().backward()
    assert all(p.grad is None or not p.grad.any() for p in network.networks[1].parameters())
    assert output.stages == ()


def test_nothing_but_the_code_reaches_the_decoder() -> None:
    """No skips: what the code does not hold is lost."""
    network = _trained().select(0)
    masks = _masks((2, 2, 2))[0]
    features = network.encode(masks)
    for step in network.decoder:
        features = step(features)
    assert torch.equal(network.head(features), network(masks))
    assert torch.equal(network.decode(network.encode(masks)), network(masks))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_network_selected_is_a_copy(scheme: str) -> None:
    network = _trained(scheme)
    selected = select_domain(network, "knee")
    with torch.no_grad():
        for p in selected.parameters():
            p.zero_()
    assert network(_masks((0, 1, 0), scheme)).logits[1].abs().max() > 0


def test_the_network_it_is_made_of_is_left_as_it_is() -> None:
    plain = autoencoder(AutoencoderSpec(channels=SMALL), 4)
    before = copy.deepcopy(plain.state_dict())
    made = make_multidomain_autoencoder(plain, JOINTS)
    with torch.no_grad():
        for p in made.parameters():
            p.zero_()
    assert all(torch.equal(v, before[k]) for k, v in plain.state_dict().items())


def test_an_input_of_as_many_classes_starts_as_a_copy() -> None:
    plain = autoencoder(AutoencoderSpec(channels=SMALL), 4)
    made = make_multidomain_autoencoder(plain, JOINTS)
    masks = _masks((2, 0, 0))
    assert torch.equal(made.eval()(masks).logits[0], plain.eval()(masks[0]))


def test_the_frozen_encoder_stays_frozen_and_in_evaluation() -> None:
    source = _trained().train().requires_grad_()
    around = nn.ModuleDict({"encoder": ShapeEncoder(source), "network": nn.BatchNorm2d(1)}).train()
    encoder = around["encoder"]
    assert around["network"].training
    assert not any(m.training for m in encoder.modules())
    assert not any(p.requires_grad for p in encoder.parameters())
    before = copy.deepcopy(encoder.state_dict())
    masks = [mask.requires_grad_() for mask in _masks()]
    sum(code.square().sum() for code in encoder(masks)).backward()
    assert all(mask.grad is not None and mask.grad.any() for mask in masks)
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())
    assert all(p.grad is None for p in encoder.parameters())


def test_the_frozen_encoder_is_a_copy() -> None:
    source = _trained().train().requires_grad_()
    encoder = ShapeEncoder(source)
    expected = encoder(_masks())
    assert source.training
    assert all(p.requires_grad for p in source.parameters())
    with torch.no_grad():
        for p in source.parameters():
            p.add_(1.0)
    assert all(torch.equal(a, b) for a, b in zip(encoder(_masks()), expected, strict=True))


@pytest.mark.parametrize(("scheme", "kind"), [("dsl", "double"), ("individual", "single")])
def test_it_learns_discs(scheme: str, kind: str) -> None:
    """L_AE (B eq. 6) of an auto-encoder of all joints, L_CE of one a joint."""
    spec = AutoencoderSpec(kind=kind, scheme=scheme, channels=SMALL)
    network = build_autoencoder(spec, JOINTS).train()
    objective = Objective(spec.objective, 3)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    losses = []
    for step in range(30):
        labels = torch.cat([_discs(4, c, seed=10 * step + k) for k, c in enumerate(CLASSES)])
        masks = [_one_hot(y, c) for y, c in zip(labels.split(4), CLASSES, strict=True)]
        optimiser.zero_grad()
        total, terms = objective(network(masks), labels, (4, 4, 4))
        total.backward()
        optimiser.step()
        losses.append({"total": total.item(), **{k: v.item() for k, v in terms.items()}})
    for name in losses[0]:
        assert losses[-1][name] < 0.6 * losses[0][name], name
