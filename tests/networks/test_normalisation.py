"""DSBN against one ordinary batch norm a domain."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pedseg.networks.normalisation import DomainBatchNorm2d, DomainSizes


def _filled_norm(channels: int = 3, eps: float = 1e-3, momentum: float = 0.3) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=eps, momentum=momentum)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            value.copy_(torch.rand(channels, generator=generator) + 0.5)
    return norm


def _batch(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn((n, 3, 5, 4), generator=torch.Generator().manual_seed(seed)) * 2 + 1


@pytest.mark.parametrize("sizes", [(2, 3, 4), (2, 0, 4), (0, 5, 0)])
def test_each_domain_gets_its_own_batch_norm(sizes: tuple[int, ...]) -> None:
    ordinary = [_filled_norm() for _ in sizes]
    shared = DomainSizes()
    dsbn = DomainBatchNorm2d(_filled_norm(), len(sizes), shared)
    x = _batch(sum(sizes)).requires_grad_()
    expected = torch.cat([norm(p) for norm, p in zip(ordinary, x.split(sizes), strict=True) if len(p)])
    gradient = torch.autograd.grad(expected.square().sum(), x)[0]
    with shared.of_batch(sizes):
        got = dsbn(x)
    assert torch.equal(got, expected)
    assert torch.allclose(torch.autograd.grad(got.square().sum(), x)[0], gradient, atol=1e-5)
    for d, norm in enumerate(ordinary):
        assert torch.equal(dsbn.running_mean[d], norm.running_mean)
        assert torch.equal(dsbn.running_var[d], norm.running_var)
        assert dsbn.num_batches_tracked[d] == norm.num_batches_tracked == int(sizes[d] > 0)


def test_gradients_reach_the_rows_of_the_domains_present_only() -> None:
    shared = DomainSizes()
    dsbn = DomainBatchNorm2d(_filled_norm(), 3, shared)
    with shared.of_batch((2, 0, 2)):
        dsbn(_batch(4)).square().sum().backward()
    assert dsbn.weight.grad is not None
    assert [bool(row.any()) for row in dsbn.weight.grad] == [True, False, True]


def test_everything_of_the_replaced_layer_is_copied_into_every_domain() -> None:
    norm = _filled_norm(eps=2e-3, momentum=0.07)
    dsbn = DomainBatchNorm2d(norm, 2, DomainSizes())
    assert (dsbn.eps, dsbn.momentum) == (2e-3, 0.07)
    for name in ("weight", "bias", "running_mean", "running_var"):
        for d in range(2):
            assert torch.equal(getattr(dsbn, name)[d], getattr(norm, name))
    with torch.no_grad():
        dsbn.weight[0] = 7.0
    assert norm.weight[0] != 7.0, "the copy must not share memory"


def test_the_selected_layer_is_an_ordinary_one_with_that_row() -> None:
    shared = DomainSizes()
    dsbn = DomainBatchNorm2d(_filled_norm(), 2, shared)
    with torch.no_grad():
        dsbn.weight[1] += 1.0
        dsbn.running_mean[1] -= 2.0
    selected = dsbn.eval().select(1)
    x = _batch(3)
    with shared.of_batch((0, 3)):
        assert torch.equal(selected(x), dsbn(x))
    assert type(selected) is nn.BatchNorm2d
    assert not selected.training


def test_copies_of_a_network_do_not_share_the_sizes_in_flight() -> None:
    shared = DomainSizes()
    pair = nn.ModuleList(DomainBatchNorm2d(_filled_norm(), 2, shared) for _ in range(2))
    copied = copy.deepcopy(pair)
    assert copied[0].sizes is copied[1].sizes
    assert copied[0].sizes is not shared


def test_outside_its_network_it_says_how_to_call_it() -> None:
    dsbn = DomainBatchNorm2d(_filled_norm(), 2, DomainSizes())
    with pytest.raises(RuntimeError, match=r"call network\(images, sizes\)"):
        dsbn(_batch(2))


def test_a_norm_without_statistics_cannot_be_replaced() -> None:
    with pytest.raises(ValueError, match="running statistics"):
        DomainBatchNorm2d(nn.BatchNorm2d(3, track_running_stats=False), 2, DomainSizes())
