"""What each of the papers' steps brings on the synthetic cohort: Dice, and cosines of embeddings.

Networks of their own, one shared, domain-specific layers, multi-scale contrast, anatomical priors: all from the same
exams, seed and number of steps, with media2023's objectives, scored on patients that none learned from. Exit code 1
where contrast does not part the domains. Run with `python -m benchmarks.ablation` where pedseg is installed;
twenty minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.demo import DOMAINS, say
from benchmarks.training_size import cases
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

TRAINING = 5
HELD_OUT = range(5, 7)
"""Patients a joint that score."""
SIZE = 96
EPOCHS, BATCH = 12, 6
SCHEDULE = {"learning_rate": 1e-3, "decay": "poly", "head_bias": "frequency"}
DICE_WEIGHT = 0.1
"""So that a short training settles; the same for all."""
CHANNELS = (16, 32, 64, 128, 256)
PRIOR = {"learning_rate": 3e-3, "batch": 6, "epochs": 18}
"""The auto-encoder's. B (table 1) has 1e-4 and batches of 24 for some ten times the masks."""
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
        lender: the method whose auto-encoder this one takes, for it is the same.
    """

    name: str
    scheme: str
    objective: str
    reduction: Literal["mean", "sum"] = "mean"
    lender: str = ""


METHODS = (
    Method("individual", "individual", "ce"),
    Method("shared", "shared", "ce"),
    Method("dsl", "dsl", "ce"),
    Method("dsl_msc", "dsl", "msc"),
    Method("dsl_msc_mjap", "dsl", "msc+mjap"),
    Method("dsl_msc_mjap_sum", "dsl", "msc+mjap", "sum", "dsl_msc_mjap"),
)


@dataclass(frozen=True)
class Result:
    """What one method reached.

    Args:
        dice: validation Dice a domain after the best epoch.
        cosines: of validation slices at the bottleneck; None where no network is shared.
        gradients: term -> norm of its gradient in the first batch, weighted.
        prior: Dice a domain of validation masks that the auto-encoder reconstructs; empty where there is none.
        seconds: planning to last epoch.
    """

    dice: tuple[float, ...]
    cosines: CosineTable | None
    gradients: dict[str, float]
    prior: dict[str, float]
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
    pedseg_phantom(DOMAINS, HELD_OUT.stop, root / "raw", options=PhantomOptions(matrix=flags.matrix))
    results = {}
    for method in METHODS:
        if method.name in flags.methods:
            results[method.name] = train(root, method, flags)
            say(f"{method.name}: {results[method.name].seconds:.0f} s")
    return results


def train(root: Path, method: Method, flags: argparse.Namespace) -> Result:
    """Plan, slice cache, training, and what came of them."""
    started = time.monotonic()
    batch = BATCH // len(DOMAINS) if method.scheme == "individual" else BATCH  # each network's own, and all joints'
    options = PlanOptions(
        name=method.name, preset="media2023", scheme=method.scheme, objective=method.objective,
        window=flags.matrix, batch=batch, epochs=flags.epochs, precision="auto",
    )  # fmt: skip
    files = Workspace(root).plan(method.name)
    pedseg_plan(DOMAINS, root, options=options)
    save_plan(edited(load_plan(files.plan), method), files)
    pedseg_preprocess(root, plan=method.name, jobs=2)
    if method.lender:
        borrow_prior(root, method)
    (fold,) = pedseg_train(["0"], root, options=TrainOptions(plan=method.name, test=False))
    cosines = None if method.scheme == "individual" else bottleneck_cosines(root, fold)
    prior: dict[str, float] = json.loads((fold / "run.json").read_text("utf-8")).get("prior", {}).get("dice", {})
    return Result(best_dice(fold), cosines, weighted_gradients(fold), prior, time.monotonic() - started)


def edited(plan: Plan, method: Method) -> Plan:
    """The plan with this benchmark's patients, and what lets a short training settle."""
    changes: dict[str, dict[str, Any]] = {
        "network": {"channels": CHANNELS},
        "schedule": SCHEDULE,
        "objective": {"prior_reduction": method.reduction, "dice_weight": DICE_WEIGHT},
    }
    if plan.prior:
        autoencoder = plan.prior.autoencoder.model_copy(update={"channels": CHANNELS})
        changes["prior"] = {**PRIOR, "autoencoder": autoencoder.model_dump()}
    values = plan.model_dump(by_alias=True)
    fold = Fold(validation=cases(HELD_OUT), train=cases(range(TRAINING)))
    parts = {name: values[name] | change for name, change in changes.items()}
    return Plan.model_validate(values | parts | {"folds": [fold.model_dump()]})


def borrow_prior(root: Path, method: Method) -> None:
    """Copy the auto-encoder of the lender's fold, if it is there; training checks that it is the right one."""
    lent = Workspace(root).fold(method.lender, "main", "0") / "models"
    own = Workspace(root).fold(method.name, "main", "0") / "models"
    for path in lent.glob("prior.*"):
        own.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, own / path.name)


def bottleneck_cosines(root: Path, fold: Path) -> CosineTable:
    """Of the validation patients' slices."""
    model = load_model(fold)
    cache = root / "cache" / model.plan.name
    points = []
    for domain, names in cases(HELD_OUT).items():
        scales = embed_slices(model, domain, (read_entry(cache / domain, name).images for name in names))
        points.append(max(scales, key=lambda scale: scale.shape[1]))
    return cosine_table(points)


def best_dice(fold: Path) -> tuple[float, ...]:
    """Validation Dice of every domain after the epoch whose weights were kept, and are embedded."""
    with (fold / "log.csv").open() as table:
        best = max(csv.DictReader(table), key=lambda row: float(row["dice"]))
    return tuple(float(best[f"dice_{domain}"]) for domain in DOMAINS)


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
        if result.prior:
            say(f"{'':18}masks reconstructed: " + ", ".join(f"{d} {dice:.3f}" for d, dice in result.prior.items()))


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
