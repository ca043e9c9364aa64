"""Wall time and peak memory of every command on one joint's synthetic exams.

Run with `make bench`, or `python -m benchmarks.costs --matrix 512` where pedseg is installed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.demo import say

PATIENTS = 3
"""The fewest that leave one to train on, one to validate on and one to test."""


def main(arguments: list[str] | None = None) -> int:
    """Run the commands and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--domain", default="ankle", help="whose exams")
    parser.add_argument("--matrix", type=int, default=192, help="in-plane size of the exams; slices scale with it")
    parser.add_argument("--preset", default="demo", help="of the plan")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = [(words[0], *measure(words)) for words in commands(Path(folder), flags)]
    say(f"\n{'command':20}{'wall s':>8}{'peak MB':>9}   ({flags.domain}, matrix {flags.matrix}, preset {flags.preset})")
    for name, seconds, megabytes in rows:
        say(f"{name:20}{seconds:8.1f}{megabytes:9.0f}")
    return 0


def commands(folder: Path, flags: argparse.Namespace) -> list[list[str]]:
    """The main job with one epoch of training; a fourth patient is predicted."""
    workspace, held_out = str(folder / "workspace"), folder / "held_out"
    jobs = ["-j", str(flags.jobs)]
    size = ["-d", flags.domain, "--matrix", str(flags.matrix), *jobs]
    exam = held_out / flags.domain / f"{flags.domain}_{PATIENTS:03}" / "dicom"
    return [
        ["pedseg_phantom", "-w", workspace, "-n", str(PATIENTS), *size],
        ["pedseg_phantom", "-o", str(held_out), "-n", "1", "--start", str(PATIENTS), *size],
        ["pedseg_plan", "-w", workspace, "-d", flags.domain, "--preset", flags.preset, "--epochs", "1", *jobs],
        ["pedseg_preprocess", "-w", workspace, *jobs],
        ["pedseg_train", "-w", workspace, "0", "--no-test"],
        ["pedseg_predict", "-w", workspace, "-i", str(exam), "-o", str(folder / "masks")],
    ]


def measure(words: list[str]) -> tuple[float, float]:
    """Run a command: wall seconds, and megabytes of its largest process. A failure ends the benchmark."""
    say(f"\n$ {shlex.join(words)}")
    started = time.monotonic()
    process = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", *words])
    _, status, usage = os.wait4(process, 0)
    if code := os.waitstatus_to_exitcode(status):
        sys.exit(code)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return time.monotonic() - started, usage.ru_maxrss * unit / 1e6


if __name__ == "__main__":
    sys.exit(main())
