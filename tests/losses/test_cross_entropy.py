"""Cross-entropy over domains against loops and hand-worked numbers."""

from __future__ import annotations

import math

import pytest
import torch

from pedseg.losses import binary_cross_entropy, coverage, cross_entropy


def _naive(logits: list[torch.Tensor], labels: list[torch.Tensor]) -> float:
    """B eq. 1 with loops, in float64; images are averaged over pixels."""
    domains = []
    for x, y in zip(logits, labels, strict=True):
        n, classes, height, width = x.shape
        total = 0.0
        for i in range(n):
            for r in range(height):
                for c in range(width):
                    scores = [math.exp(v) for v in x[i, :, r, c].tolist()]
                    for k in range(classes):
                        total -= (k == int(y[i, r, c])) * math.log(scores[k] / sum(scores))
        if n:
            domains.append(total / (n * classes * height * width))
    return sum(domains) / len(domains)


def _loss(logits: list[torch.Tensor], labels: list[torch.Tensor]) -> torch.Tensor:
    size = (labels[0].shape[1], labels[0].shape[2])
    return cross_entropy(logits, [coverage(y, x.shape[1], size) for x, y in zip(logits, labels, strict=True)])


def _case(dtype: torch.dtype = torch.float64) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 4), (3, 5), (1, 3))
    logits = [3 * torch.randn((n, c, 3, 2), generator=generator, dtype=torch.float64).to(dtype) for n, c in shapes]
    labels = [torch.randint(0, c, (n, 3, 2), generator=generator, dtype=torch.uint8) for n, c in shapes]
    return logits, labels


def test_against_loops() -> None:
    logits, labels = _case()
    assert _loss(logits, labels).item() == pytest.approx(_naive(logits, labels), rel=1e-12)


def test_uniform_logits_by_hand() -> None:
    """-log(1/C)/C a domain: 2 classes log 2 / 2, 4 classes log 4 / 4 = log 2 / 2."""
    logits = [torch.zeros(1, 2, 2, 2), torch.zeros(3, 4, 2, 2)]
    labels = [torch.zeros(1, 2, 2, dtype=torch.uint8), torch.ones(3, 2, 2, dtype=torch.uint8)]
    assert _loss(logits, labels).item() == pytest.approx(math.log(2) / 2)


def test_domains_weigh_alike_whatever_their_number_of_images() -> None:
    right = torch.tensor([50.0, 0.0]).reshape(1, 2, 1, 1)
    wrong = torch.tensor([0.0, 50.0]).reshape(1, 2, 1, 1).repeat(9, 1, 1, 1)
    labels = [torch.zeros(1, 1, 1, dtype=torch.long), torch.zeros(9, 1, 1, dtype=torch.long)]
    assert _loss([right, wrong], labels).item() == pytest.approx((0 + 50 / 2) / 2)


def test_an_absent_domain_is_left_out() -> None:
    logits, labels = _case()
    without = [logits[0], logits[1][:0], logits[2]], [labels[0], labels[1][:0], labels[2]]
    expected = _naive([logits[0], logits[2]], [labels[0], labels[2]])
    assert _loss(*without).item() == pytest.approx(expected, rel=1e-12)


def test_bfloat16_logits_are_widened_before_the_logarithm() -> None:
    logits, labels = _case(torch.bfloat16)
    exact = _naive([x.double() for x in logits], labels)
    loss = _loss(logits, labels)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact, rel=1e-6)


def test_a_pixel_half_covered_asks_for_half() -> None:
    """-(log 1/4 + log 3/4) / 2 over two classes, and no less for any other probability."""
    logits = torch.tensor([1.0, 3.0]).log().reshape(1, 2, 1, 1)
    half = torch.full((1, 2, 1, 1), 0.5)
    assert cross_entropy([logits], [half]).item() == pytest.approx(-math.log(3 / 16) / 4)
    assert cross_entropy([torch.zeros(1, 2, 1, 1)], [half]).item() < cross_entropy([logits], [half]).item()


def _naive_binary(logits: list[torch.Tensor], targets: list[torch.Tensor]) -> float:
    """-y log p - (1 - y) log(1 - p) with loops, in float64; mean over pixels, bones, images, then domains."""
    domains = []
    for x, y in zip(logits, targets, strict=True):
        total = 0.0
        for score, share in zip(x.flatten().tolist(), y.flatten().tolist(), strict=True):
            p = 1 / (1 + math.exp(-score))
            total -= share * math.log(p) + (1 - share) * math.log(1 - p)
        if len(x):
            domains.append(total / x.numel())
    return sum(domains) / len(domains)


def test_binary_against_loops() -> None:
    logits, _ = _case()
    generator = torch.Generator().manual_seed(1)
    targets = [torch.rand(x.shape, generator=generator, dtype=torch.float64) for x in logits]
    assert binary_cross_entropy(logits, targets).item() == pytest.approx(_naive_binary(logits, targets), rel=1e-12)
    absent = [logits[0], logits[1][:0], logits[2]], [targets[0], targets[1][:0], targets[2]]
    expected = _naive_binary([logits[0], logits[2]], [targets[0], targets[2]])
    assert binary_cross_entropy(*absent).item() == pytest.approx(expected, rel=1e-12)


def test_binary_by_hand() -> None:
    """Odds of 3 are p = 3/4: a bone costs log(4/3), background log 4, half a pixel of bone their mean."""
    logits = torch.tensor([3.0]).log().reshape(1, 1, 1, 1)
    costs = [binary_cross_entropy([logits], [torch.full((1, 1, 1, 1), y)]).item() for y in (1.0, 0.0, 0.5)]
    log43, log4 = math.log(4 / 3), math.log(4)
    assert costs == pytest.approx([log43, log4, (log43 + log4) / 2])


def test_binary_is_the_cross_entropy_of_two_classes() -> None:
    """Twice its mean over two classes, of which background's logit is 0."""
    x = torch.randn((2, 1, 3, 3), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    y = (x > 0.3).double()
    both = cross_entropy([torch.cat([torch.zeros_like(x), x], 1)], [torch.cat([1 - y, y], 1)])
    assert binary_cross_entropy([x], [y]).item() == pytest.approx(2 * both.item(), rel=1e-12)


def test_binary_bfloat16_logits_are_widened() -> None:
    loss = binary_cross_entropy([torch.full((1, 1, 2, 2), 90.0, dtype=torch.bfloat16)], [torch.zeros(1, 1, 2, 2)])
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(90)
