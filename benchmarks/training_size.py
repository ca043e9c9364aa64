"""Validation Dice with one training patient against five, and in bfloat16 against float32, on the synthetic cohort.

All train for about as many steps; three further patients validate. Two networks of one patient each are averaged,
for one child alone may happen to be a good or a bad example. Run with `python -m benchmarks.training_size` where
pedseg is installed; half an hour on two cores.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.demo import DOMAINS, say
from pedseg.plan import Fold, load_plan, save_plan
from pedseg.workspace import Workspace
from pedseg_phantom import PhantomOptions, pedseg_phantom
from pedseg_plan import PlanOptions, pedseg_plan
from pedseg_preprocess import pedseg_preprocess
from pedseg_train import TrainOptions, pedseg_train

TRAINING = ((0, 1, 2, 3, 4), (0,), (3,))
"""Patients that train each network; the first is the large one."""
VALIDATION = (5, 6, 7)
EPOCHS = 20
"""Of the large one; the others get as many steps."""
WANTED = 0.05


def main() -> int:
    """Train all and print a table; exit code 1 where a joint's difference is too small."""
    with tempfile.TemporaryDirectory() as folder:
        differences = compare(Path(folder))
    for domain, (five, one, exact) in differences.items():
        verdict = "" if five - one >= WANTED else f" (MISSED: {WANTED} wanted)"
        say(f"{domain:10}five {five:.3f}   one {one:.3f}, {five - one:.3f} below{verdict}   float32 {exact:.3f}")
    return int(any(five - one < WANTED for five, one, _ in differences.values()))


def compare(root: Path) -> dict[str, tuple[float, float, float]]:
    """Domain -> last epoch's validation Dice with five patients, with one, and with five in float32."""
    prepare(root)
    large, *small = (last_epoch(root, fold) for fold in range(len(TRAINING)))
    exact = last_epoch(root, 0, precision="float32")
    return dict(zip(DOMAINS, zip(large, np.mean(small, axis=0).tolist(), exact, strict=True), strict=True))


def prepare(root: Path) -> None:
    """Eight patients a joint in the slice cache, and a fold for each network."""
    pedseg_phantom(DOMAINS, len(TRAINING[0]) + len(VALIDATION), root / "raw", options=PhantomOptions(matrix=96))
    pedseg_plan(DOMAINS, root, options=PlanOptions(preset="demo", window=96))
    files = Workspace(root).plan("default")
    folds = tuple(Fold(validation=cases(VALIDATION), train=cases(patients)) for patients in TRAINING)
    save_plan(load_plan(files.plan).model_copy(update={"folds": folds}), files)
    pedseg_preprocess(root, jobs=2)


def last_epoch(root: Path, fold: int, precision: str | None = None) -> list[float]:
    """Validation Dice of one network, domain by domain; precision None is the plan's."""
    patients = len(TRAINING[fold])
    epochs = EPOCHS * len(TRAINING[0]) // patients
    options = TrainOptions(run=f"{precision or 'plan'}_{fold}", epochs=epochs, precision=precision, test=False)
    (folder,) = pedseg_train([str(fold)], root, options=options)
    with (folder / "log.csv").open() as table:
        *_, last = csv.DictReader(table)
    return [float(last[f"dice_{domain}"]) for domain in DOMAINS]


def cases(patients: Iterable[int]) -> dict[str, tuple[str, ...]]:
    """Names of patients in every domain."""
    numbers = tuple(patients)
    return {d: tuple(f"{d}_{i:03d}" for i in numbers) for d in DOMAINS}


if __name__ == "__main__":
    sys.exit(main())
