"""Memory a job may take: what is free here, what a job says it will want, and how many processes that leaves."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pedseg.errors import Notice

GIB = float(1 << 30)
UNLIMITED = 1 << 60
"""Version 1 of control groups writes a number above this for no limit."""


@dataclass(frozen=True)
class Estimate:
    """The most memory a job will hold, about.

    Args:
        libraries: GiB of a process before it has work.
        exam: GiB that its largest exam adds.
    """

    libraries: float
    exam: float

    def total(self, jobs: int) -> float:
        """GiB of everything together: one process does its exams itself, more of them are started beside it.

        Args:
            jobs: processes that work on exams.
        """
        alone = self.libraries + self.exam
        return alone if jobs <= 1 else self.libraries + jobs * alone


def available_gib(root: Path = Path("/")) -> float | None:
    """GiB that this process may still take: free memory, or what its control groups leave; None where nobody says.

    Args:
        root: of the system.
    """
    known = [_free(root / "proc/meminfo"), *_groups(root)]
    told = [value for value in known if value is not None]
    return max(0.0, min(told)) / GIB if told else None


def fitting_jobs(log: logging.Logger, estimate: Estimate, jobs: int, *, free: float | None = None) -> int:
    """Say what a job will want, and how many of its processes there is room for.

    Args:
        log: of the command.
        estimate: of the job.
        jobs: processes wished for, not more than exams.
        free: GiB there are; None asks the system.

    Returns:
        `jobs`, or fewer where memory is short, never fewer than one.
    """
    free = available_gib() if free is None else free
    if free is None:
        log.info("about %s of memory", _gib(estimate.total(jobs)))
        return jobs
    fitting = jobs
    while fitting > 1 and estimate.total(fitting) > free:
        fitting -= 1
    if fitting < jobs:
        wanted = f"{jobs} processes would want about {_gib(estimate.total(jobs))}"
        started = f"{fitting} {'is' if fitting == 1 else 'are'} started"
        log.warning("%s", Notice("PS-W170", f"{wanted} of memory, {_gib(free)} are free: {started}"))
    elif estimate.total(fitting) > free:
        text = f"about {_gib(estimate.total(fitting))} of memory are wanted, {_gib(free)} are free"
        log.warning("%s", Notice("PS-W170", f"{text}: the system may end the job"))
    log.info("about %s of memory, %s free", _gib(estimate.total(fitting)), _gib(free))
    return fitting


def _gib(value: float) -> str:
    return f"{value:.1f} GiB" if value >= 1 else f"{value:.2f} GiB"


def _free(path: Path) -> int | None:
    """Bytes the kernel would give without swapping."""
    for line in _lines(path):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return None


def _groups(root: Path) -> Iterable[int | None]:
    """Bytes that the control groups of this process, and those around them, leave."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, inside = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        # A container sees its own group as the root, whatever its path is called outside.
        inner = base / inside.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(base):
                yield _left(folder, *names)


def _left(folder: Path, limit: str, used: str) -> int | None:
    """A group's limit less what it holds; pages of files are given back when they are wanted."""
    most = _number(folder / limit)
    if most is None or most >= UNLIMITED:
        return None
    pages = dict(line.split()[:2] for line in _lines(folder / "memory.stat"))
    spare = pages.get("total_inactive_file") or pages.get("inactive_file") or "0"
    return most - (_number(folder / used) or 0) + int(spare)


def _number(path: Path) -> int | None:
    text = "".join(_lines(path))
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []
