"""Domain-specific first layers."""

from __future__ import annotations

import torch
from torch import nn

from pedseg.networks.inputs import DomainInputs


def _inputs() -> DomainInputs:
    torch.manual_seed(0)
    return DomainInputs(nn.Conv2d(n, 4, 3, padding=1, bias=False) for n in (3, 5, 2))


def test_each_domain_passes_its_own_convolution_in_order() -> None:
    inputs = _inputs()
    masks = [torch.rand(2, 3, 6, 7), torch.rand(1, 5, 6, 7), torch.rand(3, 2, 6, 7)]
    expected = [conv(mask) for conv, mask in zip(inputs.convs, masks, strict=True)]
    assert torch.equal(inputs(masks), torch.cat(expected))


def test_an_absent_domain_is_left_out_and_learns_nothing() -> None:
    inputs = _inputs()
    out = inputs([torch.rand(2, 3, 6, 7), torch.rand(0, 5, 6, 7), torch.rand(1, 2, 6, 7)])
    assert out.shape == (3, 4, 6, 7)
    out.square().sum().backward()
    assert [conv.weight.grad is not None for conv in inputs.convs] == [True, False, True]


def test_the_selected_layer_is_an_ordinary_copy() -> None:
    inputs = _inputs()
    selected = inputs.select(1)
    assert type(selected) is nn.Conv2d
    assert torch.equal(selected.weight, inputs.convs[1].weight)
    with torch.no_grad():
        selected.weight.zero_()
    assert inputs.convs[1].weight.any()
