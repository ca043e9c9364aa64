"""Adversarial terms against loops and hand-worked numbers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pedseg.losses import conditioned, discrimination, plausibility, weights_fixed

SIZES = (2, 0, 3)


def _scores(seed: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [4 * torch.randn((n, 1, 2, 2), generator=generator, dtype=torch.float64).to(dtype) for n in SIZES]


def _likelihood(score: float) -> float:
    return 1 / (1 + math.exp(-score))


def _naive(real: list[Tensor] | None, fake: list[Tensor], *, generator: bool) -> float:
    """D eqs 10-13 with loops over images and places of the likelihood map."""
    domains = []
    for k, part in enumerate(fake):
        images = []
        for i in range(len(part)):
            places = []
            for place, score in enumerate(part[i].flatten().tolist()):
                if generator:
                    places.append(-math.log(_likelihood(score)))
                else:
                    true = real[k][i].flatten().tolist()[place]
                    places.append(-math.log(1 - _likelihood(score)) - math.log(_likelihood(true)))
            images.append(sum(places) / len(places))
        if images:
            domains.append(sum(images) / len(images))
    return sum(domains) / len(domains)


def test_the_networks_term_against_loops() -> None:
    """D eq. 13."""
    fake = _scores(0)
    assert plausibility(fake).item() == pytest.approx(_naive(None, fake, generator=True), rel=1e-12)


def test_the_discriminators_loss_against_loops() -> None:
    """D eqs 11 and 12."""
    real, fake = _scores(1), _scores(2)
    assert discrimination(real, fake).item() == pytest.approx(_naive(real, fake, generator=False), rel=1e-12)


def test_by_hand() -> None:
    """Likelihoods 1/4 of a prediction and 3/4 of a reference."""
    quarter = torch.full((1, 1, 1, 1), math.log(1 / 3))
    assert plausibility([quarter]).item() == pytest.approx(math.log(4))
    assert discrimination([-quarter], [quarter]).item() == pytest.approx(2 * math.log(4 / 3))
    assert discrimination([quarter], [-quarter]).item() == pytest.approx(2 * math.log(4))


def test_a_judge_that_cannot_tell_pays_two_logarithms_of_two() -> None:
    undecided = [torch.zeros(3, 1, 4, 4), torch.zeros(1, 1, 4, 4)]
    assert discrimination(undecided, undecided).item() == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize("score", [-200.0, 200.0])
def test_a_judge_that_is_sure_leaves_numbers_finite(score: float) -> None:
    """In float32 the likelihood of -200 is 0 and of 200 is 1: their logarithms would be infinite."""
    sure = torch.full((2, 1, 3, 3), score).requires_grad_()
    loss = plausibility([sure])
    loss.backward()
    assert loss.item() == pytest.approx(max(0.0, -score))
    assert sure.grad is not None
    assert sure.grad.sum().item() == pytest.approx(-1.0 if score < 0 else 0.0)
    assert discrimination([sure], [sure]).item() == pytest.approx(200.0)


def test_bfloat16_scores_are_widened_before_the_logarithm() -> None:
    fake = _scores(0, torch.bfloat16)
    loss = plausibility(fake)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(_naive(None, [s.double() for s in fake], generator=True), rel=1e-6)


def test_gradients_pull_predictions_up_and_the_judge_apart() -> None:
    real, fake = torch.zeros(1, 1, 1, 1, requires_grad=True), torch.zeros(1, 1, 1, 1, requires_grad=True)
    (towards,) = torch.autograd.grad(plausibility([fake]), fake)
    raised, lowered = torch.autograd.grad(discrimination([real], [fake]), (real, fake))
    assert (towards.item(), raised.item(), lowered.item()) == pytest.approx((-0.5, -0.5, 0.5))


def test_the_condition_is_the_image_before_its_mask() -> None:
    images = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 1, 2, 2)
    masks = [torch.full((n, c, 2, 2), -1.0) for n, c in zip(SIZES, (4, 5, 3), strict=True)]
    seen = conditioned(masks, images)
    assert [tuple(x.shape) for x in seen] == [(2, 5, 2, 2), (0, 6, 2, 2), (3, 4, 2, 2)]
    assert seen[0][:, 0, 0, 0].tolist() == [0, 1]
    assert seen[2][:, 0, 0, 0].tolist() == [2, 3, 4]
    assert all(torch.equal(x[:, 1:], mask) for x, mask in zip(seen, masks, strict=True))


def test_fixed_weights_let_gradients_pass_and_keep_none() -> None:
    judge = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, 1))
    judge[0].requires_grad_(False)
    mask = torch.rand(1, 1, 2, 2, requires_grad=True)
    with weights_fixed(judge):
        loss = plausibility([judge(mask)])
    loss.backward()
    assert mask.grad is not None
    assert mask.grad.any()
    assert all(p.grad is None for p in judge.parameters())
    assert [p.requires_grad for p in judge.parameters()] == [False, False, True, True]


def test_weights_learn_again_after_an_error() -> None:
    judge = nn.Conv2d(1, 1, 1)
    with pytest.raises(RuntimeError, match="on purpose"), weights_fixed(judge):
        raise RuntimeError("on purpose")
    assert all(p.requires_grad for p in judge.parameters())
