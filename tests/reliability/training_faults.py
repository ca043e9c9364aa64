"""Faults of a training: damaged files, bad losses, other processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pedseg.bundle import Checkpoints, ExamDice, History, fold_entries, load_recipe, training_network
from pedseg.data import SliceDataset
from pedseg.losses import Objective

EVEN, ODD = "models/checkpoint_even.pt", "models/checkpoint_odd.pt"
HOLD = "import sys, time; from pathlib import Path; from pedseg_train.lock import held\n"


def cut(path: Path) -> None:
    """Half written."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    """One bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def without_checksum(path: Path) -> None:
    path.with_suffix(".sha256").unlink()


def killed_between_checksum_and_file(path: Path) -> None:
    path.with_suffix(".sha256").write_text("0" * 64 + "\n", "utf-8")


PIECES = {
    "half": cut,
    "empty": emptied,
    "unvouched": without_checksum,
    "between": killed_between_checksum_and_file,
}
"""What may be wrong with a checkpoint, or its checksum."""


def resealed(path: Path, **values: Any) -> None:
    """A checkpoint with other values, or another file in its place, and the checksum that belongs to it."""
    if values:
        torch.save({**torch.load(path, weights_only=True), **values}, path)
    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest() + "\n", "utf-8")


def poisoned(monkeypatch: pytest.MonkeyPatch, *epochs: int) -> None:
    """Make every loss of some epochs NaN."""
    whole = Objective.__call__

    def loss(self: Objective, *args: Any, **kwargs: Any) -> Any:
        total, terms = whole(self, *args, **kwargs)
        calls.append(0)
        bad = (len(calls) - 1) // 20 + 1 in epochs  # 20 steps an epoch
        return total * float("nan") if bad else total, terms

    calls: list[int] = []
    monkeypatch.setattr(Objective, "__call__", loss)


def checkpoints_of(fold: Path) -> Checkpoints:
    """Those of a fresh network behind epoch 5."""
    recipe = load_recipe(fold)
    network = training_network(recipe, SliceDataset(fold_entries(recipe, "train")), torch.device("cpu"))
    history = History(recipe, ExamDice([part.domain for part in recipe.plan.domains]))
    history.rows[:] = [{"epoch": 5, "dice": 1.0}]
    return Checkpoints(recipe, network, torch.optim.Adam(network.parameters()), history)


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that holds a fold."""
    code = f"{HOLD}with held(Path({str(folder)!r})):\n print('held', flush=True)\n time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file's bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def one_thread() -> dict[str, str]:
    """As many threads as this process, for the order of additions depends on it."""
    return {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
