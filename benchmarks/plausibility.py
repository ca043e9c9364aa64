"""How many planted failures are told from good masks without a reference, on the synthetic cohort.

One narrow network with its auto-encoder, trained briefly; then, of patients that it has not seen, good masks and spoilt
ones: a bone cut off, a patient who moved, the wrong joint. Prints how many bones and exams of each get `look again`,
and the curve. Exit code 1 where fewer than 80 % of the failures are told, or more than 10 % of good bones. Run with
`python -m benchmarks.plausibility` where pedseg is installed; twelve minutes on two cores.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.ablation import CHANNELS, PRIOR
from benchmarks.demo import DOMAINS, say
from benchmarks.training_size import cases
from pedseg.evaluation.overlap import dice
from pedseg.evaluation.plausibility import LOOK_AGAIN, STILL_MM, Verdict
from pedseg.inference import Model, load_model, predict_volume
from pedseg.inference.plausibility import judge
from pedseg.phantoms import Exam, draw_patient, make_exam
from pedseg.plan import Fold, Plan, load_plan, save_plan
from pedseg.storage.prepare import prepare
from pedseg.volumes import Volume
from pedseg.workspace import Workspace
from pedseg_phantom import PhantomOptions, pedseg_phantom
from pedseg_plan import PlanOptions, pedseg_plan
from pedseg_preprocess import pedseg_preprocess
from pedseg_train import TrainOptions, pedseg_train

TRAINING, VALIDATION, HELD_OUT = range(7), range(7, 9), range(9, 15)
MATRIX, EPOCHS = 96, 15
GOOD = 0.8
"""Dice from which a predicted bone counts as good; below, it is a failure that nobody planted."""
FLAGGED, FALSE = 0.80, 0.10
"""Least share of planted failures told, greatest of good bones."""
CUT = (1 / 3, 1 / 2)
"""Of a bone's volume, beyond a plane of random direction."""
MOVED_MM = (5.0, 10.0)
CPU = torch.device("cpu")
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Trial:
    """One bone of one mask that was judged.

    Args:
        kind: `good`, or what was done to the mask.
        source: `reference` or `prediction`.
        exam: name.
        bone: name.
        verdict: on it.
    """

    kind: str
    source: str
    exam: str
    bone: str
    verdict: Verdict

    @property
    def flagged(self) -> bool:
        """Whether it gets another look."""
        return self.verdict.verdict == LOOK_AGAIN

    @property
    def strain(self) -> float:
        """How far beyond its limits, in logarithms: above 0 where one is passed. A bone that is missing: infinite."""
        v = self.verdict.values
        if not v:
            return math.inf
        low, high = v["volume_share_limits"]
        parts = [
            math.log(v["code_distance"] / v["code_limit"]),
            math.log((v["jump_mm"] + STILL_MM) / (v["jump_limit_mm"] + STILL_MM)),
            math.log(v["volume_share"] / high),
            math.log(low / max(v["volume_share"], 1e-4)),
        ]
        drawn = v["reconstruction_limit"]
        return max(parts + ([] if drawn is None else [drawn - v["reconstruction_dice"]]))


def main(arguments: list[str] | None = None) -> int:
    """Train, plant, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the network")
    parser.add_argument("--fold", type=Path, help="a trained fold of this cohort, instead of training one")
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        fold = flags.fold or train(Path(folder), epochs=flags.epochs)
        exams = looks(load_model(fold), HELD_OUT)
        trials = [trial for look in exams for trial in (*look.references(), *look.predictions())]
    report(trials)
    told, wrongly = rates(trials)
    reached = told >= FLAGGED and wrongly <= FALSE
    say(f"\n{told:.1%} of failures told, {wrongly:.1%} of good bones: {'reached' if reached else 'MISSED'}")
    return int(not reached)


def train(root: Path, *, epochs: int = EPOCHS) -> Path:
    """One fold of `planned`."""
    planned(root, epochs=epochs)
    (fold,) = pedseg_train(["0"], root, options=TrainOptions())
    return fold


def planned(root: Path, *, epochs: int, prior: int = 18) -> Plan:
    """Phantoms, plan and slice cache; epochs of the network and of the auto-encoder."""
    patients = VALIDATION.stop
    pedseg_phantom(DOMAINS, patients, root / "raw", options=PhantomOptions(matrix=MATRIX))
    options = PlanOptions(preset="media2023", objective="msc+mjap", window=MATRIX, batch=6, precision="auto")
    pedseg_plan(DOMAINS, root, options=options)
    files = Workspace(root).plan("default")
    plan = edited(load_plan(files.plan), epochs, prior)
    save_plan(plan, files)
    pedseg_preprocess(root, jobs=2)
    return plan


def edited(plan: Plan, epochs: int, prior: int) -> Plan:
    """The default plan, made narrow, and with what lets a short training settle."""
    values = plan.model_dump(by_alias=True)
    autoencoder = {**values["prior"]["autoencoder"], "channels": CHANNELS}
    changes: dict[str, dict[str, Any]] = {
        "network": {"channels": CHANNELS, "decoder": "transposed"},
        "objective": {"contrastive_weight": 0.05, "dice_weight": 0.04},
        "prior": {**PRIOR, "epochs": prior, "autoencoder": autoencoder},
        "schedule": {"epochs": epochs, "learning_rate": 1e-3, "decay": "poly", "head_bias": "frequency"},
        "augmentation": {"rotation_deg": 15, "scale_fraction": 0.2, "flips": "left_right"},
        "prediction": {"postprocess_grid": "exam"},
    }
    parts = {name: {**values[name], **change} for name, change in changes.items()}
    fold = Fold(validation=cases(VALIDATION), train=cases(TRAINING))
    return Plan.model_validate({**values, **parts, "folds": [fold.model_dump()]})


def looks(model: Model, patients: Sequence[int]) -> Iterator[Look]:
    """Exams of patients."""
    for domain in DOMAINS:
        for index in patients:
            yield Look(model, make_exam(draw_patient(domain, 0, index), matrix=MATRIX))


@dataclass(frozen=True, eq=False)
class Look:
    """Tries good and spoilt masks of one exam.

    Args:
        model: judges, and predicts.
        exam: unseen by the model.
    """

    model: Model
    exam: Exam

    @property
    def domain(self) -> str:
        """Name."""
        return self.exam.patient.domain

    @property
    def others(self) -> list[str]:
        """The wrong joints."""
        return [d for d in DOMAINS if d != self.domain]

    @property
    def random(self) -> np.random.Generator:
        """The same draws for the same exam."""
        return np.random.default_rng([self.exam.patient.index, DOMAINS.index(self.domain)])

    @property
    def bones(self) -> dict[str, int]:
        """Name -> label."""
        return self.model.plan.domain_plan(self.domain).domain.labels

    def references(self) -> Iterator[Trial]:
        """The outlined mask: good, each bone cut, moved, taken for another joint's."""
        labels, random = self.exam.labels, self.random
        yield from self.trials("good", "reference", labels.array, self.bones)
        for bone, label in self.bones.items():
            yield from self.trials("cut off", "reference", cut(labels, label, random), [bone])
        yield from self.trials("motion", "reference", labels.array[shifts(labels, random)], self.bones)
        for other in self.others:
            names = self.model.plan.domain_plan(other).domain.labels
            renamed = np.where(labels.array > 0, (labels.array - 1) % len(names) + 1, 0).astype(np.uint8)
            yield from self.trials("wrong joint", "reference", renamed, names, domain=other)

    def predictions(self) -> Iterator[Trial]:
        """The network's mask: as it is, each good bone cut; of the image moved; as another joint."""
        image, labels, random = self.exam.image, self.exam.labels, self.random
        predicted = predict_volume(image, self.model, domain=self.domain)
        scores = dice(predicted.labels.array, labels.array, len(self.bones) + 1)
        good = [bone for bone, score in zip(self.bones, scores, strict=True) if score >= GOOD]
        for bone in self.bones:
            kind = "good" if bone in good else f"Dice below {GOOD}"
            yield Trial(kind, "prediction", self.exam.patient.name, bone, predicted.plausibility[bone])
        for bone in good:
            spoilt = cut(predicted.labels, self.bones[bone], random)
            yield from self.trials("cut off", "prediction", spoilt, [bone])
        moved = image.with_array(image.array[shifts(image, random)])
        for bone, verdict in predict_volume(moved, self.model, domain=self.domain).plausibility.items():
            yield Trial("motion", "prediction", self.exam.patient.name, bone, verdict)
        for other in self.others:
            name = f"{self.exam.patient.name}/{other}"
            wrong = predict_volume(image, self.model, domain=other).plausibility
            yield from (Trial("wrong joint", "prediction", name, bone, verdict) for bone, verdict in wrong.items())

    def trials(
        self, kind: str, source: str, labels: Labels, bones: Iterable[str], *, domain: str = ""
    ) -> Iterator[Trial]:
        """Verdicts on some bones of a mask, as of another domain where one is named."""
        domain, names = domain or self.domain, list(bones)
        grid = prepare(self.exam.image, self.model.plan.domain_plan(domain)).grid
        verdicts = judge(labels, grid, self.model, domain, device=CPU)
        name = "/".join([self.exam.patient.name, domain, *(names if kind == "cut off" else [])])
        yield from (Trial(kind, source, name, bone, verdicts[bone]) for bone in names)


def cut(labels: Volume, label: int, random: np.random.Generator) -> Labels:
    """The mask without a third to a half of one bone, beyond a plane of random direction."""
    places = np.argwhere(labels.array == label)
    heights = places * np.asarray(labels.spacing_mm) @ random.normal(size=3)
    gone = places[heights > np.quantile(heights, 1 - random.uniform(*CUT))]
    array = labels.array.copy()
    array[tuple(gone.T)] = 0
    return array


def shifts(volume: Volume, random: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
    """Indices that move every other block of one to four slices (K) within its plane, by 5 to 10 mm."""
    angle, length = random.uniform(0, 2 * np.pi), random.uniform(*MOVED_MM)
    steps = np.round(length * np.array([np.cos(angle), np.sin(angle)]) / volume.spacing_mm[:2]).astype(int)
    i, j, k = np.indices(volume.shape)
    moved = (k // random.integers(1, 5)) % 2
    return (i - steps[0] * moved) % volume.shape[0], (j - steps[1] * moved) % volume.shape[1], k


def rates(trials: Sequence[Trial]) -> tuple[float, float]:
    """Share of bones flagged: each kind of planted failure counts alike; and of the good."""
    kinds = ("cut off", "motion", "wrong joint")
    told = [np.mean([t.flagged for t in trials if t.kind == kind]) for kind in kinds]
    return float(np.mean(told)), float(np.mean([t.flagged for t in trials if t.kind == "good"]))


def report(trials: Sequence[Trial]) -> None:
    """The table, why bones were flagged, and the curve."""
    say(f"\n{'masks':20}{'of':14}{'bones':>7}{'look again':>12}{'exams':>7}{'look again':>12}")
    for kind, source in dict.fromkeys((t.kind, t.source) for t in trials):
        own = [t for t in trials if (t.kind, t.source) == (kind, source)]
        exams = {t.exam: any(u.flagged for u in own if u.exam == t.exam) for t in own}
        shares = [np.mean([t.flagged for t in own]), np.mean(list(exams.values()))]
        say(f"{kind:20}{source:14}{len(own):7}{shares[0]:12.1%}{len(exams):7}{shares[1]:12.1%}")
        reasons = [r.split(";")[0] for t in own for r in t.verdict.reasons if t.flagged]
        say(f"{'':20}" + ", ".join(f"{reasons.count(r)} {r}" for r in dict.fromkeys(reasons)))
    good = np.array([t.strain for t in trials if t.kind == "good"])
    say(f"\nfailures told where so many good bones are flagged\n{'':14}" + "".join(f"{f:>8.0%}" for f in CURVE))
    for kind in ("cut off", "motion", "wrong joint"):
        spoilt = np.array([t.strain for t in trials if t.kind == kind])
        say(f"{kind:14}" + "".join(f"{np.mean(spoilt > np.quantile(good, 1 - f)):8.1%}" for f in CURVE))


CURVE = (0.01, 0.02, 0.05, 0.10, 0.20)


if __name__ == "__main__":
    sys.exit(main())
