"""Terms composed as the plan says."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from pedseg.domains import load_domains
from pedseg.errors import UsageError
from pedseg.losses import (
    Objective,
    binary_cross_entropy,
    conditioned,
    coverage,
    cross_entropy,
    discrimination,
    multi_scale_contrastive,
    plausibility,
    probabilities_of,
    shape_prior,
    single_scale_contrastive,
    soft_dice,
    targets_of,
)
from pedseg.networks import DomainDiscriminators, MultiDomainOutput, embed
from pedseg.plan import Coding, NetworkSpec, ObjectiveName, ObjectiveSpec, output_coding

SIZES = (2, 3)
DOMAINS = torch.tensor([0, 0, 1, 1, 1])


def _output() -> MultiDomainOutput:
    torch.manual_seed(0)
    logits = tuple(torch.randn(n, c, 8, 8) for n, c in zip(SIZES, (3, 4), strict=True))
    return MultiDomainOutput(logits, tuple(torch.rand(5, 4, s, s) for s in (8, 4, 2, 4, 8)))


def _labels() -> torch.Tensor:
    return torch.randint(0, 3, (5, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def _targets() -> list[torch.Tensor]:
    return [coverage(y, c, (8, 8)) for y, c in zip(_labels().split(SIZES), (3, 4), strict=True)]


def _halved(masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """A shape encoder: the means of 2 x 2 pixels, two classes of every domain."""
    return tuple(nn.functional.avg_pool2d(mask[:, :2], 2) for mask in masks)


def _judges(*channels: int) -> DomainDiscriminators:
    torch.manual_seed(2)
    return DomainDiscriminators(nn.Sequential(nn.Conv2d(c, 3, 2, stride=2), nn.Conv2d(3, 1, 1)) for c in channels)


def _images() -> Tensor:
    return torch.randn((5, 1, 8, 8), generator=torch.Generator().manual_seed(3))


def _masks() -> list[Tensor]:
    return [x.softmax(1) for x in _output().logits]


def _parts(name: str) -> Objective:
    """An objective with whatever it may need at hand."""
    judges = _judges(2, 2) if name == "spar" else _judges(4, 5)
    spec = ObjectiveSpec(name=name, contrastive_weight=0.5, prior_weight=0.3, adversarial_weight=0.2)
    return Objective(spec, 2, encoder=_halved, discriminator=judges)


def _ce() -> torch.Tensor:
    return cross_entropy(_output().logits, _targets())


def test_cross_entropy_alone() -> None:
    total, terms = Objective(ObjectiveSpec(name="ce"), 2)(_output(), _labels(), SIZES)
    assert total == terms["ce"] == _ce()
    assert list(terms) == ["ce"]


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_multi_scale(pooling: str) -> None:
    spec = ObjectiveSpec(name="msc", contrastive_weight=0.5, temperature=0.2, pooling=pooling)
    total, terms = Objective(spec, 2)(_output(), _labels(), SIZES)
    scales = [embed(s, pooling) for s in _output().stages]
    assert terms["msc"] == multi_scale_contrastive(scales, DOMAINS, temperature=0.2)
    assert total.item() == pytest.approx((_ce() + 0.5 * terms["msc"]).item())


def test_single_scale_takes_the_bottleneck() -> None:
    spec = ObjectiveSpec(name="ssc", contrastive_weight=0.1, pooling="max")
    total, terms = Objective(spec, 2)(_output(), _labels(), SIZES)
    z = embed(_output().stages[2], "max")
    assert terms["ssc"] == single_scale_contrastive(z, DOMAINS, temperature=0.1)
    assert total.item() == pytest.approx((_ce() + 0.1 * terms["ssc"]).item())


@pytest.mark.parametrize("name", ["ssc", "msc"])
def test_one_domain_has_nothing_to_contrast(name: str) -> None:
    with pytest.raises(UsageError, match=f"PS-A120: objective {name} contrasts domains, got one: use objective ce"):
        Objective(ObjectiveSpec(name=name), 1)


def test_dice_beside_the_others() -> None:
    spec = ObjectiveSpec(name="ssc", contrastive_weight=0.1, dice_weight=0.5)
    total, terms = Objective(spec, 2)(_output(), _labels(), SIZES)
    assert list(terms) == ["ce", "soft_dice", "ssc"]
    assert terms["soft_dice"] == soft_dice(_output().logits, _targets())
    assert total.item() == pytest.approx((_ce() + 0.5 * terms["soft_dice"] + 0.1 * terms["ssc"]).item())


def test_finer_labels_become_shares() -> None:
    fine = _labels().repeat_interleave(2, 1).repeat_interleave(2, 2)
    objective = Objective(ObjectiveSpec(name="ce", dice_weight=0.5), 2)
    assert objective(_output(), fine, SIZES)[0] == objective(_output(), _labels(), SIZES)[0]
    fine[:, ::2] = 0
    assert objective(_output(), fine, SIZES)[0] != objective(_output(), _labels(), SIZES)[0]


@pytest.mark.parametrize("name", get_args(ObjectiveName))
def test_the_total_is_the_weighted_sum_of_the_terms_of_the_name(name: str) -> None:
    objective = _parts(name)
    total, terms = objective(_output(), _labels(), SIZES, images=_images())
    named = [] if name == "ce" else name.split("+")
    assert list(terms) == ["ce", *named]
    weights = {"ssc": 0.5, "msc": 0.5, "mjap": 0.3, "shape": 0.3, "adv": 0.2, "spar": 0.2}
    expected = _ce().item() + sum(weights[term] * terms[term].item() for term in named)
    assert total.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["mjap", "shape"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_priors_compare_probabilities_with_targets(name: str, reduction: str) -> None:
    """B eq. 7, D eq. 6."""
    spec = ObjectiveSpec(name=name, prior_reduction=reduction)
    terms = Objective(spec, 2, encoder=_halved)(_output(), _labels(), SIZES)[1]
    assert terms[name] == shape_prior(_masks(), _targets(), _halved, reduction=reduction) > 0


def test_adversarial_shows_masks_with_their_images() -> None:
    """D eqs 11 to 13."""
    objective, judges = _parts("shape+adv"), _judges(4, 5)
    terms = objective(_output(), _labels(), SIZES, images=_images())[1]
    fake, real = (judges(conditioned(masks, _images())) for masks in (_masks(), _targets()))
    assert terms["adv"] == plausibility(fake)
    assert objective.discriminator_loss(_output(), _labels(), SIZES, images=_images()) == discrimination(real, fake)


def test_spar_shows_codes() -> None:
    """C, section 2.3."""
    objective, judges = _parts("spar"), _judges(2, 2)
    terms = objective(_output(), _labels(), SIZES)[1]
    fake, real = (judges(_halved(masks)) for masks in (_masks(), _targets()))
    assert terms["spar"] == plausibility(fake)
    assert objective.discriminator_loss(_output(), _labels(), SIZES) == discrimination(real, fake)


@pytest.mark.parametrize("name", ["adv", "shape+adv", "spar"])
def test_network_and_discriminator_learn_in_turn(name: str) -> None:
    """The network's step leaves no gradient in the discriminator, and the other way round."""
    objective = _parts(name)
    learning = list(objective.discriminator.parameters())
    output = _output()
    for logits in output.logits:
        logits.requires_grad_()
    objective(output, _labels(), SIZES, images=_images())[0].backward()
    assert all(logits.grad is not None and logits.grad.any() for logits in output.logits)
    assert all(p.grad is None and p.requires_grad for p in learning)
    for logits in output.logits:
        logits.grad = None
    objective.discriminator_loss(output, _labels(), SIZES, images=_images()).backward()
    assert all(logits.grad is None for logits in output.logits)
    assert all(p.grad is not None for p in learning)


@pytest.mark.parametrize("name", ["mjap", "shape", "adv", "spar"])
def test_an_absent_domain_is_left_out(name: str) -> None:
    """A batch of the second domain alone is that domain's own loss."""
    whole, labels, images = _output(), _labels()[2:], _images()[2:]
    objective = _parts(name)
    alone = MultiDomainOutput((whole.logits[0][:0], whole.logits[1]))
    got = objective(alone, labels, (0, 3), images=images)[1][name]
    both = objective(whole, _labels(), SIZES, images=_images())[1][name]
    first = objective(
        MultiDomainOutput((whole.logits[0], whole.logits[1][:0])), _labels()[:2], (2, 0), images=_images()[:2]
    )
    assert both.item() == pytest.approx((got.item() + first[1][name].item()) / 2, rel=1e-5)


def test_what_is_missing_is_named() -> None:
    wanted = {"mjap": "auto-encoder", "shape+adv": "auto-encoder", "spar": "auto-encoder", "adv": "discriminator"}
    for name, what in wanted.items():
        text = rf"PS-A120: objective {re.escape(name)} needs a .*{what}, got none: hand"
        with pytest.raises(UsageError, match=text):
            Objective(ObjectiveSpec(name=name), 2)
    with pytest.raises(UsageError, match="PS-A120: objective spar needs a discriminator, got none"):
        Objective(ObjectiveSpec(name="spar"), 2, encoder=_halved)
    with pytest.raises(ValueError, match="adv shows images to its discriminator, got none: pass them on"):
        _parts("adv")(_output(), _labels(), SIZES)
    with pytest.raises(ValueError, match="ce has no discriminator to train"):
        Objective(ObjectiveSpec(name="ce"), 2).discriminator_loss(_output(), _labels(), SIZES)


def _coded(strategy: str, scheme: str) -> tuple[Coding, list[Tensor]]:
    """A coding of an ankle and a shoulder, and logits of it for two and three images."""
    coding = output_coding(NetworkSpec(strategy=strategy, scheme=scheme), load_domains(("ankle", "shoulder")))
    torch.manual_seed(4)
    return coding, [torch.randn(n, width, 8, 8) for n, width in zip(SIZES, coding.widths, strict=True)]


@pytest.mark.parametrize(
    ("strategy", "scheme"), [("multi", "shared"), ("individual", "individual"), ("global", "individual")]
)
@pytest.mark.parametrize("detail", [1, 2])
def test_targets_and_terms_follow_the_coding(strategy: str, scheme: str, detail: int) -> None:
    coding, logits = _coded(strategy, scheme)
    labels = _labels().repeat_interleave(detail, 1).repeat_interleave(detail, 2)
    labels[:, 0, 0] = 0  # a corner of a pixel
    objective = Objective(ObjectiveSpec(name="shape" if strategy != "multi" else "mjap", dice_weight=0.5), 2,
                          encoder=_whole, coding=coding)  # fmt: skip
    total, terms = objective(MultiDomainOutput(tuple(logits)), labels, SIZES)
    wanted = targets_of(labels, SIZES, coding, size=(8, 8))
    masks = probabilities_of(logits, coding)
    sigmoid = strategy != "multi"
    assert terms["ce"] == (binary_cross_entropy if sigmoid else cross_entropy)(logits, wanted)
    assert terms["soft_dice"] == soft_dice(logits, wanted, sigmoid=sigmoid)
    prior = terms["shape" if sigmoid else "mjap"]
    assert prior == shape_prior(masks, wanted, _whole, reduction="mean")
    assert total.item() == pytest.approx((terms["ce"] + 0.5 * terms["soft_dice"] + 0.1 * prior).item())


def _whole(masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(nn.functional.avg_pool2d(mask, 2) for mask in masks)


def test_the_joint_cross_entropy_is_a_mean_over_all_classes() -> None:
    """B eq. 1 with |C_k| = 6 of an ankle and a shoulder: uniform logits cost log 6 / 6."""
    coding, logits = _coded("multi", "shared")
    zeros = MultiDomainOutput(tuple(torch.zeros_like(x) for x in logits))
    terms = Objective(ObjectiveSpec(name="ce"), 2, coding=coding)(zeros, _labels(), SIZES)[1]
    assert terms["ce"].item() == pytest.approx(math.log(6) / 6)
