"""Supervised contrastive losses against loops and hand-worked numbers."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from pedseg.losses import multi_scale_contrastive, single_scale_contrastive

DOMAINS = torch.tensor([0, 0, 0, 1, 1, 2, 2])


def _naive(z: torch.Tensor, domains: torch.Tensor, tau: float) -> float:
    """A eq. 3 with loops, in float64."""
    n, losses = len(z), []
    similarity = [[math.exp(float(z[i] @ z[j]) / tau) for j in range(n)] for i in range(n)]
    for i in range(n):
        positives = [p for p in range(n) if p != i and domains[p] == domains[i]]
        others = sum(similarity[i][j] for j in range(n) if j != i)
        if positives:
            losses.append(-sum(math.log(similarity[i][p] / others) for p in positives) / len(positives))
    return sum(losses) / len(losses) if losses else 0.0


def _embeddings(n: int = 7, d: int = 5, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn((n, d), generator=generator, dtype=torch.float64), dim=1)


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_against_loops(tau: float) -> None:
    z = _embeddings()
    got = single_scale_contrastive(z, DOMAINS, temperature=tau)
    assert got.item() == pytest.approx(_naive(z, DOMAINS, tau), rel=1e-12)


def test_four_images_by_hand() -> None:
    """Two domains on two axes, tau 1: each anchor has one positive at cosine 1 and two negatives at cosine 0."""
    z = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    expected = -math.log(math.e / (math.e + 2))
    got = single_scale_contrastive(z, torch.tensor([0, 0, 1, 1]), temperature=1.0)
    assert got.item() == pytest.approx(expected, rel=1e-6)


def test_clusters_cost_less_than_a_mixture() -> None:
    z = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    apart = single_scale_contrastive(z, torch.tensor([0, 0, 1, 1]), temperature=0.1)
    mixed = single_scale_contrastive(z, torch.tensor([0, 1, 0, 1]), temperature=0.1)
    assert apart < 0.001
    assert mixed > 5


def test_an_anchor_without_positive_is_left_out_but_stays_a_negative() -> None:
    domains = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    z = _embeddings()
    got = single_scale_contrastive(z, domains, temperature=0.5)
    assert got.item() == pytest.approx(_naive(z, domains, 0.5), rel=1e-12)
    without = single_scale_contrastive(z[:6], domains[:6], temperature=0.5)
    assert got.item() != pytest.approx(without.item(), rel=1e-3)


def test_no_positive_anywhere_is_zero_with_zero_gradient() -> None:
    z = _embeddings(3).requires_grad_()
    loss = single_scale_contrastive(z, torch.tensor([0, 1, 2]), temperature=0.1)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(z.grad, torch.zeros_like(z))


def test_the_gradient_is_right() -> None:
    z = _embeddings(5, 3).requires_grad_()
    domains = torch.tensor([0, 0, 1, 1, 2])
    assert torch.autograd.gradcheck(lambda v: single_scale_contrastive(v, domains, temperature=0.5), (z,))


def test_many_scales_are_the_mean_of_each() -> None:
    scales = [_embeddings(d=d, seed=d) for d in (2, 4, 8)]
    expected = sum(_naive(z, DOMAINS, 0.1) for z in scales) / 3
    assert multi_scale_contrastive(scales, DOMAINS, temperature=0.1).item() == pytest.approx(expected, rel=1e-12)


def test_autocast_does_not_lower_its_precision() -> None:
    z = _embeddings(d=64).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = single_scale_contrastive(z, DOMAINS, temperature=0.1)
    assert got.dtype == torch.float32
    assert got.item() == pytest.approx(_naive(z.double(), DOMAINS, 0.1), rel=1e-5)
