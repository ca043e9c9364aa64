"""The main job on a synthetic cohort, command by command, with a Dice table at the end.

Run with `make demo`, or `python -m benchmarks.demo --folder demo` where pedseg is installed.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DOMAINS = ("ankle", "knee", "shoulder")
TRAINING, HELD_OUT = 6, 2
"""Patients a joint: fold `all` trains on the first six, the next two are never in the workspace."""
MATRIX = 192
SHARE_OF_CEILING = 0.90
WANTED = {"ankle": 0.85, "knee": 0.85, "shoulder": 0.75}


@dataclass(frozen=True)
class Score:
    """Dice of one structure of one held-out exam, and what the slices' own labels reach there."""

    domain: str
    case: str
    structure: str
    dice: float
    ceiling: float


def main(arguments: list[str] | None = None) -> int:
    """Run every step and print the table, which says of every joint whether it reaches its mark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="gets the workspace and the masks")
    parser.add_argument("--matrix", type=int, default=MATRIX, help="in-plane size of the exams")
    flags = parser.parse_args(arguments)
    started = time.monotonic()
    exams = list(run_commands(flags.folder, flags.matrix))
    scores = [score for domain, case in exams for score in score_exam(flags.folder, domain, case)]
    reached = report(scores)
    fold = flags.folder / "workspace" / "runs" / "default" / "main" / "fold_all"
    evaluate(flags.folder)
    say(f"report: {flags.folder}/evaluation/report.html; training: {fold}/progress.png")
    say(f"{time.monotonic() - started:.0f} s in all")
    return 0 if reached else 1


def run_commands(folder: Path, matrix: int) -> Iterator[tuple[str, str]]:
    """The commands a user would type; yields every held-out exam once it is segmented."""
    workspace, held_out = folder / "workspace", folder / "held_out"
    size = ["--matrix", str(matrix), "--overwrite"]
    command("pedseg_phantom", "-d", *DOMAINS, "-n", TRAINING, "-w", workspace, *size)
    command("pedseg_phantom", "-d", *DOMAINS, "-n", HELD_OUT, "--start", TRAINING, "-o", held_out, *size)
    command("pedseg_plan", "-d", *DOMAINS, "-w", workspace, "--preset", "demo", "--overwrite")
    command("pedseg_preprocess", "-w", workspace)
    command("pedseg_train", "all", "-w", workspace)
    for domain in DOMAINS:
        source, masks = held_out / domain, folder / "masks" / domain
        command("pedseg_predict", "-i", source, "--each", "-o", masks, "-w", workspace, "--overwrite")
        yield from ((domain, case) for case in sorted(p.name for p in source.iterdir()))


def evaluate(folder: Path) -> None:
    """All scores, and the report with its pictures."""
    masks, truth = folder / "masks", folder / "held_out"
    places = ("--predictions", masks, "--references", truth, "--images", truth, "-o", folder / "evaluation")
    command("pedseg_evaluate", *places, "-d", *DOMAINS, "--overwrite")


def score_exam(folder: Path, domain: str, case: str) -> list[Score]:
    """Dice of one prediction on the exam's own grid, beside the ceiling of its slices."""
    from pedseg.evaluation.ceiling import ceiling
    from pedseg.evaluation.overlap import dice
    from pedseg.plan import load_plan
    from pedseg.volumes.nifti import read_image

    plan = load_plan(folder / "workspace" / "plans" / "default").domain_plan(domain)
    reference = read_image(folder / "held_out" / domain / case / "labels.nii.gz")
    prediction = read_image(folder / "masks" / domain / case / "labels.nii.gz")
    scores = dice(prediction.array, reference.array, plan.domain.n_classes)
    best = ceiling(reference, plan)
    return [
        Score(domain, case, structure, float(score), best[structure] or float("nan"))
        for structure, score in zip(plan.domain.labels, scores, strict=True)
    ]


def report(scores: list[Score]) -> bool:
    """Print the table, with each joint's mark; whether all are reached."""
    reached = True
    say(f"\n{'joint':10}{'bone':18}{'Dice':>8}{'ceiling':>10}")
    for domain in DOMAINS:
        own = [s for s in scores if s.domain == domain]
        for structure in dict.fromkeys(s.structure for s in own):
            parts = [s for s in own if s.structure == structure]
            row(domain, structure, parts)
        mean, best = (float(np.mean([getattr(s, k) for s in own])) for k in ("dice", "ceiling"))
        wanted = max(WANTED[domain], SHARE_OF_CEILING * best)
        row(domain, "mean", own, f"   wanted {wanted:.3f}: {'reached' if mean >= wanted else 'MISSED'}")
        reached &= bool(mean >= wanted)
    return reached


def row(domain: str, name: str, scores: list[Score], more: str = "") -> None:
    """One line of the table."""
    mean, best = (float(np.mean([getattr(s, k) for s in scores])) for k in ("dice", "ceiling"))
    say(f"{domain:10}{name:18}{mean:8.3f}{best:10.3f}{more}")


def command(*words: object) -> None:
    """Say a command, run it, say how long it took; a failure ends the demo with its exit code."""
    texts = [str(w) for w in words]
    say(f"\n$ {shlex.join(texts)}")
    started = time.monotonic()
    beside = Path(sys.executable).with_name(texts[0])
    code = subprocess.run([str(beside) if beside.exists() else texts[0], *texts[1:]], check=False).returncode
    if code:
        sys.exit(code)
    say(f"  ({time.monotonic() - started:.0f} s)")


def say(text: str) -> None:
    """Print now, so that lines stand in order with those of the commands."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
