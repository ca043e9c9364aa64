"""The U-Nets around ImageNet encoders: published sizes, scales, domains, TorchScript, layout."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch
from public_files import randomise
from torch import nn

from pedseg.domains import load_domains
from pedseg.networks import NETWORKS, MultiDomain, build_network, select_domain
from pedseg.networks.normalisation import DomainBatchNorm2d
from pedseg.networks.unet import UNet
from pedseg.plan import NetworkSpec

JOINTS = load_domains(("ankle", "knee", "shoulder"))
SCALES = {
    "efficient_unet": (24, 32, 48, 136, 384, 256, 128, 64, 32),
    "inception_unet": (64, 192, 288, 768, 2048, 512, 288, 192, 64),
}
"""Channels of the nine stages, by name of the network."""
ENCODER_EPS = {"efficient_unet": 1e-3, "inception_unet": 1e-3}
names = pytest.mark.parametrize("name", SCALES)


def _images(n: int, side: int = 64) -> torch.Tensor:
    return torch.randn((n, 1, side, side), generator=torch.Generator().manual_seed(2))


@cache
def _plain(name: str) -> UNet:
    """An ordinary network; not to be changed."""
    network = NETWORKS[name](NetworkSpec(name=name), 4)
    randomise(network)
    return network


@cache
def _dsl(name: str) -> MultiDomain:
    """Three joints whose norms and heads differ; not to be changed."""
    network = build_network(NetworkSpec(name=name), JOINTS)
    randomise(network)
    return network


@pytest.mark.parametrize(
    ("name", "one", "three"), [("efficient_unet", 14.59e6, 14.81e6), ("inception_unet", 48.05e6, 48.17e6)]
)
def test_parameters_reach_the_published_counts(name: str, one: float, three: float) -> None:
    """METHODS section 3, to the last digit it gives; domain-specific weights are at most 3 % (B, table 1)."""
    with torch.device("meta"):
        alone = sum(p.numel() for p in NETWORKS[name](NetworkSpec(name=name), JOINTS[0].n_classes).parameters())
    network = _dsl(name)
    total = sum(p.numel() for p in network.parameters())
    assert (alone, total) == (pytest.approx(one, abs=5e3), pytest.approx(three, abs=5e3))
    heads = sum(p.numel() for k in range(3) for p in network.head(k).parameters())
    norms = sum(p.numel() for m in network.modules() if isinstance(m, DomainBatchNorm2d) for p in m.parameters())
    assert 0 < heads + norms <= 0.03 * total


@names
def test_nine_scales_at_strides_two_to_thirty_two_and_back(name: str) -> None:
    stages = _plain(name).stages(torch.zeros(2, 1, 64, 96))
    strides = (2, 4, 8, 16, 32, 16, 8, 4, 2)
    assert [tuple(s.shape) for s in stages] == [
        (2, c, 64 // s, 96 // s) for c, s in zip(SCALES[name], strides, strict=True)
    ]


@names
@pytest.mark.parametrize("n", [1, 3, 8])
def test_32n_pixels_stay_32n(name: str, n: int) -> None:
    logits = _plain(name)(_images(1, 32 * n))
    assert logits.shape == (1, 4, 32 * n, 32 * n)
    assert logits.isfinite().all()


@names
def test_the_smallest_slices_can_be_learned_from(name: str) -> None:
    """At 32 pixels the bottleneck is one pixel: two images of a domain are enough for its norms."""
    network = build_network(NetworkSpec(name=name), JOINTS[:2])
    output = network(_images(4, 32), (2, 2))
    sum(logits.square().mean() for logits in output.logits).backward()
    assert [tuple(logits.shape) for logits in output.logits] == [(2, 4, 32, 32), (2, 5, 32, 32)]
    assert [k for k, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []
    first = next(network.network.encoder.parameters())
    assert first.shape[1] == 3
    assert first.grad.abs().max() > 0


@names
def test_a_mixed_batch_is_its_domains_one_by_one(name: str) -> None:
    """In float64: a hundred layers of random weights make much of float32's rounding."""
    network, images = copy.deepcopy(_dsl(name)).double(), _images(6, 32).double()
    together = network(images, (1, 3, 2)).logits
    for k, part in enumerate(images.split((1, 3, 2))):
        alone = network(part, [len(part) if i == k else 0 for i in range(3)]).logits[k]
        assert alone.std() > 0.1
        assert torch.allclose(together[k], alone, atol=1e-5)


@names
def test_a_selected_domain_is_equal_bit_for_bit(name: str) -> None:
    network, images = _dsl(name), _images(1, 32)
    knee = select_domain(network, "knee")(images)
    assert torch.equal(knee, network(images, (0, 1, 0)).logits[1])
    assert not torch.allclose(knee[:, :3], network(images, (0, 0, 1)).logits[2], atol=0.1), "the domains must differ"


@names
def test_domain_norms_keep_the_eps_of_the_public_weights_new_ones_have_torchs(name: str) -> None:
    def eps(part: nn.Module) -> set[float]:
        return {m.eps for m in part.modules() if isinstance(m, DomainBatchNorm2d)}

    network = _dsl(name).network
    assert eps(network.encoder) == {ENCODER_EPS[name]}
    assert eps(network.decoder) | eps(network.head) == {1e-5}


@names
def test_grey_slices_count_three_times(name: str) -> None:
    x = _images(2)
    assert torch.allclose(_plain(name)(x), _plain(name)(x.repeat(1, 3, 1, 1)), atol=1e-5)


@names
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_it_says_the_same(name: str) -> None:
    network = _plain(name)
    scripted = torch.jit.script(network)
    with torch.jit.optimized_execution(False):
        for x in (_images(2, 32), _images(1, 32)[..., None].repeat(1, 1, 1, 1, 2)):
            assert torch.allclose(scripted(x), network(x), atol=1e-4)


@names
@pytest.mark.parametrize("training", [True, False])
def test_layout_is_kept_through_all_stages(name: str, training: bool) -> None:
    network = build_network(NetworkSpec(name=name), JOINTS[:1]).to(memory_format=torch.channels_last).train(training)
    with torch.no_grad():
        stages = network(_images(2).to(memory_format=torch.channels_last), [2]).stages
    assert all(s.is_contiguous(memory_format=torch.channels_last) for s in stages)


@names
def test_pixels_of_one_stride_two_cell_differ(name: str) -> None:
    logits = _plain(name)(_images(1))
    quads = logits.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    assert (quads.amax(-1) - quads.amin(-1)).mean() > 0.1 * logits.std()
