"""Thousands of spoilt files through the functions with which pedseg's commands read: what does not end as it must?

A file must come back as a value that keeps its promise, or as one typed refusal on one printable line; within ten
seconds and two GiB. All else is a fault and is kept, with what makes it again. Exit code 1 where there was one. Run
with `python -m benchmarks.fuzz --dicom 10000 --nifti 3000 --plans 1900 --packed 1000`; some minutes on two cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.demo import say
from benchmarks.fuzz_judge import BYTES, SlowError, judge, place_of
from benchmarks.fuzz_targets import TARGETS

KINDS = {"dicom": 10_000, "nifti": 3_000, "plans": 1_900, "packed": 1_000}
"""And how many files of each are usual."""
SECONDS = 10.0
_PATIENCE = 2 * SECONDS


@dataclass(frozen=True)
class Case:
    """One spoilt file, made of three words.

    Args:
        kind: of `KINDS`.
        seed: of the run.
        number: in the run.
    """

    kind: str
    seed: int
    number: int

    @property
    def name(self) -> str:
        """Its file's name where it is kept."""
        return f"{self.kind}-{self.seed}-{self.number}"

    def make(self) -> tuple[str, bytes]:
        """Target and bytes."""
        draw = Random(f"{self.kind} {self.seed} {self.number}")
        known = {name: target for name, target in TARGETS.items() if target.kind == self.kind}
        (name,) = draw.choices(list(known), [target.share for target in known.values()])
        target = known[name]
        seeds = target.seed_bytes()
        others = [data for other in known.values() if other.spoil is target.spoil for data in other.seed_bytes()]
        return name, target.spoil(draw, draw.choice(seeds), others)


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Args:
        case: its number.
        target: its name.
        told: `read`, or the code of the refusal.
        seconds: of the clock.
        fault: what went wrong, the place in the first line; empty where nothing did.
    """

    case: int
    target: str
    told: str
    seconds: float
    fault: str = ""


@dataclass
class Tally:
    """Of one kind.

    Args:
        n: files.
        told: `read` or code -> files.
        faults: place -> files.
        slowest: seconds of one file.
        peak: bytes above the process's own.
    """

    n: int = 0
    told: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    peak: int = 0


def _alarm(_number: int, _frame: object) -> None:
    raise SlowError


def _work(cases: Sequence[Case], results: Connection) -> None:
    """Judge cases one by one; the last message is the peak of memory."""
    signal.signal(signal.SIGALRM, _alarm)
    for target in TARGETS.values():  # libraries are loaded, and seeds read, before memory is counted
        for data in target.seed_bytes():
            _, fault = judge(target, data)
            if fault:
                raise RuntimeError(fault)
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + BYTES,) * 2)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    for case in cases:
        start = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            name, data = case.make()
            told, fault = judge(TARGETS[name], data)
        except SlowError as error:
            told, fault = "fault", place_of(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        results.send(Outcome(case.number, name, told, time.perf_counter() - start, fault))
    results.send(max(0, _status("VmHWM") - before))


def _status(key: str) -> int:
    """Bytes of a line of the process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{key}:"))


class _Worker:
    """A process with cases of its own, started again behind a case that ends it."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = list(cases)
        self.start()

    def start(self) -> None:
        """In a new process."""
        context = multiprocessing.get_context("spawn")
        self.results, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_work, args=(self.cases, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.heard = time.monotonic() + 60  # libraries are loaded first

    def take(self) -> Outcome | int | None:
        """The next message; None where the process has ended before its cases."""
        try:
            message = self.results.recv()
        except EOFError:
            return None
        self.heard = time.monotonic()
        if isinstance(message, Outcome):
            self.cases.pop(0)
        return message

    def end(self, reason: str) -> Outcome | None:
        """Stop, and blame the case it was at."""
        self.process.join(1)
        self.process.kill()
        self.process.join()
        self.results.close()
        if not self.cases:
            return None
        case = self.cases.pop(0)
        name, _ = case.make()
        told = f"{name}: {reason} (exit code {self.process.exitcode})"
        return Outcome(case.number, name, "fault", time.monotonic() - self.heard, told)


def outcomes(cases: Sequence[Case], jobs: int, tally: Tally, until: float) -> Iterator[Outcome]:
    """Judge cases in several processes, in no order; `tally` hears of the memory.

    Args:
        cases: of one kind.
        jobs: processes.
        tally: of the kind.
        until: time of the monotonic clock after which no more is waited for.
    """
    workers = [_Worker(share) for i in range(jobs) if (share := cases[i::jobs])]
    while workers and time.monotonic() < until:
        ready = wait([w.results for w in workers], timeout=1.0)
        for worker in list(workers):
            said: Outcome | int | None = 0
            if worker.results in ready:
                said = worker.take()
            elif time.monotonic() - worker.heard > _PATIENCE:
                said = None
            if isinstance(said, Outcome):
                yield said
            elif said is None:
                blamed = worker.end("no answer, or the process ended")
                if blamed:
                    yield blamed
                if worker.cases:
                    worker.start()
                else:
                    workers.remove(worker)
            elif worker.results in ready:
                tally.peak = max(tally.peak, said)
                workers.remove(worker)
    for worker in workers:
        worker.end("time is over")


def fuzz(kind: str, n: int, *, seed: int, jobs: int, keep: Path, until: float) -> Tally:
    """Judge `n` files of one kind; faults are kept, each place once.

    Args:
        kind: of `KINDS`.
        n: files.
        seed: of the run.
        jobs: processes.
        keep: folder for what makes a fault again.
        until: see `outcomes`.
    """
    tally = Tally()
    for outcome in outcomes([Case(kind, seed, number) for number in range(n)], jobs, tally, until):
        tally.n += 1
        tally.told[outcome.told] += 1
        tally.slowest = max(tally.slowest, outcome.seconds)
        if outcome.fault:
            place = f"{outcome.target}: {outcome.fault.splitlines()[0]}"
            if place not in tally.faults:
                case = Case(kind, seed, outcome.case)
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{case.name}.bin").write_bytes(case.make()[1])
                (keep / f"{case.name}.txt").write_text(f"{outcome.target}\n{outcome.fault}\n", "utf-8", "replace")
                say(f"  FAULT {case.name}: {place}")
            tally.faults[place] += 1
    return tally


def parser() -> argparse.ArgumentParser:
    """Flags of the command."""
    flags = argparse.ArgumentParser("fuzz", description="Spoilt files through pedseg's readers.")
    for kind, usual in KINDS.items():
        flags.add_argument(f"--{kind}", type=int, default=usual, help=f"files ({usual})")
    flags.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    flags.add_argument("--seed", type=int, default=0, help="another one makes other files")
    flags.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    flags.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="folder for files that make faults")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and report."""
    flags = parser().parse_args(arguments)
    end = time.monotonic() + flags.seconds
    found = 0
    for kind in KINDS:
        start = time.monotonic()
        n: int = getattr(flags, kind)
        tally = fuzz(kind, n, seed=flags.seed, jobs=flags.jobs, keep=flags.keep, until=end)
        found += sum(tally.faults.values())
        told: Any = ", ".join(f"{code} {count}" for code, count in tally.told.most_common())
        say(f"{kind}: {tally.n} files, {sum(tally.faults.values())} faults in {len(tally.faults)} places, "
            f"{time.monotonic() - start:.0f} s, slowest {tally.slowest:.2f} s, "
            f"peak {tally.peak / (1 << 20):.0f} MiB above the process's own")
        say(f"  {told}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
