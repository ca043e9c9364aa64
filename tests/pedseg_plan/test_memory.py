from __future__ import annotations

import pytest

from pedseg.domains import load_domains
from pedseg.networks import build_network
from pedseg.plan import NetworkSpec
from pedseg_plan.memory import LIBRARIES, parameters, pixel_channels, prediction_gib, training_gib


def test_pixel_channels_of_a_small_network_by_hand():
    """Channels 2, 4, 6, 8, 10 on 32, 16, 8, 4, 2 pixels a side."""
    spec = NetworkSpec(channels=(2, 4, 6, 8, 10))
    assert pixel_channels(spec, 32) == 2 * 1024 + 4 * 256 + 6 * 64 + 8 * 16 + 10 * 4


@pytest.mark.parametrize("name", ["unet", "att_unet"])
@pytest.mark.parametrize("decoder", ["upsample", "transposed"])
def test_parameters_are_those_of_the_network_but_for_norms_gates_and_heads(name, decoder):
    spec = NetworkSpec(name=name, decoder=decoder)
    network = build_network(spec, load_domains(["ankle"]))
    counted = sum(p.numel() for p in network.parameters())
    assert parameters(spec) == pytest.approx(counted, rel=0.03)
    assert parameters(spec) <= counted


def test_estimates_grow_with_what_they_depend_on():
    small, large = NetworkSpec(channels=(16, 32, 64, 128, 256)), NetworkSpec()
    base = training_gib(large, 256, 18, "float32")
    assert training_gib(large, 256, 36, "float32") > base > training_gib(small, 256, 18, "float32") > LIBRARIES
    assert training_gib(large, 256, 18, "bfloat16") < base
    assert prediction_gib(large, 256, 4, 170, 512 * 512 * 170) > prediction_gib(large, 256, 4, 110, 512 * 512 * 110)
