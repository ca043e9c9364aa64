"""Discriminators of masks and of shape codes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pedseg.networks.discriminators import DomainDiscriminators, mask_discriminator, shape_code_discriminator


@pytest.mark.parametrize("n_classes", [3, 4, 5])
def test_mask_discriminator_reaches_the_published_count(n_classes: int) -> None:
    """D section 3.3: 0.7 M; counted: 16 places of every kernel, a bias where no norm follows, two a normed channel."""
    kernels = (1 + n_classes) * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256
    count = sum(p.numel() for p in mask_discriminator(n_classes).parameters())
    assert count == 16 * kernels + 32 + 1 + 2 * (64 + 128 + 256)
    assert count == pytest.approx(0.696e6, rel=0.01)


@pytest.mark.parametrize("side", [32, 96, 256])
def test_the_likelihood_map_is_sixteen_times_smaller(side: int) -> None:
    assert mask_discriminator(3).eval()(torch.zeros(1, 4, side, side)).shape == (1, 1, side // 16, side // 16)


def test_each_value_of_the_map_judges_a_crop() -> None:
    """What happens in one corner does not reach the opposite one."""
    judge = mask_discriminator(3).eval()
    masks = torch.randn(1, 4, 256, 256, generator=torch.Generator().manual_seed(0))
    other = masks.clone()
    other[..., :64, :64] += 1.0
    changed = (judge(masks) - judge(other)).abs()[0, 0] > 1e-6
    assert changed[:4, :4].all()
    assert not changed[8:, 8:].any()


def test_image_and_mask_both_count() -> None:
    judge = mask_discriminator(3).eval()
    seen = torch.zeros(1, 4, 64, 64).requires_grad_()
    judge(seen).sum().backward()
    assert seen.grad is not None
    assert seen.grad.abs().amax((0, 2, 3)).min() > 0


def test_shape_code_discriminator_halves_channels_and_sides() -> None:
    """C, section 2.3: 512 x 16 x 16 -> 256 x 8 x 8 -> 128 x 4 x 4 -> 64 x 2 x 2 -> 32 -> 1."""
    x, shapes = torch.zeros(2, 512, 16, 16), []
    for layer in shape_code_discriminator(512, 16).eval():
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(256, 8, 8), (128, 4, 4), (64, 2, 2), (32, 1, 1), (1, 1, 1)]


def test_its_layers_are_in_the_order_of_the_paper() -> None:
    layers = shape_code_discriminator(512, 16)
    assert [type(m).__name__ for m in layers[0]] == ["Conv2d", "BatchNorm2d", "MaxPool2d", "ReLU"]
    assert {m.kernel_size for m in layers.modules() if isinstance(m, nn.Conv2d)} == {(1, 1)}


@pytest.mark.parametrize("side", [2, 5, 6, 8, 12])
def test_codes_of_other_windows_end_at_one_place_too(side: int) -> None:
    judge = shape_code_discriminator(32, side)
    assert judge(torch.randn(2, 32, side, side)).shape == (2, 1, 1, 1)


@pytest.mark.parametrize(("channels", "side"), [(512, 1), (8, 16)])
def test_a_code_too_small_to_halve_is_refused(channels: int, side: int) -> None:
    with pytest.raises(ValueError, match=f"got {channels} channels of {side} x {side}"):
        shape_code_discriminator(channels, side)


def test_one_judge_a_domain_and_none_for_an_absent_one() -> None:
    networks = [nn.Conv2d(c, 1, 1) for c in (3, 5, 2)]
    judges = DomainDiscriminators(networks)
    inputs = [torch.rand(2, 3, 4, 4), torch.rand(0, 5, 4, 4), torch.rand(1, 2, 4, 4)]
    scores = judges(inputs)
    assert [len(s) for s in scores] == [2, 0, 1]
    assert torch.equal(scores[2], networks[2](inputs[2]))
    sum(s.sum() for s in scores).backward()
    assert [net.weight.grad is not None for net in networks] == [True, False, True]
