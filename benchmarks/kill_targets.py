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
from pathlib import Path

import torch

from pedseg.bundle.generations import Generations
from pedseg.errors import PedsegError
from pedseg.storage.cache import read_entry
from pedseg.storage.runs import MANIFEST, WEIGHTS
from pedseg.workspace import Workspace, file_digest


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


def files_of(folder: Path) -> list[Path]:
    """Files that are not partial."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


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
