"""Kill the jobs at random moments, look at what they leave, and let them go on.

Run with `python -m benchmarks.kills --preprocess 50 --train 50 --predict 50` where pedseg is installed. Every process
is the real command in a group of its own, and the signal is SIGKILL. Two of three moments are drawn evenly over the
length of an undisturbed run; the third waits for a partial file, since that is where damage could be done.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.demo import say
from benchmarks.kill_targets import LostError, Predict, Preprocess, Target, Train, WrongError
from pedseg.plan import Plan, PriorSpec, load_plan, save_plan
from pedseg.plan.network import AutoencoderSpec
from pedseg.workspace import Workspace

JOBS = ("preprocess", "train", "predict")
JOINTS = ("ankle", "shoulder")
AIMED = 3
"""Every so many kills one waits for a partial file."""
WHOLE = 4
"""After so many kills in a row a run is let end, so that what it makes can be compared."""
LIMIT_S = 300.0


@dataclass
class Outcome:
    """Of the kills of one job.

    Args:
        seconds: of an undisturbed run.
        kills, aimed: how many, and how many of them waited for a partial file.
        ended: runs that ended by themselves and were compared.
        stages: kills in each stage of the job.
        faults: what was found, in words; the kind comes first.
    """

    seconds: float
    kills: int = 0
    aimed: int = 0
    ended: int = 0
    lost: int = 0
    wrong: int = 0
    stages: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def survived(self) -> int:
        """Kills without a fault."""
        return self.kills - self.lost - self.wrong

    def note(self, fault: LostError | WrongError) -> None:
        """Count a fault."""
        self.lost += isinstance(fault, LostError)
        self.wrong += isinstance(fault, WrongError)
        kind = "lost" if isinstance(fault, LostError) else "wrong"
        self.faults.append(f"{kind}: {fault}")


@dataclass(frozen=True)
class Soak:
    """Kills of one job.

    Args:
        target: the job.
        draw: of the moments.
    """

    target: Target
    draw: random.Random

    @cached_property
    def seconds(self) -> float:
        """Of an undisturbed run, whose files are then what is expected."""
        self.target.clear()
        started = time.monotonic()
        code = self.target.start().wait(LIMIT_S)
        seconds = time.monotonic() - started
        if code:
            raise RuntimeError(f"an undisturbed run fails: {self.target.log.read_text('utf-8')}")
        self.target.expected = self.target.digests()
        self.target.clear()
        return seconds

    def run(self, kills: int) -> Outcome:
        """Kill so many times."""
        outcome = Outcome(self.seconds)
        since = 0
        while outcome.kills < kills or since:
            last = outcome.kills == kills or since == WHOLE
            aimed = not last and outcome.kills % AIMED == AIMED - 1
            process = self.target.start()
            killed = not last and self._kill(process, aimed=aimed)
            code = process.wait(LIMIT_S)
            since = since + 1 if killed else 0
            outcome.kills += killed
            if killed:
                outcome.stages[self.target.stage] = outcome.stages.get(self.target.stage, 0) + 1
            outcome.aimed += killed and aimed
            outcome.ended += not killed
            try:
                self.target.look() if killed else self.target.check_ended(code)
            except (LostError, WrongError) as fault:
                outcome.note(fault)
                killed = since = 0
            if not killed:
                self.target.clear()
        return outcome

    def _kill(self, process: subprocess.Popen[bytes], *, aimed: bool) -> bool:
        """Whether the moment came before the end."""
        if aimed:
            self._wait_for_partial(process)
            time.sleep(self.draw.uniform(0, self.target.writing_s))
        else:
            wait(process, self.draw.uniform(0, self.seconds))
        if process.poll() is not None:
            return False
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait() == -signal.SIGKILL

    def _wait_for_partial(self, process: subprocess.Popen[bytes]) -> None:
        wanted = self.draw.randint(1, self.target.partials)
        seen: set[str] = set(partials(self.target.watched))
        wanted += len(seen)  # of runs before
        while len(seen) < wanted and process.poll() is None:
            seen.update(partials(self.target.watched))
            time.sleep(0.0005)


def main(arguments: list[str] | None = None) -> int:
    """Make a workspace, kill, and say what came of it; exit code 1 where anything was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in JOBS:
        parser.add_argument(f"--{name}", type=int, default=50, metavar="N", help="kills of this job")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("-o", "--output", type=Path, help="write the figures here, as JSON")
    flags = parser.parse_args(arguments)
    logging.getLogger("pedseg").setLevel(logging.ERROR)  # that one of two checkpoints is not whole is no news here
    with tempfile.TemporaryDirectory(prefix="pedseg_kills_") as folder:
        place = make_place(Path(folder) / "workspace")
        outcomes = dict(soak(place, {name: getattr(flags, name) for name in JOBS}, seed=flags.seed))
    if flags.output:
        figures = {name: {**asdict(o), "survived": o.survived} for name, o in outcomes.items()}
        flags.output.write_text(json.dumps({"seed": flags.seed, **figures}, indent=2) + "\n", "utf-8")
    return int(any(o.faults for o in outcomes.values()))


def soak(place: Workspace, kills: Mapping[str, int], *, seed: int = 0) -> Iterator[tuple[str, Outcome]]:
    """Kill each job so many times, telling of each; prediction needs the fold that training leaves."""
    targets: dict[str, Target] = {"preprocess": Preprocess(place), "train": Train(place), "predict": Predict(place)}
    for name, target in targets.items():
        if not kills[name]:
            continue
        ensure_before(name, targets)
        outcome = Soak(target, random.Random(f"{seed} {name}")).run(kills[name])
        say(
            f"{name:<11}{outcome.kills:4} kills, {outcome.aimed} at partial files (a run: {outcome.seconds:.1f} s):"
            f" {outcome.survived} survived, {outcome.lost} lost, {outcome.wrong} wrong;"
            f" {outcome.ended} runs ended and were compared;"
            f" in which stage: {', '.join(f'{stage} {n}' for stage, n in sorted(outcome.stages.items()))}"
        )
        for fault in outcome.faults:
            say(f"  {fault}")
        yield name, outcome


def ensure_before(name: str, targets: Mapping[str, Target]) -> None:
    """Run, undisturbed, the jobs that a job needs."""
    for before in JOBS[: JOBS.index(name)]:
        if not targets[before].made.exists() and targets[before].start().wait(LIMIT_S):
            raise RuntimeError(f"{before} fails: {targets[before].log.read_text('utf-8')}")


def make_place(root: Path) -> Workspace:
    """Phantoms of two joints, three exams each, and a plan for a training of seconds with anatomical priors."""
    place = Workspace(root)
    root.mkdir(parents=True)
    small = ["--preset", "demo", "--window", "64", "--epochs", "4"]
    run_command("pedseg_phantom", "-n", 3, "--matrix", 64, "-d", *JOINTS, "-q", "-w", root)
    run_command("pedseg_plan", *small, "-d", *JOINTS, "-q", "-w", root)
    plan = load_plan(place.plan("default").plan)
    save_plan(plan.model_copy(update=narrow(plan)), place.plan("default"))
    return place


def narrow(plan: Plan) -> dict[str, Any]:
    """The default's objective, msc+mjap, with a network and an auto-encoder of few channels."""
    channels = (8, 8, 8, 8, 8)
    prior = PriorSpec(autoencoder=AutoencoderSpec(channels=channels), learning_rate=3e-3, batch=6, epochs=4)
    return {
        "network": plan.network.model_copy(update={"channels": channels}),
        "objective": plan.objective.model_copy(update={"name": "msc+mjap"}),
        "prior": prior,
    }


def run_command(*words: object) -> None:
    """One of pedseg's commands, undisturbed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", *map(str, words)], check=True, env=environment)


def partials(folder: Path) -> list[str]:
    """Names of partial files in a folder and the folders in it."""
    try:
        return [p.name for depth in ("", "*/", "*/*/") for p in folder.glob(f"{depth}.*partial*")]
    except OSError:
        return []


def wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Until the process ends, at most so long."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


if __name__ == "__main__":
    sys.exit(main())
