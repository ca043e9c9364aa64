"""What each of the papers' steps brings on the synthetic cohort: Dice, and cosines of embeddings.

Networks of their own, one shared, domain-specific layers, multi-scale contrast, anatomical priors: all from the same
exams, seed and number of steps, with media2023's objectives, scored on patients that none has seen. Exit code 1
where contrast does not part the domains. Run with `python -m benchmarks.ablation` where pedseg is installed; a
quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.demo import DOMAINS, say
from pedseg.evaluation.representation import CosineTable, cosine_table
from pedseg.inference import load_model
from pedseg.inference.embed import embed_slices
from pedseg.plan import Fold, Plan, load_plan, save_plan
from pedseg.storage.cache import read_entry
from pedseg.workspace import Workspace
from pedseg_phantom import PhantomOptions, pedseg_phantom
from pedseg_plan import PlanOptions, pedseg_plan
from pedseg_preprocess import pedseg_preprocess
from pedseg_train import TrainOptions, pedseg_train

TRAINING, VALIDATION = 5, 3
"""Patients a joint."""
SIZE = 96
EPOCHS = 12
SCHEDULE = {"learning_rate": 1e-3, "decay": "poly", "head_bias": "frequency"}
"""So that a short training settles; the same for all."""
CHANNELS = (16, 32, 64, 128, 256)
PRIOR = {"learning_rate": 1e-3, "epochs": 10}
"""The auto-encoder's, whose 1e-4 of B (table 1) is for some ten times the masks."""
WITHIN, BETWEEN, PARTED = 0.9, 0.5, 0.15
"""At the bottleneck with contrast: least cosine within a domain, greatest between, least difference to without."""


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Args:
        name: as the papers say it, and of the plan.
        scheme: of learning.
        objective: by name, with media2023's figures.
        reduction: of the anatomical prior.
    """

    name: str
    scheme: str
    objective: str
    reduction: Literal["mean", "sum"] = "mean"


METHODS = (
    Method("individual", "individual", "ce"),
    Method("shared", "shared", "ce"),
    Method("dsl", "dsl", "ce"),
    Method("dsl_msc", "dsl", "msc"),
    Method("dsl_msc_mjap", "dsl", "msc+mjap"),
    Method("dsl_msc_mjap_sum", "dsl", "msc+mjap", "sum"),
)


@dataclass(frozen=True)
class Result:
    """What one method reached.

    Args:
        dice: validation Dice a domain after the last epoch.
        cosines: of validation slices at the bottleneck; None where no network is shared.
        gradients: term -> norm of its gradient in the first batch, weighted.
        seconds: planning to last epoch.
    """

    dice: tuple[float, ...]
    cosines: CosineTable | None
    gradients: dict[str, float]
    seconds: float


def main(arguments: list[str] | None = None) -> int:
    """Train all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of each network")
    parser.add_argument("--matrix", type=int, default=SIZE, help="in-plane size of exams and slices")
    parser.add_argument("--methods", nargs="+", default=[m.name for m in METHODS], choices=[m.name for m in METHODS])
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        results = compare(Path(folder), flags)
    report(results)
    faults = unparted(results)
    for fault in faults:
        say(f"MISSED: {fault}")
    return int(bool(faults))


def compare(root: Path, flags: argparse.Namespace) -> dict[str, Result]:
    """Every method, one after another."""
    pedseg_phantom(DOMAINS, TRAINING + VALIDATION, root / "raw", options=PhantomOptions(matrix=flags.matrix))
    return {m.name: train(root, m, flags) for m in METHODS if m.name in flags.methods}


def train(root: Path, method: Method, flags: argparse.Namespace) -> Result:
    """Plan, slice cache, training, and what came of them."""
    started = time.monotonic()
    options = PlanOptions(
        name=method.name, preset="media2023", scheme=method.scheme, objective=method.objective,
        window=flags.matrix, batch=12, epochs=flags.epochs, precision="auto",
    )  # fmt: skip
    files = Workspace(root).plan(method.name)
    pedseg_plan(DOMAINS, root, options=options)
    save_plan(edited(load_plan(files.plan), method), files)
    pedseg_preprocess(root, plan=method.name, jobs=2)
    (fold,) = pedseg_train(["0"], root, options=TrainOptions(plan=method.name))
    cosines = None if method.scheme == "individual" else bottleneck_cosines(root, fold)
    return Result(last_dice(fold), cosines, weighted_gradients(fold), time.monotonic() - started)


def edited(plan: Plan, method: Method) -> Plan:
    """The plan with this benchmark's patients, and what lets a short training settle."""
    changes: dict[str, dict[str, Any]] = {
        "network": {"channels": CHANNELS},
        "schedule": SCHEDULE,
        "objective": {"prior_reduction": method.reduction},
        **({"prior": PRIOR} if plan.prior else {}),
    }
    values = plan.model_dump(by_alias=True)
    fold = Fold(validation=cases(TRAINING, TRAINING + VALIDATION), train=cases(0, TRAINING))
    parts = {name: values[name] | change for name, change in changes.items()}
    return Plan.model_validate(values | parts | {"folds": [fold.model_dump()]})


def cases(start: int, stop: int) -> dict[str, tuple[str, ...]]:
    """Patients of every domain."""
    return {d: tuple(f"{d}_{i:03d}" for i in range(start, stop)) for d in DOMAINS}


def bottleneck_cosines(root: Path, fold: Path) -> CosineTable:
    """Of the validation patients' slices."""
    model = load_model(fold)
    cache = root / "cache" / model.plan.name
    points = []
    for domain, names in cases(TRAINING, TRAINING + VALIDATION).items():
        scales = embed_slices(model, domain, (read_entry(cache / domain, name).images for name in names))
        points.append(max(scales, key=lambda scale: scale.shape[1]))
    return cosine_table(points)


def last_dice(fold: Path) -> tuple[float, ...]:
    """Validation Dice of every domain after the last epoch."""
    with (fold / "log.csv").open() as table:
        *_, last = csv.DictReader(table)
    return tuple(float(last[f"dice_{domain}"]) for domain in DOMAINS)


def weighted_gradients(fold: Path) -> dict[str, float]:
    """How hard each term pulls in the first batch."""
    with (fold / "gradients.csv").open() as table:
        return {row["term"]: float(row["weight"]) * float(row["gradient_norm"]) for row in csv.DictReader(table)}


def report(results: dict[str, Result]) -> None:
    """The table, and the terms' gradients below it."""
    say(f"\n{'Dice':18}" + "".join(f"{d:>10}" for d in (*DOMAINS, "mean")) + f"{'within':>15}{'between':>15}{'s':>6}")
    for name, result in results.items():
        cosines = result.cosines
        shown = (str(cosines.within), str(cosines.between)) if cosines else ("-", "-")
        dice = "".join(f"{value:10.3f}" for value in (*result.dice, np.mean(result.dice)))
        say(f"{name:18}{dice}{shown[0]:>15}{shown[1]:>15}{result.seconds:6.0f}")
    say("within, between: cosines of bottleneck embeddings of slices of one joint, of two\n\ngradients at the start:")
    for name, result in results.items():
        say(f"{name:18}" + ", ".join(f"{term} {norm:.3g}" for term, norm in result.gradients.items()))


def unparted(results: dict[str, Result]) -> list[str]:
    """What contrast did not reach at the bottleneck, in words."""
    if "dsl_msc" not in results or not (with_it := results["dsl_msc"].cosines):
        return []
    faults = []
    if with_it.within.mean <= WITHIN:
        faults.append(f"cosines within a joint are {with_it.within}, more than {WITHIN} was wanted")
    if with_it.between.mean >= BETWEEN:
        faults.append(f"cosines between joints are {with_it.between}, less than {BETWEEN} was wanted")
    without = results["dsl"].cosines if "dsl" in results else None
    if without and without.between.mean - with_it.between.mean < PARTED:
        fall = f"{without.between} to {with_it.between}"
        faults.append(f"cosines between joints fall from {fall}, by {PARTED} was wanted")
    return faults


if __name__ == "__main__":
    sys.exit(main())
