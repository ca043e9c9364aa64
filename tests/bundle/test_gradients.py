"""The pull of every term at the start of training."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
import torch
from tiny import copied, train
from torch import nn

from pedseg.bundle.gradients import gradient_norms
from pedseg.plan import load_plan


def test_norms_are_those_of_each_term_alone_and_leave_nothing_behind() -> None:
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    x = torch.randn(4, 3)
    out = network(x)
    terms = {"mean": out.mean(), "square": out.square().mean(), "constant": torch.tensor(1.0)}
    norms = gradient_norms(network, terms)
    assert all(p.grad is None for p in network.parameters())
    # d mean / d bias = 1/2 each; d mean / d weight = mean of x over the batch, halved, in both rows
    expected = math.sqrt(2 * 0.25 + 2 * (x.mean(0) / 2).square().sum().item())
    assert norms["mean"] == pytest.approx(expected, rel=1e-5)
    assert norms["constant"] == 0
    terms["square"].backward()  # the graph is still there
    squares = sum(p.grad.square().sum().item() for p in network.parameters() if p.grad is not None)
    assert norms["square"] == pytest.approx(math.sqrt(squares), rel=1e-5)


def test_a_fold_keeps_them_in_a_table_and_says_them_once(
    tiny_workspace: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pedseg")
    folder = train(copied(tiny_workspace, tmp_path), epochs=1)
    with (folder / "gradients.csv").open(encoding="utf-8") as stream:
        rows = {row["term"]: row for row in csv.DictReader(stream)}
    spec = load_plan(folder / "configs/plan.json").objective
    assert {k: float(r["weight"]) for k, r in rows.items()} == {
        "ce": 1, "soft_dice": spec.dice_weight, "msc": spec.contrastive_weight
    }  # fmt: skip
    assert all(0 < float(r["gradient_norm"]) < math.inf for r in rows.values())
    said = [m for m in caplog.messages if m.startswith("gradients at the start, each with its weight: ce ")]
    assert len(said) == 1
