"""What a person follows while a fold trains."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import copied, log_rows, train

from pedseg.bundle import ExamDice, History, load_recipe
from pedseg.bundle.progress import write_log
from pedseg.domains import load_domains


def test_log_has_a_row_an_epoch_with_six_digits(tmp_path: Path) -> None:
    rows = [{"epoch": 1, "loss": 1.23456789, "dice": 0.0}, {"epoch": 2, "loss": 1e-9, "dice": float("nan")}]
    write_log(tmp_path / "log.csv", rows)
    assert (tmp_path / "log.csv").read_text("utf-8") == "epoch,loss,dice\n1,1.23457,0\n2,1e-09,nan\n"
    assert next(csv.DictReader((tmp_path / "log.csv").read_text("utf-8").splitlines()))["loss"] == "1.23457"


def test_the_best_epoch_is_the_first_of_the_highest_dice(tiny_run: Path) -> None:
    history = History(load_recipe(tiny_run / "fold_0"), ExamDice(load_domains(["knee"])))
    assert history.best_epoch == 0
    history.rows[:] = [{"epoch": e, "dice": d} for e, d in enumerate((0.2, 0.5, 0.5, 0.4), start=1)]
    assert history.best_epoch == 2


def test_tensorboard_shows_the_log(tiny_run: Path) -> None:
    events = EventAccumulator(str(tiny_run / "fold_0/tensorboard")).Reload()
    logged = log_rows(tiny_run / "fold_0")
    for name in ("loss", "msc", "dice_knee"):
        shown = events.Scalars(name)
        assert [s.step for s in shown] == [1, 2, 3, 4]
        np.testing.assert_allclose([s.value for s in shown], [float(r[name]) for r in logged], rtol=1e-4)


def test_the_picture_is_drawn_and_epochs_are_told(
    tiny_workspace: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pedseg")
    folder = train(copied(tiny_workspace, tmp_path), epochs=1)
    assert (folder / "progress.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert any(m.startswith("epoch 1/1: loss ") and "knee 0." in m and "(best)" in m for m in caplog.messages)
