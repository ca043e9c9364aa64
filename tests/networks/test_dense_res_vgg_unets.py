"""Dense-, Res- and VGG-UNet: published sizes, scales, domains, TorchScript."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import torch
from torch import nn

from pedseg.domains import load_domains
from pedseg.networks import MultiDomain, build_network, select_domain
from pedseg.networks.domains import DomainHeads
from pedseg.networks.normalisation import DomainBatchNorm2d
from pedseg.networks.transposed import FullSize
from pedseg.networks.unet import UNet
from pedseg.plan import NetworkSpec

JOINTS = load_domains(("ankle", "knee", "shoulder"))
DENSE, DENSE_D, RES, VGG = (
    ("dense_unet", "upsample"),
    ("dense_unet", "transposed"),
    ("res_unet", "transposed"),
    ("vgg_unet", "transposed"),
)
every = pytest.mark.parametrize(
    "which", [DENSE, DENSE_D, RES, VGG], ids=[" ".join(w) for w in (DENSE, DENSE_D, RES, VGG)]
)


def _spec(which: tuple[str, str], scheme: str = "dsl") -> NetworkSpec:
    return NetworkSpec(name=which[0], decoder=which[1], scheme=scheme)


@pytest.fixture(autouse=True, scope="module")
def _free_the_networks() -> Iterator[None]:
    yield
    _differing.cache_clear()


@cache
def _differing(which: tuple[str, str]) -> MultiDomain:
    """A network whose norms differ from domain to domain as after training; not to be changed."""
    network = build_network(_spec(which), JOINTS).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, DomainBatchNorm2d):
            for values, middle in ((module.weight, 1.0), (module.running_var, 1.0), (module.bias, 0.0)):
                values.copy_(middle + 0.3 * torch.randn(values.shape, generator=generator).tanh())
    return network


def _plain(which: tuple[str, str]) -> UNet:
    return select_domain(_differing(which), "ankle")  # type: ignore[return-value]


def _images(n: int, height: int = 32, width: int = 64) -> torch.Tensor:
    return torch.randn((n, 1, height, width), generator=torch.Generator().manual_seed(n))


def _count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("which", "individual", "dsl", "tolerance"),
    [
        (DENSE, 23.36e6, 23.60e6, 0.01),
        (DENSE_D, 18.50e6, 18.72e6, 0.001),
        (RES, 13.57e6, 13.57e6, 0.01),
        (VGG, 34.30e6, 34.30e6, 0.01),
    ],
)
def test_parameters_reach_the_published_counts(
    which: tuple[str, str], individual: float, dsl: float, tolerance: float
) -> None:
    """METHODS section 3; domain-specific weights at most 3 % (B, table 1)."""
    with torch.device("meta"):
        shared, apart = (build_network(_spec(which, scheme), JOINTS) for scheme in ("dsl", "individual"))
    assert _count(shared) == pytest.approx(dsl, rel=tolerance)
    assert _count(apart) == pytest.approx(3 * individual, rel=tolerance)
    specific = sum(_count(m) for m in shared.modules() if isinstance(m, (DomainBatchNorm2d, DomainHeads)))
    assert 0 < specific <= 0.03 * _count(shared)


@pytest.mark.parametrize(
    ("which", "strides", "channels"),
    [
        (DENSE, (2, 4, 8, 16, 32, 16, 8, 4, 2), (64, 256, 512, 1024, 1024, 512, 256, 64, 32)),
        (DENSE_D, (2, 4, 8, 16, 32, 16, 8, 4, 2), (64, 256, 512, 1024, 1024, 384, 192, 96, 48)),
        (RES, (2, 4, 8, 16, 8, 4, 2, 1), (64, 256, 512, 1024, 512, 256, 128, 64)),
        (VGG, (1, 2, 4, 8, 16, 8, 4, 2, 1), (64, 128, 256, 512, 512, 512, 256, 128, 64)),
    ],
)
def test_scales_go_down_and_up(which: tuple[str, str], strides: tuple[int, ...], channels: tuple[int, ...]) -> None:
    """Nine scales, eight of Res-UNet (METHODS section 3)."""
    got = [tuple(s.shape) for s in _plain(which).stages(_images(2, 64, 32))]
    assert got == [(2, c, 64 // s, 32 // s) for c, s in zip(channels, strides, strict=True)]


@every
@pytest.mark.parametrize("n", [1, 3, 8])
def test_32n_pixels_stay_32n(which: tuple[str, str], n: int) -> None:
    assert _plain(which)(torch.zeros(1, 1, 32 * n, 32 * n)).shape == (1, 4, 32 * n, 32 * n)


@every
def test_a_mixed_batch_is_its_domains_one_by_one(which: tuple[str, str]) -> None:
    network, images = _differing(which), _images(6)
    mixed = network(images, (1, 3, 2)).logits
    for k, part in enumerate(images.split((1, 3, 2))):
        sizes = [0, 0, 0]
        sizes[k] = len(part)
        torch.testing.assert_close(mixed[k], network(part, sizes).logits[k], rtol=1e-5, atol=1e-5)


@every
def test_a_selected_domain_is_equal_bit_for_bit(which: tuple[str, str]) -> None:
    network, images, seen = _differing(which), _images(2), []
    for k, domain in enumerate(JOINTS):
        sizes = [0, 0, 0]
        sizes[k] = 2
        selected = select_domain(network, domain.name)
        assert torch.equal(selected(images), network(images, sizes).logits[k])
        assert not any("Domain" in type(m).__name__ for m in selected.modules())
        seen.append(selected.stages(images)[-1])
    assert not torch.allclose(seen[0], seen[1], atol=1e-2), "the domains must differ"


@every
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_it_says_the_same(which: tuple[str, str]) -> None:
    network = _plain(which)
    scripted = torch.jit.script(network)
    with torch.jit.optimized_execution(False):  # compiled for speed it takes longer than all other tests here
        for x in (_images(2), torch.randn(1, 1, 32, 32, 2)):
            assert torch.allclose(scripted(x), network(x), atol=1e-5)


@every
def test_channels_last_is_kept_from_the_image_to_the_logits_and_back(which: tuple[str, str]) -> None:
    network = _plain(which).train().requires_grad_().to(memory_format=torch.channels_last)
    x = _images(2).to(memory_format=torch.channels_last)
    stages = network.stages(x)
    gradients: list[torch.Tensor] = []
    for stage in stages:
        stage.register_hook(gradients.append)
    logits = network.head(stages[-1])
    logits.square().mean().backward()
    assert len(gradients) == len(stages)
    assert all(t.is_contiguous(memory_format=torch.channels_last) for t in (*stages, *gradients, logits))


@every
def test_all_that_is_trained_is_used(which: tuple[str, str]) -> None:
    network = _plain(which).train().requires_grad_()
    network(_images(2, 64, 64)).square().mean().backward()
    assert [k for k, p in network.named_parameters() if p.grad is None] == []


@every
def test_gates_are_in_bs_networks_only(which: tuple[str, str]) -> None:
    gates = [type(stage.gate).__name__ for stage in _stages(_plain(which))]
    assert set(gates) == {"AttentionGate" if which == DENSE else "NoGate"}


def _stages(network: UNet) -> nn.ModuleList:
    decoder = network.decoder.decoder if isinstance(network.decoder, FullSize) else network.decoder
    return decoder.stages  # type: ignore[return-value, union-attr]
