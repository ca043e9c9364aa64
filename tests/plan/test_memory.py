"""Estimates of memory against the networks themselves: counted without computing, and measured in a process."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest
import torch
from live_memory import LiveMemory

from pedseg.domains import load_domains
from pedseg.names import NetworkName
from pedseg.networks import NETWORKS, ShapeEncoder, build_autoencoder, build_network
from pedseg.plan import AutoencoderSpec, NetworkSpec, PriorSpec
from pedseg.plan.memory import (
    COUNTED,
    GIB,
    LIBRARIES,
    PREDICTION_BATCH,
    PRIORS,
    parameters,
    prediction_gib,
    prior_gib,
    training_gib,
)
from pedseg.plan.network import CONV_CHANNELS

JOINTS = load_domains(("ankle", "knee", "shoulder"))
COUNT_FACTOR, MEASURED_FACTOR = 1.25, 1.5
"""How far an estimate may be from what was counted, and from the memory a process was measured to take."""
every = pytest.mark.parametrize(("name", "decoder"), COUNTED)


def test_every_network_and_decoder_has_been_counted():
    assert {name for name, _ in COUNTED} == set(NETWORKS)


@every
def test_parameters_are_those_of_the_network(name, decoder):
    for spec in (NetworkSpec(name=name, decoder=decoder), halved(name, decoder)):
        with torch.device("meta"):
            network = NETWORKS[name](spec, 4)
        assert parameters(spec) == pytest.approx(sum(p.numel() for p in network.parameters()), rel=0.02)


def halved(name, decoder):
    usual = NetworkSpec(name=name, decoder=decoder)
    return NetworkSpec(name=name, decoder=decoder, channels=tuple(c // 2 for c in usual.channels))


@cache
def counted_training(spec: NetworkSpec, window: int, share: int) -> float:
    """GiB of what a step of three domains keeps at its peak, and of the weights, their gradients and moments."""
    with torch.device("meta"):
        network = build_network(spec, JOINTS).train()
        images = torch.empty(3 * share, 1, window, window)
    weights = 4 * sum(p.numel() for p in network.parameters())
    with LiveMemory(network) as memory:
        output = network(images, (share,) * 3)
        sum(logits.square().mean() for logits in output.logits).backward()
    return (memory.peak + 3 * weights) / GIB


@every
@pytest.mark.parametrize(("window", "share"), [(64, 4), pytest.param(256, 2, marks=pytest.mark.slow)])
def test_training_keeps_what_was_counted(name, decoder, window, share):
    spec = NetworkSpec(name=name, decoder=decoder)
    estimate = training_gib(spec, window, 3 * share, "float32") - LIBRARIES
    assert 1 / COUNT_FACTOR < estimate / counted_training(spec, window, share) < COUNT_FACTOR


@every
def test_with_half_the_channels_too(name, decoder):
    spec = halved(name, decoder)
    estimate = training_gib(spec, 256, 12, "float32") - LIBRARIES
    assert 1 / COUNT_FACTOR < estimate / counted_training(spec, 256, 4) < COUNT_FACTOR


@every
def test_prediction_passes_what_was_counted(name, decoder):
    spec, window = NetworkSpec(name=name, decoder=decoder), 256
    with torch.device("meta"):
        network = NETWORKS[name](spec, 4).eval()
        images = torch.empty(PREDICTION_BATCH, 1, window, window)
    with LiveMemory(network) as memory, torch.inference_mode():
        network(images)
    passing = COUNTED[name, decoder].passing
    assert passing * 4 * window**2 * PREDICTION_BATCH == pytest.approx(memory.peak, rel=0.1)


def masks_of(share: int, window: int, *, grad: bool = False) -> list[torch.Tensor]:
    """Of three joints, without values."""
    with torch.device("meta"):
        return [torch.empty(share, d.n_classes, window, window, requires_grad=grad) for d in JOINTS]


@pytest.mark.parametrize("kind", PRIORS)
@pytest.mark.parametrize("scheme", ["dsl", "individual"])
@pytest.mark.parametrize("channels", [CONV_CHANNELS, tuple(c // 2 for c in CONV_CHANNELS)])
def test_an_auto_encoder_takes_what_was_counted(kind, scheme, channels):
    spec, window, share = AutoencoderSpec(kind=kind, scheme=scheme, channels=channels), 256, 6
    with torch.device("meta"):
        network = build_autoencoder(spec, JOINTS).train()
    weights = 4 * sum(p.numel() for p in network.parameters())
    prior = PriorSpec(autoencoder=spec, batch=share if scheme == "individual" else 3 * share)
    training, frozen = prior_gib(prior, window, (1, 1, 1), "float32")
    with LiveMemory(network) as memory:
        sum(x.square().mean() for x in network(masks_of(share, window)).logits).backward()
    counted = (memory.peak + 3 * weights) / GIB
    assert 1 / COUNT_FACTOR < (training - LIBRARIES) / counted < COUNT_FACTOR

    logits = masks_of(share, window, grad=True)
    with torch.device("meta"):
        encoder = ShapeEncoder(network)
    with LiveMemory(encoder) as memory:
        said = [x.softmax(1) for x in logits]
        pairs = zip(encoder(masks_of(share, window)), encoder(said), strict=True)
        sum((a.detach() - b).square().mean() for a, b in pairs).backward()
    assert 1 / COUNT_FACTOR < share * frozen / (memory.peak / GIB) < COUNT_FACTOR


MEASURE = """
import json, sys, torch
from pedseg.domains import load_domains
from pedseg.networks import build_network
from pedseg.plan import NetworkSpec

def memory(key):
    return int(open("/proc/self/status").read().split(key)[1].split()[0]) / 2**20

torch.set_num_threads(1)
name, window, share = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
empty = memory("VmRSS:")
network = build_network(NetworkSpec(name=name), load_domains(["ankle", "knee", "shoulder"]))
optimizer = torch.optim.Adam(network.parameters())
network.to(memory_format=torch.channels_last)
images = torch.randn(3 * share, 1, window, window).contiguous(memory_format=torch.channels_last)
for _ in range(2):
    optimizer.zero_grad(set_to_none=True)
    sum(x.square().mean() for x in network(images, (share,) * 3).logits).backward()
    optimizer.step()
print(json.dumps(memory("VmHWM:") - empty))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n == "unet" else pytest.mark.slow) for n in NETWORKS])
def test_a_step_takes_about_the_estimated_memory(name: NetworkName):
    """In a process of its own, above what its libraries take."""
    window, share = 128, 2
    command = [sys.executable, "-c", MEASURE, name, str(window), str(share)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    estimate = training_gib(NetworkSpec(name=name), window, 3 * share, "float32") - LIBRARIES
    assert 1 / MEASURED_FACTOR < estimate / json.loads(done.stdout) < MEASURED_FACTOR


def test_a_mask_a_bone_takes_an_auto_encoder_a_bone():
    single = PriorSpec(autoencoder=AutoencoderSpec(kind="single", scheme="individual"), batch=8)
    (one, frozen), (three, all_frozen) = (prior_gib(single, 256, masks, "float32") for masks in ((1,), (3,)))
    assert (three - LIBRARIES, all_frozen) == pytest.approx((3 * (one - LIBRARIES), 3 * frozen))


def test_estimates_grow_with_what_they_depend_on():
    small, large = NetworkSpec(channels=(16, 32, 64, 128, 256)), NetworkSpec()
    base = training_gib(large, 256, 18, "float32")
    assert training_gib(large, 256, 36, "float32") > base > training_gib(small, 256, 18, "float32") > LIBRARIES
    assert training_gib(large, 256, 18, "bfloat16") < base < training_gib(large, 256, 18, "float32", networks=3)
    assert prediction_gib(large, 256, 4, 170, 512 * 512 * 170) > prediction_gib(large, 256, 4, 110, 512 * 512 * 110)
