"""The default network learns in every arithmetic: on the processor, and on a GPU where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import log_rows, make_workspace, weights

from pedseg.plan.preset import load_preset
from pedseg_train import TrainOptions, pedseg_train

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@pytest.mark.parametrize(
    ("device", "precision"),
    [
        pytest.param("cpu", "bfloat16", marks=pytest.mark.slow),
        pytest.param("cuda", "float32", marks=on_gpu),
        pytest.param("cuda", "bfloat16", marks=on_gpu),
        pytest.param("cuda", "float16", marks=on_gpu),
    ],
)
def test_the_loss_of_the_default_network_is_finite_and_falls(device: str, precision: str, tmp_path: Path) -> None:
    wishes = {"network": load_preset("default").network.name, "objective": "msc"}
    schedule = {"precision": precision, "batch": 12}
    plan = make_workspace(tmp_path / "w", ("ankle", "shoulder"), wishes=wishes, schedule=schedule)
    assert (plan.network.name, plan.schedule.precision) == ("efficient_unet", precision)
    (fold,) = pedseg_train(["0"], tmp_path / "w", options=TrainOptions(device=device, epochs=6, test=False))
    losses = np.array([float(row["loss"]) for row in log_rows(fold)])
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.8 * losses[0]
    assert all(bool(torch.isfinite(v).all()) for v in weights(fold).values())
    assert {v.dtype for v in weights(fold).values() if v.is_floating_point()} == {torch.float32}
