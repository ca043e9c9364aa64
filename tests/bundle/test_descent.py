"""Steps that are left out, and when training returns to its last checkpoint."""

from __future__ import annotations

import logging
import math

import pytest
import torch
from torch import nn

from pedseg.bundle.descent import MAX_SKIPPED, Descent, gradient_scaler
from pedseg.errors import TrainingError


class Return:
    """A rewinder that can return a number of times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.rate = 1.0
        self.scaler = torch.amp.GradScaler("cpu", enabled=False)

    def rewind(self) -> bool:
        self.times -= 1
        self.rate = 0.5
        return self.times >= 0


def line() -> tuple[nn.Linear, torch.optim.SGD]:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    return network, torch.optim.SGD(network.parameters(), lr=1.0)


def step(descent: Descent, network: nn.Linear, optimizer: torch.optim.Optimizer, factor: float = 1.0) -> bool:
    optimizer.zero_grad()
    loss = factor * network(torch.ones(2, 3)).square().mean()
    return descent(network, optimizer, loss, {"square": loss})


def weights(network: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def test_a_step_is_the_optimisers_own_where_nothing_is_wrong() -> None:
    one, other = line(), line()
    assert step(Descent(), *one)
    loss = other[0](torch.ones(2, 3)).square().mean()
    loss.backward()
    other[1].step()
    assert all(torch.equal(a, b) for a, b in zip(one[0].parameters(), other[0].parameters(), strict=True))


def test_longer_gradients_are_shortened() -> None:
    (network, optimizer), (free, free_optimizer) = line(), line()
    before = weights(network)
    step(Descent(clip_norm=0.01), network, optimizer)
    moved = torch.cat([(a - b).flatten() for a, b in zip(weights(network), before, strict=True)])
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)
    step(Descent(clip_norm=1e6), free, free_optimizer)
    again, again_optimizer = line()
    step(Descent(), again, again_optimizer)
    assert all(torch.equal(a, b) for a, b in zip(weights(free), weights(again), strict=True))


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_step_into_what_is_not_finite_is_left_out_and_said(factor: float, caplog: pytest.LogCaptureFixture) -> None:
    network, optimizer = line()
    before, descent = weights(network), Descent()
    assert not step(descent, network, optimizer, factor)
    assert all(torch.equal(a, b) for a, b in zip(weights(network), before, strict=True))
    assert f"PS-W88: loss is not finite (square {factor:g}): the step is left out" in caplog.text
    assert step(descent, network, optimizer)


def test_a_gradient_can_be_bad_where_the_loss_is_not(caplog: pytest.LogCaptureFixture) -> None:
    network, optimizer = line()
    before = weights(network)
    loss = (network.weight - network.weight.detach()).abs().sum().sqrt()  # 0, whose slope is infinite
    assert not Descent()(network, optimizer, loss, {"root": loss})
    assert "PS-W88: gradient is not finite (root 0)" in caplog.text
    assert all(torch.equal(a, b) for a, b in zip(weights(network), before, strict=True))


def test_one_too_many_in_a_row_stops() -> None:
    network, optimizer = line()
    descent = Descent()
    for _ in range(MAX_SKIPPED):
        step(descent, network, optimizer, math.nan)
    step(descent, network, optimizer)
    for _ in range(MAX_SKIPPED):
        assert not step(descent, network, optimizer, math.nan)
    with pytest.raises(TrainingError, match=r"PS-A88: loss is not finite \(square nan\): lower the learning rate"):
        step(descent, network, optimizer, math.nan)


def test_training_returns_as_often_as_it_may_then_stops(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "pedseg")
    network, optimizer = line()
    descent = Descent(Return(1))
    assert descent.rate == 1
    for _ in range(MAX_SKIPPED + 1):
        step(descent, network, optimizer, math.nan)
    assert descent.rate == 0.5
    for _ in range(MAX_SKIPPED):
        step(descent, network, optimizer, math.nan)
    with pytest.raises(TrainingError, match="PS-A88"):
        step(descent, network, optimizer, math.nan)
    assert Descent().rate == 1


class Scaled(Return):
    """One with float16's scale, which torch's scaler does on processors too."""

    def __init__(self, scale: float) -> None:
        super().__init__(0)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=scale)


def test_only_float16_on_a_gpu_is_scaled() -> None:
    assert not gradient_scaler("float16", torch.device("cpu")).is_enabled()
    assert not gradient_scaler("bfloat16", torch.device("cuda")).is_enabled()
    assert Descent().scale == 1
    assert Descent(Scaled(8)).scale == 8


def test_a_power_of_two_changes_no_step() -> None:
    (network, optimizer), (plain, plain_optimizer) = line(), line()
    assert step(Descent(Scaled(2**16), clip_norm=0.5), network, optimizer)
    assert step(Descent(clip_norm=0.5), plain, plain_optimizer)
    assert all(torch.equal(a, b) for a, b in zip(weights(network), weights(plain), strict=True))


def test_a_scale_that_is_too_large_is_halved_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    network, optimizer = line()
    before = weights(network)
    rewinder = Scaled(2.0**127)
    descent = Descent(rewinder)
    for _ in range(MAX_SKIPPED + 2):
        assert not step(descent, network, optimizer, 1e3)
    assert all(torch.equal(a, b) for a, b in zip(weights(network), before, strict=True))
    assert descent.scale == 2.0 ** (127 - MAX_SKIPPED - 2)
    assert not caplog.text
    assert any(step(descent, network, optimizer, 1e3) for _ in range(20))
    assert rewinder.times == 0, "nothing was returned to"


def test_gradients_that_no_scale_mends_are_faults(caplog: pytest.LogCaptureFixture) -> None:
    network, optimizer = line()
    descent = Descent(Scaled(4))
    for _ in range(2):
        bad(descent, network, optimizer)
    assert (descent.scale, caplog.text) == (1, "")
    for _ in range(MAX_SKIPPED):
        bad(descent, network, optimizer)
    assert "PS-W88: gradient is not finite" in caplog.text
    with pytest.raises(TrainingError, match="PS-A88"):
        bad(descent, network, optimizer)


def bad(descent: Descent, network: nn.Linear, optimizer: torch.optim.Optimizer) -> None:
    loss = (network.weight - network.weight.detach()).abs().sum().sqrt()  # 0, whose slope is infinite
    assert not descent(network, optimizer, loss, {"root": loss})


def test_float16_keeps_small_gradients_only_when_scaled() -> None:
    def moved(scaler: torch.amp.GradScaler) -> float:
        network, optimizer = line()
        before = network.weight.detach().clone()
        rewinder = Return(0)
        rewinder.scaler = scaler
        with torch.autocast("cpu", torch.float16):
            said = network(torch.ones(2, 3))
        loss = 1e-8 * said.float().sum()
        assert Descent(rewinder)(network, optimizer, loss, {"small": loss})
        return float((network.weight.detach() - before).abs().max())

    assert moved(torch.amp.GradScaler("cpu", enabled=False)) == 0
    assert moved(torch.amp.GradScaler("cpu")) > 0
