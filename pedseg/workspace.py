"""Every path pedseg writes, in one place, and the one way of writing: whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pedseg.errors import OutputError, UsageError

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
ENVIRONMENT = "PEDSEG_WORKSPACE"


@dataclass(frozen=True)
class PlanFiles:
    """Files of one plan: `plans/<name>/`."""

    folder: Path

    @property
    def fingerprint(self) -> Path:
        """Facts of the dataset."""
        return self.folder / "fingerprint.json"

    @property
    def plan(self) -> Path:
        """Decisions shared by all domains."""
        return self.folder / "plan.json"

    def domain(self, name: str) -> Path:
        """Decisions of one domain."""
        return self.folder / f"{checked_name(name)}.json"


@dataclass(frozen=True)
class Workspace:
    """Folders of a project.

    Args:
        root: holds raw/, plans/, cache/ and runs/.
    """

    root: Path

    @classmethod
    def find(cls, root: Path | str | None = None) -> Workspace:
        """The folder given, else $PEDSEG_WORKSPACE, else ./pedseg_workspace."""
        return cls(Path(root or os.environ.get(ENVIRONMENT) or "pedseg_workspace"))

    def raw(self, domain: str) -> Path:
        """Exams of a domain as they came: `raw/<domain>/<case>/`."""
        return self.root / "raw" / checked_name(domain)

    def plan(self, name: str) -> PlanFiles:
        """Files of the plan called `name`."""
        return PlanFiles(self.root / "plans" / checked_name(name))

    def cache(self, plan: str, domain: str) -> Path:
        """Slice cache of one domain under a plan."""
        return self.root / "cache" / checked_name(plan) / checked_name(domain)

    def run(self, plan: str, run: str) -> Path:
        """A run: one folder a fold."""
        return self.root / "runs" / checked_name(plan) / checked_name(run)

    def fold(self, plan: str, run: str, fold: str) -> Path:
        """One fold of a run: a complete MONAI bundle."""
        return self.run(plan, run) / f"fold_{checked_name(fold)}"


def checked_name(name: str) -> str:
    """A name that is safe as a file name on every system.

    Raises:
        UsageError: PS-A99.
    """
    if not NAME.match(name):
        raise UsageError("PS-A99", f"name {name!r} is not allowed: use letters, digits, '.', '_', '-', at most 64")
    return name


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is synced and takes the name, on failure it goes.

    Raises:
        OutputError: PS-A106 disk full, PS-A105 not writable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.partial-", dir=path.parent)
    except OSError as error:
        raise output_error(error, path) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise output_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder beside `path`; on success it takes the name, on failure it goes.

    Raises:
        OutputError: PS-A104 the folder exists and `overwrite` is off, PS-A105, PS-A106.
    """
    if path.exists() and not overwrite:
        raise OutputError("PS-A104", f"{path.name} exists: choose another place or add --overwrite")
    path = path.resolve()  # a link stays a link: what it points to is replaced
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.partial-", dir=path.parent))
    except OSError as error:
        raise output_error(error, path) from error
    former = temporary.with_name(temporary.name + "-old")
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            path.rename(former)
        temporary.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise output_error(error, path) from error
    finally:
        if former.exists() and not path.exists():
            former.rename(path)  # interrupted between the two: the former comes back
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, "utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a plain value as readable JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def digest_of(value: Any) -> str:
    """sha256 of a plain value in canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file."""
    value = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            value.update(block)
    return value.hexdigest()


def output_error(error: OSError, path: Path) -> OutputError:
    """The typed form of an operating system's refusal to write."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return OutputError("PS-A106", f"no space left while writing {path.name}: free some, then run again")
    return OutputError("PS-A105", f"cannot write {path.name} ({error.strerror}): choose a writable place")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    value = os.umask(0o022)
    os.umask(value)
    return value
