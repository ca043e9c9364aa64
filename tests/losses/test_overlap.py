"""The soft Dice term, against a loop in float64 and numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from pedseg.losses import coverage, soft_dice


def _batch() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    torch.manual_seed(0)
    logits = [torch.randn(n, c, 6, 5, dtype=torch.float64) for n, c in ((2, 3), (0, 2), (3, 4))]
    labels = [torch.randint(0, x.shape[1], (len(x), 6, 5), dtype=torch.uint8) for x in logits]
    return logits, labels


def _targets(logits: list[torch.Tensor], labels: list[torch.Tensor]) -> list[torch.Tensor]:
    return [coverage(y, x.shape[1], (6, 5)) for x, y in zip(logits, labels, strict=True)]


def _naive(logits: list[torch.Tensor], labels: list[torch.Tensor]) -> float:
    domains = []
    for x, y in zip(logits, labels, strict=True):
        p = x.exp() / x.exp().sum(1, keepdim=True)
        scores = []
        for label in [k for k in range(1, x.shape[1]) if (y == k).any()]:
            both = sum(float(p[i, label][y[i] == label].sum()) for i in range(len(x)))
            scores.append(1 - 2 * both / (float(p[:, label].sum()) + int((y == label).sum())))
        if scores:
            domains.append(sum(scores) / len(scores))
    return sum(domains) / len(domains)


def test_equals_a_loop() -> None:
    logits, labels = _batch()
    assert soft_dice(logits, _targets(logits, labels)).item() == pytest.approx(_naive(logits, labels), rel=1e-6)


def test_by_hand() -> None:
    """One pixel in four is bone and gets 1/2, the others get 0 of it: Dice 2 * 0.5 / (0.5 + 1) = 2/3."""
    p = torch.tensor([[0.5, 1, 1, 1]], dtype=torch.float64)
    logits = torch.stack([p, 1 - p], dim=1).clamp(min=1e-12).log()[..., None]  # (1, 2, 4, 1)
    labels = torch.tensor([[1, 0, 0, 0]])[..., None]
    assert soft_dice([logits], [coverage(labels, 2, (4, 1))]).item() == pytest.approx(1 / 3)


def test_a_structure_that_no_image_shows_is_left_out() -> None:
    logits, labels = _batch()
    labels[2][labels[2] == 2] = 0
    assert soft_dice(logits, _targets(logits, labels)).item() == pytest.approx(_naive(logits, labels), rel=1e-6)
    nothing = [torch.zeros_like(y) for y in labels]
    assert soft_dice(logits, _targets(logits, nothing)).item() == 0


def test_bfloat16_is_widened_and_the_gradient_points_at_the_bone() -> None:
    logits = torch.zeros(1, 2, 4, 4, dtype=torch.bfloat16, requires_grad=True)
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    labels[0, 1, 1] = 1
    loss = soft_dice([logits], [coverage(labels, 2, (4, 4))])
    loss.backward()
    assert loss.dtype == torch.float32
    assert logits.grad is not None
    assert logits.grad[0, 1, 1, 1] < 0 < logits.grad[0, 1, 0, 0]


def test_sigmoids_have_no_background_channel() -> None:
    """One sigmoid beside a background logit of 0 is a softmax of two."""
    logits = torch.randn((2, 1, 4, 4), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    bone = (logits > 0.2).double()
    with_background = torch.cat([torch.zeros_like(logits), logits], 1), torch.cat([1 - bone, bone], 1)
    expected = soft_dice([with_background[0]], [with_background[1]]).item()
    assert soft_dice([logits], [bone], sigmoid=True).item() == pytest.approx(expected, rel=1e-12)
    two = torch.cat([logits, -logits], 1)
    both = soft_dice([two], [torch.cat([bone, 1 - bone], 1)], sigmoid=True).item()
    other = soft_dice([-logits], [1 - bone], sigmoid=True).item()
    assert both == pytest.approx((expected + other) / 2, rel=1e-12)
