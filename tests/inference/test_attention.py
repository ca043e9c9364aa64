"""Attention maps: the coefficients of the finest gate, over the whole slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pedseg.domains import load_domains
from pedseg.inference import load_model
from pedseg.inference.attention import attention_maps
from pedseg.inference.checkpoint import Model
from pedseg.networks import NETWORKS, SelectedNetwork
from pedseg.networks.attention import AttentionGate, finest_gates
from pedseg.plan import DomainPlan, NetworkSpec, ObjectiveSpec, Plan

SIDE = 64


def plan_of(name: str, **network: object) -> Plan:
    (shoulder,) = load_domains(["shoulder"])
    part = DomainPlan(domain=shoulder, plane="axial", spacing_mm=1, window=SIDE)
    spec = NetworkSpec(name=name, scheme="individual", **network)
    return Plan(domains=(part,), network=spec, objective=ObjectiveSpec(name="ce"))


def model_of(plan: Plan, tmp_path: Path, network: nn.Module | None = None) -> Model:
    """A model of one fold that is not on disk."""
    model = Model(plan, (tmp_path,))
    model._loaded["shoulder", "cpu"] = (network or SelectedNetwork(plan, "shoulder").eval(),)
    return model


def answer(gate: AttentionGate) -> None:
    """Make a gate give sigmoid(first channel of its skip), its norms being fresh."""
    with torch.no_grad():
        for conv in (gate.skip[0], gate.gating[0], gate.score[0]):
            conv.weight.zero_()
        gate.skip[0].weight[0, 0] = 1
        gate.score[0].weight[0, 0] = 1


def first_skip(network: nn.Module, images: Tensor) -> np.ndarray:
    """(N, h, w): the first channel of the finest feature map, where positive."""
    with torch.no_grad():
        maps: Tensor = network.network.encoder(images)[0][:, 0]
    return maps.clamp(min=0).numpy()


def test_a_gate_of_known_weights_gives_a_known_map(tmp_path: Path) -> None:
    plan = plan_of("att_unet", channels=(8, 8, 8, 8, 8))
    network = SelectedNetwork(plan, "shoulder").eval()
    (gate,) = finest_gates(network)
    answer(gate)
    images = np.random.default_rng(0).standard_normal((11, SIDE, SIDE)).astype(np.float32)
    maps = attention_maps(model_of(plan, tmp_path, network), "shoulder", images)
    scale = 1 / np.sqrt(1 + gate.skip[1].eps)  # of a fresh norm, twice
    wanted = 1 / (1 + np.exp(-scale * scale * first_skip(network, torch.from_numpy(images)[:, None])))
    assert maps.shape == images.shape
    assert maps.dtype == np.float32
    assert np.abs(maps - wanted).max() < 1e-6
    assert maps.std() > 0.01


def test_a_gate_at_half_the_resolution_is_upsampled_bilinearly(tmp_path: Path) -> None:
    plan = plan_of("efficient_unet")
    network = SelectedNetwork(plan, "shoulder").eval()
    (gate,) = finest_gates(network)
    answer(gate)
    images = np.random.default_rng(0).standard_normal((1, SIDE, SIDE)).astype(np.float32)
    (found,) = attention_maps(model_of(plan, tmp_path, network), "shoulder", images)
    scale = 1 / (1 + gate.skip[1].eps)
    (coarse,) = 1 / (1 + np.exp(-scale * first_skip(network, torch.from_numpy(images)[:, None])))
    assert coarse.shape == (SIDE // 2, SIDE // 2)
    # pixel centres of the fine grid lie a quarter beside those of the coarse one: weights 3/4 and 1/4, by hand
    padded = np.pad(coarse, 1, mode="edge")
    rows = np.empty((SIDE, SIDE // 2 + 2))
    rows[0::2], rows[1::2] = 0.75 * padded[1:-1] + 0.25 * padded[:-2], 0.75 * padded[1:-1] + 0.25 * padded[2:]
    wanted = np.empty((SIDE, SIDE))
    wanted[:, 0::2] = 0.75 * rows[:, 1:-1] + 0.25 * rows[:, :-2]
    wanted[:, 1::2] = 0.75 * rows[:, 1:-1] + 0.25 * rows[:, 2:]
    assert np.abs(found - wanted).max() < 1e-5


@pytest.mark.parametrize("name", list(NETWORKS))
def test_networks_have_gates_or_say_that_they_have_none(tmp_path: Path, name: str) -> None:
    model = model_of(plan_of(name), tmp_path)
    images = np.zeros((1, SIDE, SIDE), np.float32)
    if name in {"unet", "res_unet", "vgg_unet"}:
        with pytest.raises(ValueError, match=f"{name} has no attention gates: name a model of a network that has"):
            attention_maps(model, "shoulder", images)
    else:
        found = attention_maps(model, "shoulder", images)
        assert found.shape == images.shape
        assert 0 <= found.min() <= found.max() <= 1


def test_of_one_network_a_bone_the_highest_counts(tmp_path: Path) -> None:
    plan = plan_of("att_unet", channels=(8, 8, 8, 8, 8), strategy="individual")
    network = SelectedNetwork(plan, "shoulder").eval()
    images = np.random.default_rng(0).standard_normal((2, SIDE, SIDE)).astype(np.float32)
    first, second = finest_gates(network)
    for gate, bias in ((first, -2.0), (second, 1.0)):
        with torch.no_grad():
            gate.score[0].weight.zero_()
            gate.score[1].bias.fill_(bias)
    found = attention_maps(model_of(plan, tmp_path, network), "shoulder", images)
    assert np.allclose(found, 1 / (1 + np.exp(-1.0)))


def test_the_network_is_left_as_it_was(tiny_shape_run: Path) -> None:
    model = load_model(tiny_shape_run / "fold_0")
    images = np.zeros((3, 32, 32), np.float32)
    once = attention_maps(model, "knee", images)
    assert np.array_equal(attention_maps(model, "knee", images), once)
    network = model.network("knee", torch.device("cpu"))
    assert not any(module._forward_hooks for module in network.modules())
    assert attention_maps(model, "knee", images[:0]).shape == (0, 32, 32)
