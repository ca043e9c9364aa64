"""What a person follows while a fold trains: log.csv, progress.png, one line an epoch, TensorBoard."""

from __future__ import annotations

import csv
import io
import logging
import math
import time
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from torch.utils.tensorboard import SummaryWriter

from pedseg.bundle.metrics import ExamDice
from pedseg.bundle.recipe import Recipe
from pedseg.report.figures import training_figure
from pedseg.workspace import atomic_write, write_text

log = logging.getLogger("pedseg.train")
Row = dict[str, float]


class History:
    """Rows of the epochs so far; the checkpoint keeps them, so that files made from them survive a resume.

    Args:
        recipe: the fold in training.
        dice: the validation metric.
        prior: these are the epochs of the auto-encoder: `prior.csv` and `prior.png`; the last epoch is kept, not the
            best.
    """

    def __init__(self, recipe: Recipe, dice: ExamDice, *, prior: bool = False) -> None:
        self.recipe = recipe
        self.dice = dice
        self.prior = prior
        self.rows: list[Row] = []
        self.begun: dict[str, list[float]] = {}
        """Values of the steps that an interrupted epoch has made: `running` as a checkpoint kept it."""
        self._values: dict[str, list[float]] = {}
        self._started = time.monotonic()

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer. Attach behind validation and before checkpoints."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._finish)

    @property
    def best_epoch(self) -> int:
        """Epoch of the highest validation Dice (the first of equals); 0 before any."""
        return int(max(self.rows, key=lambda r: r["dice"])["epoch"]) if self.rows else 0

    @property
    def running(self) -> dict[str, list[float]]:
        """Loss and terms of the steps of the epoch at hand."""
        return self._values

    def _start(self, _engine: Engine) -> None:
        self._values, self._started = {name: list(kept) for name, kept in self.begun.items()}, time.monotonic()
        self.begun = {}

    def _add(self, engine: Engine) -> None:
        output: Row = engine.state.output  # type: ignore[assignment]
        for name, value in output.items():
            kept = self._values.setdefault(name, [])
            if math.isfinite(value):  # else the step was left out
                kept.append(value)

    def _finish(self, engine: Engine) -> None:
        losses = {k: sum(v) / len(v) if v else math.nan for k, v in self._values.items()}
        scores = {f"dice_{name}": value for name, value in self.dice.per_domain.items()}
        seconds = time.monotonic() - self._started
        dice = {"dice": self.dice.compute(), **scores}
        self.rows.append({"epoch": engine.state.epoch, **losses, **dice, "seconds": seconds})
        self._say(engine.state.max_epochs or 0)
        table, picture = ("prior.csv", "prior.png") if self.prior else ("log.csv", "progress.png")
        write_log(self.recipe.root / table, self.rows)
        with atomic_write(self.recipe.root / picture) as path:
            training_figure(self.rows, path)

    def _say(self, epochs: int) -> None:
        row = self.rows[-1]
        scores = ", ".join(f"{k.removeprefix('dice_')} {v:.3f}" for k, v in row.items() if k.startswith("dice_"))
        best = " (best)" if self.best_epoch == row["epoch"] and not self.prior else ""
        told = ("prior: " if self.prior else "", row["epoch"], epochs, row["loss"], scores, best, row["seconds"])
        log.info("%sepoch %d/%d: loss %.4f, Dice %s%s, %.0f s", *told)


class TensorBoard:
    """Scalars of every epoch for TensorBoard.

    Args:
        history: rows to write.
        folder: event files go here.
    """

    def __init__(self, history: History, folder: Path | str) -> None:
        self.history = history
        self.folder = Path(folder)

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer. Attach behind the history."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._write)

    def _write(self, _engine: Engine) -> None:
        row = self.history.rows[-1]
        with SummaryWriter(str(self.folder), purge_step=int(row["epoch"])) as writer:
            for name, value in row.items():
                if name != "epoch":
                    writer.add_scalar(name, value, int(row["epoch"]))


def write_log(path: Path, rows: list[Row]) -> None:
    """Rows as CSV, six significant digits."""
    text = io.StringIO()
    names = list(rows[0]) if rows else []
    table: Any = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows({k: int(v) if k == "epoch" else f"{v:.6g}" for k, v in row.items()} for row in rows)
    write_text(path, text.getvalue())
