"""More patients teach more: with one training patient the phantoms are harder than with five."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pedseg.plan import Fold, load_plan, save_plan
from pedseg.workspace import Workspace
from pedseg_phantom import PhantomOptions, pedseg_phantom
from pedseg_plan import PlanOptions, pedseg_plan
from pedseg_preprocess import pedseg_preprocess
from pedseg_train import TrainOptions, pedseg_train

JOINTS = ("ankle", "knee", "shoulder")
EPOCHS = {5: 10, 1: 50}
"""So that both train about as many steps."""


@pytest.mark.slow
def test_one_training_patient_is_well_below_five(tmp_path: Path) -> None:
    pedseg_phantom(JOINTS, 6, tmp_path / "raw", options=PhantomOptions(matrix=96))
    pedseg_plan(JOINTS, tmp_path, options=PlanOptions(preset="demo", window=96))
    validation = {joint: (f"{joint}_005",) for joint in JOINTS}
    folds = tuple(
        Fold(validation=validation, train={joint: tuple(f"{joint}_{i:03d}" for i in range(n)) for joint in JOINTS})
        for n in EPOCHS
    )
    files = Workspace(tmp_path).plan("default")
    save_plan(load_plan(files.plan).model_copy(update={"folds": folds}), files)
    pedseg_preprocess(tmp_path, jobs=2)
    dice = {}
    for fold, (n, epochs) in enumerate(EPOCHS.items()):
        (folder,) = pedseg_train([str(fold)], tmp_path, options=TrainOptions(run=f"of_{n}", epochs=epochs))
        with (folder / "log.csv").open() as table:
            dice[n] = max(list(csv.DictReader(table)), key=lambda row: float(row["dice"]))
    for joint in JOINTS:
        five, one = (float(dice[n][f"dice_{joint}"]) for n in (5, 1))
        assert five - one >= 0.05, f"{joint}: five patients {five:.3f}, one {one:.3f}"
