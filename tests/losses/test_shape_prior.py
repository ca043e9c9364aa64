"""Shape priors against loops and hand-worked numbers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from pedseg.domains import load_domains
from pedseg.losses import shape_prior
from pedseg.networks import ShapeEncoder, build_autoencoder
from pedseg.plan import AutoencoderSpec

JOINTS = load_domains(("ankle", "knee", "shoulder"))
CLASSES = (4, 5, 3)
SIZES = (2, 0, 3)


class Sums:
    """An encoder to reckon with: a code of two numbers, the weighed sums of a mask's first and second class."""

    def __call__(self, masks: list[Tensor]) -> tuple[Tensor, ...]:
        return tuple(torch.stack([mask[:, 0].sum((1, 2)), 10 * mask[:, 1].sum((1, 2))], 1) for mask in masks)


def _encoder(dtype: torch.dtype = torch.float64) -> ShapeEncoder:
    spec = AutoencoderSpec(channels=(2, 3, 4, 5, 6))
    network = build_autoencoder(spec, JOINTS).train()
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):  # settled statistics, each domain's its own: signals keep their size from level to level
        network([torch.rand((2, c, 32, 32), generator=generator) for c in CLASSES])
    return ShapeEncoder(network).to(dtype)


def _pair(dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(4)
    predicted, reference = [], []
    for n, c in zip(SIZES, CLASSES, strict=True):
        predicted.append(torch.randn((n, c, 32, 32), generator=generator, dtype=torch.float64).softmax(1).to(dtype))
        labels = torch.randint(0, c, (n, 32, 32), generator=generator)
        reference.append(nn.functional.one_hot(labels, c).movedim(-1, 1).to(dtype))
    return predicted, reference


def _naive(predicted: list[Tensor], reference: list[Tensor], encoder: ShapeEncoder, reduction: str) -> float:
    """B eq. 7 with loops, image by image through the ordinary network of its domain."""
    domains = []
    for k in range(3):
        one = encoder.autoencoder.select(k).double()
        images = []
        for i in range(len(predicted[k])):
            p, y = (one.encode(masks[k][i : i + 1]).flatten().tolist() for masks in (predicted, reference))
            total = sum((a - b) ** 2 for a, b in zip(p, y, strict=True))
            images.append(total / len(p) if reduction == "mean" else total)
        if images:
            domains.append(sum(images) / len(images))
    return sum(domains) / len(domains)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_against_loops(reduction: str) -> None:
    encoder = _encoder()
    expected = _naive(*_pair(), encoder, reduction)
    assert expected > 1e-4
    assert shape_prior(*_pair(), encoder, reduction=reduction).item() == pytest.approx(expected, rel=1e-9)


def test_by_hand() -> None:
    """Codes (1, 10) and (1.5, 5) differ by 25.25; two images alike, and a domain that is right: 25.25 / 2."""
    y = torch.tensor([1.0, 0, 0, 1]).reshape(1, 2, 1, 2)
    p = torch.tensor([1.0, 0.5, 0, 0.5]).reshape(1, 2, 1, 2)
    reference, predicted = [y.repeat(2, 1, 1, 1), y], [p.repeat(2, 1, 1, 1), y]
    assert shape_prior(predicted, reference, Sums(), reduction="sum").item() == pytest.approx(25.25 / 2)
    assert shape_prior(predicted, reference, Sums(), reduction="mean").item() == pytest.approx(25.25 / 4)


def test_domains_weigh_alike_whatever_their_number_of_images() -> None:
    right = torch.tensor([1.0, 0]).reshape(1, 2, 1, 1)
    wrong = right.flip(1)  # codes (1, 0) and (0, 10)
    predicted, reference = [right, wrong.repeat(9, 1, 1, 1)], [right, right.repeat(9, 1, 1, 1)]
    assert shape_prior(predicted, reference, Sums(), reduction="sum").item() == pytest.approx((0 + 101) / 2)


def test_a_prediction_that_is_right_costs_nothing() -> None:
    _, reference = _pair()
    assert shape_prior(reference, reference, _encoder(), reduction="sum").item() == 0


def test_sum_is_mean_times_the_numbers_of_a_code() -> None:
    encoder = _encoder()
    total, mean = (shape_prior(*_pair(), encoder, reduction=r) for r in ("sum", "mean"))
    assert total.item() == pytest.approx(6 * 2 * 2 * mean.item(), rel=1e-12)


def test_gradients_reach_the_prediction_only() -> None:
    encoder = _encoder()
    before = copy.deepcopy(encoder.state_dict())
    predicted, reference = ([m.requires_grad_() for m in masks] for masks in _pair())
    shape_prior(predicted, reference, encoder, reduction="mean").backward()
    assert all(p.grad is not None and p.grad.any() for p in predicted if len(p))
    assert all(y.grad is None for y in reference)
    assert all(p.grad is None for p in encoder.parameters())
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())


def test_the_gradient_is_right() -> None:
    """Towards the prediction of one domain, a direction against finite differences."""
    encoder = _encoder()
    predicted, reference = _pair()
    p = predicted[0].requires_grad_()
    (gradient,) = torch.autograd.grad(shape_prior(predicted, reference, encoder, reduction="sum"), p)
    step = 1e-6 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    around = [[(p + sign * step).detach(), *predicted[1:]] for sign in (1, -1)]
    up, down = (shape_prior(m, reference, encoder, reduction="sum").item() for m in around)
    assert (up - down) / 2 == pytest.approx(float((gradient * step).sum()), rel=1e-4)


def test_bfloat16_codes_are_widened_before_they_are_compared() -> None:
    class Coarse(Sums):
        def __call__(self, masks: list[Tensor]) -> tuple[Tensor, ...]:
            return tuple(code.bfloat16() for code in super().__call__(masks))

    predicted, reference = _pair(torch.float32)
    codes = zip(Coarse()(predicted), Coarse()(reference), strict=True)
    exact = [(p.double() - y.double()).square().sum(1).mean() for p, y in codes if len(p)]
    loss = shape_prior(predicted, reference, Coarse(), reduction="sum")
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(float(sum(exact) / 2), rel=1e-6)
