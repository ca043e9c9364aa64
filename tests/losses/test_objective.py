"""Terms composed as the plan says."""

from __future__ import annotations

import pytest
import torch

from pedseg.errors import UsageError
from pedseg.losses import (
    Objective,
    coverage,
    cross_entropy,
    multi_scale_contrastive,
    single_scale_contrastive,
    soft_dice,
)
from pedseg.networks import MultiDomainOutput, embed
from pedseg.plan import ObjectiveSpec

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
