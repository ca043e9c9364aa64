"""Validation Dice with one training patient against five, about as many steps each, on the synthetic cohort.

Run with `python -m benchmarks.training_size` where pedseg is installed; some minutes on two cores.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from benchmarks.demo import DOMAINS, say
from pedseg.plan import Fold, load_plan, save_plan
from pedseg.workspace import Workspace
from pedseg_phantom import PhantomOptions, pedseg_phantom
from pedseg_plan import PlanOptions, pedseg_plan
from pedseg_preprocess import pedseg_preprocess
from pedseg_train import TrainOptions, pedseg_train

EPOCHS = {5: 10, 1: 50}
"""By training patients."""


def main() -> int:
    """Train both and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prepare(root)
        dice = {n: best_epoch(root, fold, n) for fold, n in enumerate(EPOCHS)}
    say(f"{'joint':10}" + "".join(f"{n} patients".rjust(12) for n in EPOCHS))
    for domain in DOMAINS:
        say(f"{domain:10}" + "".join(f"{float(dice[n][f'dice_{domain}']):12.3f}" for n in EPOCHS))
    return 0


def prepare(root: Path) -> None:
    """Six patients a joint in the slice cache; the sixth validates both folds."""
    pedseg_phantom(DOMAINS, 6, root / "raw", options=PhantomOptions(matrix=96))
    pedseg_plan(DOMAINS, root, options=PlanOptions(preset="demo", window=96))
    validation = {d: (f"{d}_005",) for d in DOMAINS}
    train = {n: {d: tuple(f"{d}_{i:03d}" for i in range(n)) for d in DOMAINS} for n in EPOCHS}
    files = Workspace(root).plan("default")
    folds = tuple(Fold(validation=validation, train=train[n]) for n in EPOCHS)
    save_plan(load_plan(files.plan).model_copy(update={"folds": folds}), files)
    pedseg_preprocess(root, jobs=2)


def best_epoch(root: Path, fold: int, patients: int) -> dict[str, str]:
    """The row of log.csv with the highest mean Dice."""
    options = TrainOptions(run=f"of_{patients}", epochs=EPOCHS[patients])
    (folder,) = pedseg_train([str(fold)], root, options=options)
    with (folder / "log.csv").open() as table:
        return max(csv.DictReader(table), key=lambda row: float(row["dice"]))


if __name__ == "__main__":
    sys.exit(main())
