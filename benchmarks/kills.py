"""Kill the jobs at random moments, look at what they leave, and let them go on.

Run with `python -m benchmarks.kills --preprocess 50 --train 50 --predict 50` where pedseg is installed. Every process
is the real command in a group of its own, and the signal is SIGKILL. Two of three moments are drawn evenly over the
length of an undisturbed run; the third waits for a partial file, since that is where damage could be done.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from benchmarks.demo import say
from pedseg.bundle.generations import Generations
from pedseg.errors import PedsegError
from pedseg.plan import load_plan, save_plan
from pedseg.storage.cache import read_entry
from pedseg.storage.runs import MANIFEST, WEIGHTS
from pedseg.workspace import Workspace, file_digest

JOBS = ("preprocess", "train", "predict")
JOINTS = ("ankle", "shoulder")
AIMED = 3
"""Every so many kills one waits for a partial file."""
WHOLE = 4
"""After so many kills in a row a run is let end, so that what it makes can be compared."""
LIMIT_S = 300.0


class LostError(Exception):
    """What a killed run left cannot be gone on from, or costs more than it may."""


class WrongError(Exception):
    """What is taken for whole is not what an unbroken run makes."""


@dataclass
class Outcome:
    """Of the kills of one job.

    Args:
        seconds: of an undisturbed run.
        kills, aimed: how many, and how many of them waited for a partial file.
        ended: runs that ended by themselves and were compared.
        faults: what was found, in words; the kind comes first.
    """

    seconds: float
    kills: int = 0
    aimed: int = 0
    ended: int = 0
    lost: int = 0
    wrong: int = 0
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


class Target(ABC):
    """A job to kill.

    Args:
        place: the workspace it works in; what it makes there is removed again and again.
    """

    partials = 1
    """Partial files of a run among which an aimed kill chooses."""
    writing_s = 0.01
    """Seconds that a partial file stands, about."""

    def __init__(self, place: Workspace) -> None:
        self.place = place
        self.log = place.root / f"{type(self).__name__.lower()}.log"
        self.expected: Mapping[str, str] = {}

    @property
    @abstractmethod
    def command(self) -> list[str]:
        """Module and flags."""

    @property
    @abstractmethod
    def made(self) -> Path:
        """What the job makes."""

    @property
    def watched(self) -> Path:
        """Where its partial files are."""
        return self.made

    @abstractmethod
    def look(self) -> None:
        """Raise `LostError` or `WrongError` where what stands after a kill is not whole and not absent."""

    def digests(self) -> dict[str, str]:
        """Of everything that an unbroken run makes, whenever it runs."""
        return {path.relative_to(self.made).as_posix(): file_digest(path) for path in files_of(self.made)}

    def clear(self) -> None:
        """Back to where the job has not run."""
        shutil.rmtree(self.made, ignore_errors=True)

    def start(self) -> subprocess.Popen[bytes]:
        """The command in a group of its own."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *self.command], stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def check_ended(self, code: int) -> None:
        """Hold what a run that ended by itself has made against the unbroken one."""
        if code:
            raise LostError(f"exit code {code}: {self.log.read_text('utf-8').strip().splitlines()[-1]}")
        if left := sorted(path.name for path in self.place.root.rglob(".*partial*")):
            raise WrongError(f"partial files are left: {', '.join(left)}")
        found = self.digests()
        if found != self.expected:
            names = sorted(n for n in {*found, *self.expected} if found.get(n) != self.expected.get(n))
            raise WrongError(f"not as an unbroken run makes it: {', '.join(names)}")


class Preprocess(Target):
    """Every entry is absent or whole."""

    partials = 18

    @property
    def command(self) -> list[str]:
        """Two processes, which are killed too."""
        return ["pedseg_preprocess", "-w", str(self.place.root), "-j", "2"]

    @property
    def made(self) -> Path:
        """The cache."""
        return self.place.root / "cache"

    def look(self) -> None:
        """Read every entry that has a manifest."""
        for path in self.made.rglob("*.json"):
            if path.name.startswith("."):
                continue
            try:
                read_entry(path.parent, path.stem, verify=True)
            except PedsegError as error:
                raise WrongError(str(error)) from error
            for file in path.parent.glob(f"{path.stem}.*"):
                name = file.relative_to(self.made).as_posix()
                if file_digest(file) != self.expected.get(name):
                    raise WrongError(f"{name} is whole, but not as an unbroken run makes it")


class Train(Target):
    """The newest checkpoint that loads is at most one epoch behind what the log says."""

    partials = 16

    @property
    def command(self) -> list[str]:
        """Fold 0."""
        return ["pedseg_train", "0", "-w", str(self.place.root), "--device", "cpu", "--no-test"]

    @property
    def made(self) -> Path:
        """The fold."""
        return self.place.fold("default", "main", "0")

    @property
    def watched(self) -> Path:
        """Where weights are written."""
        return self.made / "models"

    def look(self) -> None:
        """Load the newest checkpoint."""
        said = self.log.read_text("utf-8").splitlines() if self.log.is_file() else []
        told = max((int(s.split("/")[0].removeprefix("epoch ")) for s in said if s.startswith("epoch ")), default=0)
        try:
            state = Generations(self.made).newest()
        except PedsegError as error:
            raise LostError(str(error)) from error
        epoch = int(state["epoch"]) if state else 0
        if epoch < told - 1:
            raise LostError(f"epoch {told} was told of, the newest checkpoint is of epoch {epoch}")

    def digests(self) -> dict[str, str]:
        """Of the best weights, the last weights with the optimiser's state, and the log without its clock."""
        state = Generations(self.made).newest() or {}
        with (self.made / "log.csv").open(encoding="utf-8") as stream:
            rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]
        kept = {key: state.get(key) for key in ("epoch", "network", "optimizer")}
        return {
            WEIGHTS.as_posix(): file_digest(self.made / WEIGHTS),
            "last state": hashlib.sha256("".join(plain(kept)).encode()).hexdigest(),
            "log.csv": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
            MANIFEST.as_posix(): str((self.made / MANIFEST).is_file()),
        }

    def clear(self) -> None:
        """Former epochs are told of no more."""
        super().clear()
        self.log.unlink(missing_ok=True)


class Predict(Target):
    """The output is absent or complete."""

    writing_s = 0.5

    @property
    def command(self) -> list[str]:
        """One exam of the workspace, without --overwrite."""
        exam = sorted(self.place.raw("shoulder").iterdir())[0]
        image = next(path for path in (exam / "dicom", exam / "image.nii.gz") if path.exists())
        place = ["-w", str(self.place.root), "-i", str(image), "-o", str(self.made)]
        return ["pedseg_predict", *place, "-d", "shoulder", "--device", "cpu"]

    @property
    def made(self) -> Path:
        """The output folder."""
        return self.place.root / "predicted" / "exam"

    @property
    def watched(self) -> Path:
        """Partial folders stand beside it."""
        return self.made.parent

    def look(self) -> None:
        """Compare what is there; then it goes, for the command would rightly refuse it."""
        if not self.made.exists():
            return
        found = self.digests()
        self.clear()
        if found != self.expected:
            raise WrongError(f"the output is there, but not as an unbroken run makes it: {', '.join(found)}")

    def digests(self) -> dict[str, str]:
        """Of masks and picture; of the record, what does not tell the time."""
        record = self.made / "prediction.json"
        values = json.loads(record.read_text("utf-8")) if record.is_file() else {}
        clockless = json.dumps({k: v for k, v in values.items() if "second" not in k and k != "created"})
        return {**super().digests(), record.name: hashlib.sha256(clockless.encode()).hexdigest()}


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
            f" {outcome.ended} runs ended and were compared"
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
    """Phantoms of two joints, three exams each, and a plan for a network of seconds."""
    place = Workspace(root)
    root.mkdir(parents=True)
    small = ["--preset", "demo", "--window", "64", "--epochs", "4"]
    run_command("pedseg_phantom", "-n", 3, "--matrix", 64, "-d", *JOINTS, "-q", "-w", root)
    run_command("pedseg_plan", *small, "-d", *JOINTS, "-q", "-w", root)
    plan = load_plan(place.plan("default").plan)
    network = plan.network.model_copy(update={"channels": (8, 8, 8, 8, 8)})
    save_plan(plan.model_copy(update={"network": network}), place.plan("default"))
    return place


def run_command(*words: object) -> None:
    """One of pedseg's commands, undisturbed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", *map(str, words)], check=True, env=environment)


def files_of(folder: Path) -> list[Path]:
    """Files that are not partial."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def partials(folder: Path) -> list[str]:
    """Names of partial files in a folder and the folders in it."""
    try:
        return [p.name for pattern in (".*partial*", "*/*/.*partial*") for p in folder.glob(pattern)]
    except OSError:
        return []


def wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Until the process ends, at most so long."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def plain(value: object) -> Iterator[str]:
    """A state as text: tensors as a digest of their bytes."""
    if isinstance(value, torch.Tensor):
        yield hashlib.sha256(value.numpy().tobytes()).hexdigest()
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield f"{key}:"
            yield from plain(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from plain(part)
    else:
        yield repr(value)


if __name__ == "__main__":
    sys.exit(main())
