"""`train.yaml` through MONAI's own command, and the small pieces it wires."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine
from tiny import copied, log_rows, same_weights

from pedseg.bundle import (
    EpochOrder,
    ProgressBar,
    bundle_template,
    load_recipe,
    make_fold,
    prepare_process,
    run_training,
    training_objective,
)
from pedseg.data import SliceDataset
from pedseg.data.batches import EqualBatches
from pedseg.errors import InputError, UsageError
from pedseg.inference import load_model
from pedseg.plan import load_plan


def bundle_command(fold: Path, config: str, **overrides: str) -> subprocess.CompletedProcess[str]:
    """`python -m monai.bundle run` in another process with as many threads as this one."""
    command = [sys.executable, "-m", "monai.bundle", "run", "--bundle_root", str(fold)]
    command += ["--config_file", str(fold / f"configs/{config}.yaml")]
    command += ["--meta_file", str(fold / "configs/metadata.json")]
    command += [word for key, value in overrides.items() for word in (f"--{key}", value)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_monai_run_trains_to_the_same_bits(tiny_run: Path, tmp_path: Path) -> None:
    root = copied(tiny_run.parents[2], tmp_path)
    plan = load_plan(root / "plans/default")
    fold = root / "runs/default/monai/fold_0"
    make_fold(fold, plan, "0", plan.folds[0])
    done = bundle_command(fold, "train", device="$torch.device('cpu')")
    assert done.returncode == 0, done.stderr[-2000:]
    assert same_weights(fold, tiny_run / "fold_0")
    assert log_rows(fold) == log_rows(tiny_run / "fold_0")
    model = load_model(fold)
    assert model.plan.digest == plan.digest


def test_an_unfinished_or_missing_cache_is_one_of_our_errors(tiny_run: Path, tmp_path: Path) -> None:
    root = copied(tiny_run.parents[2], tmp_path)
    plan = load_plan(root / "plans/default")
    fold = root / "runs/default/other/fold_0"
    make_fold(fold, plan, "0", plan.folds[0])
    shutil.rmtree(root / "cache/default/shoulder")
    with pytest.raises(InputError, match="PS-A85: shoulder_2 is not in the slice cache"):
        run_training(fold, device="cpu")
    with pytest.raises(UsageError, match="PS-A120: device"):
        run_training(fold, device="cuda:99")


def test_the_batches_know_the_epoch() -> None:
    batches = EqualBatches(SliceDataset([]), 2, seed=0)
    seen = []
    engine = Engine(lambda _engine, _batch: seen.append(batches.epoch))
    EpochOrder(batches).attach(engine)
    engine.run([0, 0], max_epochs=3)
    assert seen == [1, 1, 2, 2, 3, 3]


def test_the_bar_ends_before_what_comes_behind_the_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Engine(lambda _engine, _batch: {"loss": 1.0})
    ProgressBar().attach(engine)
    engine.run([0, 0, 0], max_epochs=2)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.strip() == ""  # no terminal, no bar


def test_a_training_process_is_deterministic(tiny_run: Path) -> None:
    recipe = load_recipe(tiny_run / "fold_0")
    prepare_process(recipe)
    assert torch.are_deterministic_algorithms_enabled()
    first = torch.rand(3)
    prepare_process(recipe)
    assert torch.equal(torch.rand(3), first)
    assert training_objective(recipe).spec == recipe.plan.objective


def test_the_template_is_found() -> None:
    assert (bundle_template() / "configs/train.yaml").is_file()
