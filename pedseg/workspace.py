"""Every path pedseg writes, in one place, and the one way of writing: whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pedseg.errors import OutputError, UsageError
from pedseg.exhaustion import out_of_room
from pedseg.partials import (
    ASIDE,
    clear_partials,
    discard,
    exchange,
    open_to_others,
    partial_of,
    sync,
    sync_all,
    take_places,
)  # fmt: skip
from pedseg.privacy import conceal

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
        place = Path(root or os.environ.get(ENVIRONMENT) or "pedseg_workspace")
        conceal(place, own=True)
        return cls(place)

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


def real_path(path: Path) -> Path:
    """Where a path leads behind its links; one that leads round in a circle stays, where `resolve` raises."""
    return Path(os.path.realpath(path))


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
    with atomic_set(path) as (temporary,):
        yield temporary


@contextmanager
def atomic_set(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Give temporary paths of files that belong together; on success all take their names, on failure none.

    Nothing changes before every byte is on the disk. The last file vouches for the others: it is absent while they
    change, so that a kill in between leaves none that could be taken for whole, and the next writer goes on from
    there (`take_places`). Files of a set stand in one folder. A link stays a link: what it points to is replaced.

    Raises:
        OutputError: PS-A106 disk full, PS-A105 not writable.
    """
    named, paths = paths[-1], tuple(map(real_path, paths))
    with _typed(named), _parents(*paths):
        temporary: list[Path] = []
        drawn = secrets.token_hex(4)
        clear_partials(paths[-1])
        try:
            for path in paths:
                temporary.append(_new_partial(path, drawn=drawn))
            yield tuple(temporary)
            for file in temporary:
                sync(file)
                open_to_others(file, 0o666)
            take_places(temporary, paths)
            for folder in dict.fromkeys(path.parent for path in paths):
                sync(folder)
        finally:
            for file in temporary:
                discard(file)


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder beside `path`; on success all in it is synced and it takes the name, on failure it goes.

    A former folder is swapped against the new one in one step where the file system can; else a kill between the two
    steps leaves it set aside, and the next writer brings it back.

    Raises:
        OutputError: PS-A104 the folder exists and `overwrite` is off, PS-A105, PS-A106.
    """
    name, path = path.name, real_path(path)  # a link stays a link: what it points to is replaced
    clear_partials(path)
    if path.exists() and not path.is_dir():
        raise OutputError("PS-A104", f"{name} exists and is no folder: choose another place")
    if path.exists() and not overwrite:
        raise OutputError("PS-A104", f"{name} exists: choose another place or add --overwrite")
    with _typed(path), _parents(path):
        temporary = _new_partial(path, folder=True)
        former = temporary.with_name(temporary.name + ASIDE)
        try:
            yield temporary
            sync_all(temporary)
            open_to_others(temporary, 0o777)
            if not path.exists():
                temporary.rename(path)
            elif not exchange(temporary, path):
                path.rename(former)
                temporary.rename(path)
            sync(path.parent)
        finally:
            if former.exists() and not path.exists():
                former.rename(path)  # interrupted between the two: the former comes back
            discard(temporary)
            discard(former)


def try_to_write(path: Path, folder: Path) -> None:
    """Refuse a folder where `path` could not be made; rights alone do not tell of a read-only or a full disk.

    Raises:
        OutputError: PS-A105, PS-A106.
    """
    clear_partials(real_path(path))
    with _typed(path):
        trial = partial_of(folder / path.name)
        try:
            trial.mkdir(0o700)
        finally:
            discard(trial)


def put_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a file that has no final name yet, such as one of an atomic folder, and read it back from the disk.

    Raises:
        OutputError: PS-A164 it does not hold what was written.
    """
    path.write_bytes(data)
    sync(path)
    if path.read_bytes() != data:
        raise OutputError("PS-A164", f"{path.name} does not read back as it was written: the disk may be failing")


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a file atomically, read back before it takes its name."""
    with atomic_write(path) as temporary:
        put_bytes(temporary, data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a plain value as readable JSON, atomically."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """A plain value as readable JSON."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


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
    if out_of_room(error):
        return OutputError("PS-A106", f"no space left while writing {path.name}: free some, then run again")
    return OutputError("PS-A105", f"cannot write {path.name} ({error.strerror}): choose a writable place")


def _new_partial(path: Path, *, folder: bool = False, drawn: str = "") -> Path:
    clear_partials(path)
    temporary = partial_of(path, drawn=drawn)
    if folder:
        temporary.mkdir(0o700)
    else:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return temporary


@contextmanager
def _typed(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error


@contextmanager
def _parents(*paths: Path) -> Iterator[None]:
    """Folders that files go into; those made here go again when nothing comes of it."""
    missing = [p for path in paths for p in (path.parent, *path.parent.parents) if not p.exists()]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in sorted(missing, key=lambda p: -len(p.parts)):
            with suppress(OSError):
                folder.rmdir()
        raise
