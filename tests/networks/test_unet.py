"""The U-Nets: published sizes, scales, volumes, TorchScript."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from pedseg.domains import load_domains
from pedseg.networks import build_network, select_domain
from pedseg.networks.unet import UNet, att_unet, unet
from pedseg.plan import NetworkSpec

SMALL = (4, 6, 8, 10, 12)
JOINTS = ("ankle", "knee", "shoulder")


def _small(name: str = "att_unet", decoder: str | None = None, batches: int = 2) -> UNet:
    torch.manual_seed(0)
    build = {"unet": unet, "att_unet": att_unet}[name]
    network = build(NetworkSpec(name=name, decoder=decoder, channels=SMALL), 3)
    for _ in range(batches):  # statistics that differ from 0 and 1
        network.train()(torch.randn(4, 1, 32, 32))
    return network.eval()


@pytest.mark.parametrize(
    ("name", "decoder", "published"),
    [
        ("att_unet", "upsample", 8.72e6),
        ("att_unet", "transposed", 7.85e6),
        ("unet", "transposed", 7.76e6),
        ("unet", "upsample", 8.63e6),
    ],
)
def test_parameters_reach_the_published_counts(name: str, decoder: str, published: float) -> None:
    """METHODS section 3; domain-specific weights at most 3 % (B, table 1)."""
    domains = load_domains(JOINTS)
    dsl = build_network(NetworkSpec(name=name, decoder=decoder), domains)
    individual = build_network(NetworkSpec(name=name, decoder=decoder, scheme="individual"), domains)
    total = sum(p.numel() for p in dsl.parameters())
    one = sum(p.numel() for p in select_domain(dsl, "ankle").parameters())
    assert total == pytest.approx(published, rel=0.01)
    assert one == pytest.approx(published, rel=0.01)
    assert sum(p.numel() for p in individual.parameters()) == pytest.approx(3 * published, rel=0.01)
    shared = sum(p.numel() for k, p in dsl.named_parameters() if p.dim() == 4 and "head" not in k)
    biases = sum(p.numel() for k, p in dsl.named_parameters() if k.endswith("up.bias"))
    assert 0 < total - shared - biases <= 0.03 * total


def test_att_unet_counted_by_hand() -> None:
    """Every layer of the upsample variant, summed without the code under test."""
    c = (32, 64, 128, 256, 512)
    n_classes = 4

    def block(i: int, o: int) -> int:
        return 9 * i * o + 2 * o

    count = sum(block(i, o) + block(o, o) for i, o in zip((1, *c), c, strict=False))
    for fine, coarse in pairwise(c):
        inner = fine // 2
        gate = 2 * (fine * inner + 2 * inner) + inner + 2
        count += block(coarse, fine) + gate + block(2 * fine, fine) + block(fine, fine)
    count += c[0] * n_classes + n_classes
    assert sum(p.numel() for p in att_unet(NetworkSpec(), n_classes).parameters()) == count


@pytest.mark.parametrize("name", ["unet", "att_unet"])
@pytest.mark.parametrize("decoder", ["upsample", "transposed"])
def test_nine_scales_down_and_up(name: str, decoder: str) -> None:
    stages = _small(name, decoder).stages(torch.zeros(2, 1, 64, 32))
    got = [tuple(s.shape) for s in stages]
    strides = (1, 2, 4, 8, 16, 8, 4, 2, 1)
    channels = (4, 6, 8, 10, 12, 10, 8, 6, 4)
    assert got == [(2, c, 64 // s, 32 // s) for c, s in zip(channels, strides, strict=True)]


@pytest.mark.parametrize("n", [1, 3, 8])
def test_32n_pixels_stay_32n(n: int) -> None:
    assert _small()(torch.zeros(1, 1, 32 * n, 32 * n)).shape == (1, 3, 32 * n, 32 * n)


@pytest.mark.parametrize("name", ["unet", "att_unet"])
def test_a_volume_is_its_slices(name: str) -> None:
    network = _small(name)
    volumes = torch.randn(2, 1, 32, 48, 3)
    logits = network(volumes)
    assert logits.shape == (2, 3, 32, 48, 3)
    for b in range(2):
        for d in range(3):
            assert torch.allclose(logits[b, ..., d], network(volumes[b : b + 1, ..., d])[0], atol=1e-5)


@pytest.mark.parametrize("name", ["unet", "att_unet"])
@pytest.mark.parametrize("decoder", ["upsample", "transposed"])
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_it_says_the_same(name: str, decoder: str) -> None:
    network = _small(name, decoder)
    scripted = torch.jit.script(network)
    for shape in ((2, 1, 32, 32), (1, 1, 32, 32, 2)):
        x = torch.randn(shape)
        assert torch.allclose(scripted(x), network(x), atol=1e-4)


def test_it_sees_far_and_is_not_constant() -> None:
    """The upper rows change the logits 32 rows below: all five levels are connected."""
    network = _small(batches=50)  # settled statistics: signals keep their size from level to level
    x = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    y = x.clone()
    y[..., :16, :] += 5.0
    assert (network(x) - network(y))[..., 48:, :].abs().max() > 1e-4
