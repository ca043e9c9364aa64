"""Jobs to kill: the command of each, and how to tell whether what a killed one leaves is whole, absent or lost."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

import torch

from pedseg.bundle.generations import Generations
from pedseg.bundle.prior import NOTE
from pedseg.errors import PedsegError
from pedseg.inference.autoencoder import PRIOR
from pedseg.storage.cache import read_entry
from pedseg.storage.runs import MANIFEST, RECORD, WEIGHTS
from pedseg.workspace import Workspace, file_digest

PARTS = ("test/", "validation/")
"""Of a fold: its left-out exams."""
TABLES = ("prior.csv", "log.csv")
TIMED = (*TABLES, "progress.png", "prior.png", MANIFEST.as_posix(), "tensorboard/*", "models/checkpoint_*")
"""Files of a fold that tell the time, or hold the digest of one that does."""


class LostError(Exception):
    """What a killed run left cannot be gone on from, or costs more than it may."""


class WrongError(Exception):
    """What is taken for whole is not what an unbroken run makes."""


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
    def stage(self) -> str:
        """Of the job, in which its last process was killed."""
        return "running"

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
    """Of the stage at hand the newest checkpoint that loads is at most one epoch behind what the log says.

    Stages are the auto-encoder's training, the network's, and the prediction of left-out exams. What a stage has kept
    for good is, from then on, as an unbroken run makes it.
    """

    partials = 52

    def __init__(self, place: Workspace) -> None:
        super().__init__(place)
        self._told_before = 0

    @property
    def command(self) -> list[str]:
        """Fold 0."""
        return ["pedseg_train", "0", "-w", str(self.place.root), "--device", "cpu"]

    @property
    def made(self) -> Path:
        """The fold."""
        return self.place.fold("default", "main", "0")

    @property
    def stage(self) -> str:
        """By what the process has told and what stands."""
        if not any(line.startswith("fold 0") for line in self._said()[self._told_before :]):
            return "start"
        done = {MANIFEST: "left-out exams", NOTE: "network"}
        return next((stage for file, stage in done.items() if (self.made / file).is_file()), "auto-encoder")

    def start(self) -> subprocess.Popen[bytes]:
        """The command, behind what former ones have told."""
        self._told_before = len(self._said())
        return super().start()

    def look(self) -> None:
        """Load the newest checkpoints, and hold what was kept for good against the unbroken run."""
        if not (self.made / NOTE).is_file():
            self._check_epoch("prior", "prior: epoch ")
        self._check_epoch("checkpoint", "epoch ")
        found = self._files()
        final = {PRIOR.as_posix(), NOTE.as_posix(), *([WEIGHTS.as_posix()] if (self.made / MANIFEST).is_file() else [])}
        exams = {Path(name).parent.as_posix() for name in found if name.startswith(PARTS)}
        final = (final & set(found)) | {n for n in self.expected if Path(n).parent.as_posix() in exams}
        if wrong := sorted(n for n in final if found.get(n) != self.expected.get(n)):
            raise WrongError(f"kept, but not as an unbroken run makes it: {', '.join(wrong)}")
        told = {line.split(":")[0].strip() for line in self._said() if line.startswith(tuple(f"  {p}" for p in PARTS))}
        if lost := sorted(told - exams):
            raise LostError(f"predictions were told of and are not there: {', '.join(lost)}")

    def digests(self) -> dict[str, str]:
        """Of every file and the last state with the optimiser's, without what tells the time."""
        state = Generations(self.made).newest() or {}
        kept = {key: state.get(key) for key in ("epoch", "network", "optimizer", "discriminator")}
        tables = {name: self._rows(name) for name in TABLES if (self.made / name).is_file()}
        return {
            **self._files(),
            "last state": hashlib.sha256("".join(plain(kept)).encode()).hexdigest(),
            **{name: hashlib.sha256(json.dumps(rows).encode()).hexdigest() for name, rows in tables.items()},
            MANIFEST.as_posix(): str((self.made / MANIFEST).is_file()),
        }

    def clear(self) -> None:
        """Former epochs are told of no more."""
        super().clear()
        self.log.unlink(missing_ok=True)

    def _check_epoch(self, stem: str, prefix: str) -> None:
        said = (line.removeprefix(prefix) for line in self._said() if line.startswith(prefix))
        told = max((int(line.split("/")[0]) for line in said), default=0)
        try:
            state = Generations(self.made, stem).newest()
        except PedsegError as error:
            raise LostError(str(error)) from error
        epoch = int(state["epoch"]) if state else 0
        if epoch < told - 1:
            raise LostError(f"{prefix}{told} was told of, the newest {stem} is of epoch {epoch}")

    def _said(self) -> list[str]:
        return self.log.read_text("utf-8").splitlines() if self.log.is_file() else []

    def _files(self) -> dict[str, str]:
        """Those that tell no time; of predictions' records what does not."""
        files = {path.relative_to(self.made).as_posix(): path for path in files_of(self.made)}
        timeless = {n: path for n, path in files.items() if not any(fnmatch(n, pattern) for pattern in TIMED)}
        return {n: record_digest(p) if p.name == RECORD else file_digest(p) for n, p in timeless.items()}

    def _rows(self, name: str) -> list[dict[str, str]]:
        with (self.made / name).open(encoding="utf-8") as stream:
            return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]


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
        return {**super().digests(), RECORD: record_digest(self.made / RECORD)}


def files_of(folder: Path) -> list[Path]:
    """Files that are not partial."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def record_digest(path: Path) -> str:
    """Of a prediction's record, without what tells the time."""
    values = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    clockless = json.dumps({k: v for k, v in values.items() if "second" not in k and k != "created"})
    return hashlib.sha256(clockless.encode()).hexdigest()


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
