"""Files and folders while they are written: their names, whose they are, and what a process that died left of them.

`.<name>.partial-<process>-<machine>-<start><random>` stands beside what it becomes. The machine is a digest: of its
name, its own number and the processes that can be seen from here, since a number of another machine's or container's
says nothing. The start is a digest too: what was written before the machine started last, nobody writes any more.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

STALE_SECONDS = 86400.0
"""What another machine has not touched for so long, nobody writes any more."""
LONGEST = 120
"""Bytes of a name that are kept; file systems allow 255 for all of it."""
OWNER = re.compile(r"([0-9]{1,20})-([0-9a-f]{8})-([0-9a-f]{8})?[0-9a-f]{8}(?:-old)?")
"""Process, machine and start in the end of a name; a file whose name ends otherwise is a person's."""
NUMBER, START = Path("/etc/machine-id"), Path("/proc/sys/kernel/random/boot_id")
ALL_PROCESSES = "pid:[4026531836]"
"""The name space of a machine's own processes, the same on every Linux (PROC_PID_INIT_INO)."""
ASIDE = "-old"
"""Ends the name of a former folder while the new one takes its place."""
_begun: set[Path] = set()
"""What this process is writing."""


def partial_of(path: Path, *, drawn: str = "") -> Path:
    """A new hidden name beside `path`, which tells who writes there; files of one set share what is drawn."""
    partial = path.with_name(f"{_start(path)}{os.getpid()}-{'-'.join(_machine())}{drawn or secrets.token_hex(4)}")
    _begun.add(partial)
    return partial


def clear_partials(path: Path) -> None:
    """Remove what processes that died left of writing `path`.

    A former folder they had set aside comes back; of a set that `path` vouches for, see `take_places`.
    """
    start = _start(path)
    try:
        names = [name for name in os.listdir(path.parent) if name.startswith(start)]  # noqa: PTH208 - names only
    except OSError:
        return  # nothing there, or not ours to see
    for name in sorted(names, key=lambda n: not n.endswith(ASIDE)):
        left = path.with_name(name)
        if not _is_orphan(left, name.removeprefix(start)):
            continue
        if name.endswith(ASIDE) and not path.exists():
            with suppress(OSError):
                _finish(left, path)
                continue
        discard(left)


def take_places(temporary: Sequence[Path], paths: Sequence[Path]) -> None:
    """Give whole files of one set their names; where that fails, the former ones come back.

    The last vouches for the others: its former is set aside first, and it comes last. A kill in between leaves it
    aside, and with it all files of the new set: the next writer's `clear_partials` of the last goes on from there,
    or goes back where the new last one is no more.
    """
    asides = [file.with_name(file.name + ASIDE) for file in temporary]
    steps = list(zip(temporary, paths, asides, strict=True))
    try:
        for _, path, aside in reversed(steps if len(steps) > 1 else []):
            if path.is_file():
                path.rename(aside)
        for file, path, _ in steps:
            file.replace(path)
    except BaseException:
        discard(temporary[-1])
        for file, path, aside in steps:
            with suppress(OSError):
                if aside.exists():
                    aside.replace(path)
                elif len(steps) > 1 and file != temporary[-1] and not file.exists():
                    path.unlink()
        raise
    for aside in asides:
        discard(aside)


def _finish(aside: Path, path: Path) -> None:
    """Go on, or back, from where the exchange of a folder or a set was broken off."""
    if aside.is_dir():
        aside.rename(path)
        return
    owner = aside.name.removeprefix(_start(path)).removesuffix(ASIDE)
    names = os.listdir(path.parent)  # noqa: PTH208 - names only
    ends = [f".partial-{owner}", f".partial-{owner}{ASIDE}"]
    new, old = ({n[1 : -len(end)]: path.with_name(n) for n in names if n.endswith(end)} for end in ends)
    chosen = new if path.name in new else old
    for name in sorted(chosen, key=lambda n: n == path.name):
        chosen[name].replace(path.with_name(name))
    for left in (*new.values(), *old.values()):
        discard(left)


def discard(path: Path) -> None:
    """Remove a file or a folder, if there is one; what cannot be removed now is an orphan for the next run."""
    with suppress(OSError):
        path.unlink()
    shutil.rmtree(path, ignore_errors=True)
    _begun.discard(path)


def discard_begun() -> None:
    """Remove what this process is writing, for it ends now; names that were taken stay."""
    for path in tuple(_begun):
        discard(path)


def exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system or the file system cannot."""
    import ctypes

    try:
        swap = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # not Linux
        return False
    here, both = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(swap(here, os.fsencode(one), here, os.fsencode(other), both) == 0)


def sync(path: Path) -> None:
    """Have a file or folder on the disk; what is read next comes from there, not from what was to be written."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def sync_all(folder: Path) -> None:
    """Have everything in a folder on the disk."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(place, name))
        sync(Path(place))


def open_to_others(path: Path, mode: int) -> None:
    """Give a file or folder the mode that the user's mask leaves of this one; FAT knows none."""
    with suppress(PermissionError):
        path.chmod(mode & ~_umask())


def _start(path: Path) -> str:
    """How the partials of a path begin; long names end in a digest, so that no two share one."""
    name = os.fsencode(path.name)
    if len(name) > LONGEST:
        kept = name[: LONGEST - 17].decode(errors="ignore")
        return f".{kept}-{hashlib.sha256(name).hexdigest()[:16]}.partial-"
    return f".{path.name}.partial-"


def _is_orphan(left: Path, owner: str) -> bool:
    told = OWNER.fullmatch(owner)
    if not told:
        return False
    process, machine, start = told.groups()
    here, now = _machine()
    if machine == here:
        return start != now or not _runs(int(process))
    return _untouched_seconds(left) > STALE_SECONDS


def _runs(process: int) -> bool:
    """Whether a process of this machine is alive."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError as error:
        return error.errno != errno.ESRCH
    return not _has_ended(process)


def _has_ended(process: int) -> bool:
    """Whether only the entry of a process is left: whoever was to fetch its exit code died too, or does not ask.

    In a container whose first process is no init that is so for ever.
    """
    try:
        state = Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False  # not Linux, or gone meanwhile
    return state in {"Z", "X"}


def _untouched_seconds(path: Path) -> float:
    try:
        newest = max(p.lstat().st_mtime for p in (path, *path.rglob("*")))
    except OSError:
        return 0.0
    return time.time() - newest


@cache
def _machine() -> tuple[str, str]:
    """Digests of this machine and of its last start.

    In a container the number in /etc is its image's, if there is one: there the start tells machines of one name
    apart, and one started again is another.
    """
    try:
        seen = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path
    except OSError:
        seen = ""
    number, start = _line(NUMBER), _line(START)
    own = number if number and seen == ALL_PROCESSES else start
    return _digest(f"{platform.node()} {seen} {own}"), _digest(start)


def _line(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]


def _umask() -> int:
    value = os.umask(0o022)
    os.umask(value)
    return value
