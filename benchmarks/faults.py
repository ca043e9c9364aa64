"""What pedseg and other readers make of every faulty series of the catalogue: right, wrong, or lost.

The series are those of `tests/reliability`. Their grey values tell where each voxel lies, so that one judge serves all
readers. Each reader runs in a process of its own, with limits of time and memory, so that a crash is an outcome. Run
with `python -m benchmarks.faults -o FOLDER` where pedseg and its `test` extra are installed: Markdown and JSON go
there. Exit code 1 where pedseg is silently wrong or loses a readable series. docs/explanation/reliability.md says more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from benchmarks.demo import say
from benchmarks.fault_rows import catalogue, rule
from benchmarks.readers import READERS, READINGS
from benchmarks.readings import Outcome, Reading
from benchmarks.verdicts import COLUMNS, LOST, PICKED, SILENT, WARNED, Verdict, held_by, judge

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 30.0
FIRST_OF_GREY = 61
ASIDE = {
    "24": "readers disagree whether MONOCHROME1 is to be inverted, each with a reason",
    "23-only": "pictures, which a converter may convert",
}
"""Rows, or numbers of rows, that are no measure of another reader; so are refusals of grey values (61 to 68)."""
Verdicts = dict[str, dict[str, Verdict]]


def main(arguments: list[str] | None = None) -> int:
    """Build, read, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="gets faults.md and faults.json")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS), help="which of them")
    parser.add_argument("--rows", nargs="+", help="ids of rows; all where not named")
    flags = parser.parse_args(arguments)
    rows = {row.id: row for row in compared(catalogue()) if not flags.rows or row.id in flags.rows}
    names = [name for name in flags.readers if not READERS[name].missing]
    for name in set(flags.readers) - set(names):
        say(f"{name}: {READERS[name].missing} is not installed")
    verdicts = run(names, rows)
    text = report(verdicts, rows)
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "faults.md").write_text(text, "utf-8")
    (flags.output / "faults.json").write_text(json.dumps(plain(verdicts, rows), indent=1), "utf-8")
    say(text)
    return int(bool(failures(verdicts.get("pedseg", {}))))


def compared(rows: Mapping[str, Any]) -> list[Any]:
    """Rows that are fair to every reader: no keyword of pedseg's, a known place, one meaning of grey values."""
    known = [row for row in rows.values() if not row.choice and (row.code or row.grid is not None)]
    fair = [row for row in known if row.id not in ASIDE and number_of(row.id) not in ASIDE]
    return [row for row in fair if not (row.code and int(number_of(row.id)) >= FIRST_OF_GREY)]


def number_of(row: str) -> str:
    """The catalogue's number of a row."""
    return row.split("-", maxsplit=1)[0]


class Worker:
    """A reader in a process of its own, started again after a crash."""

    def __init__(self, name: str, *, limit_s: float = LIMIT_S) -> None:
        self.name, self.limit_s = name, limit_s
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, folder: Path, row: str = "") -> Outcome:
        """What the reader makes of a folder."""
        process = self._process or self._start()
        with tempfile.TemporaryDirectory() as scratch:
            request = {"folder": str(folder), "scratch": scratch, "row": row}
            try:
                process.stdin.write(json.dumps(request) + "\n")  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
                ready, _, _ = select.select([process.stdout], [], [], self.limit_s)
                line = process.stdout.readline() if ready else ""  # type: ignore[union-attr]
            except BrokenPipeError:
                ready, line = [process.stdout], ""
            if line:
                return _outcome(json.loads(line), Path(scratch))
        self._end()
        return Outcome(end="crashed" if ready else f"no answer in {self.limit_s:g} s")

    def _start(self) -> subprocess.Popen[str]:
        order = [sys.executable, "-m", "benchmarks.readers", self.name]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            order, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
        )  # fmt: skip
        if not self._process.stdout.readline():  # type: ignore[union-attr]  # a line says that it is ready
            raise RuntimeError(f"{self.name} does not start")
        return self._process

    def _end(self) -> None:
        """With the programs that it called."""
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


def _outcome(answer: Mapping[str, Any], scratch: Path) -> Outcome:
    with np.load(scratch / READINGS) as arrays:
        readings = tuple(Reading(arrays[f"array{n}"], arrays[f"affine{n}"]) for n in range(answer["n"]))
    return Outcome(readings, tuple(answer["warnings"]), answer["printed"], answer["end"])


def run(names: Sequence[str], rows: Mapping[str, Any]) -> Verdicts:
    """Reader -> row -> verdict; every folder is built once and read by all."""
    verdicts: Verdicts = {name: {} for name in names}
    grey = rule()
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(name)) for name in names]
        for row, folder in built(rows.values()):
            held = held_by(folder)
            for worker in workers:
                outcome = worker.ask(folder, row.id if row.choice else "")
                verdicts[worker.name][row.id] = judge(row, outcome, held, grey)
    return verdicts


def built(rows: Iterable[Any]) -> Iterator[tuple[Any, Path]]:
    """Each row and the path that is read; what is written beside it goes with it."""
    for row in rows:
        with tempfile.TemporaryDirectory() as outer:
            folder = Path(outer) / "exam"
            folder.mkdir()
            row.build(folder)
            yield row, folder / getattr(row, "within", "")


def failures(verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """What must not be: silently wrong, or lost."""
    return {row: verdict for row, verdict in verdicts.items() if verdict.verdict in (SILENT, LOST)}


def report(verdicts: Verdicts, rows: Mapping[str, Any]) -> str:
    """Markdown: the table, versions, and what each reader got wrong."""
    lines = [f"| reader | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    for name, found in verdicts.items():
        cells = [cell(found, kind) for kind in COLUMNS]
        lines.append(f"| {name} {READERS[name].version} | {' | '.join(cells)} |")
    n_readable = sum(not row.code if row.readable is None else row.readable for row in rows.values())
    lines += ["", f"{len(rows)} series, {n_readable} of them readable. Python {platform.python_version()}.", ""]
    for name, found in verdicts.items():
        for kind in (SILENT, WARNED, LOST, PICKED):
            chosen = {row: v for row, v in found.items() if v.verdict == kind}
            lines += [f"- {name}, {kind}: {row}, {rows[row].fault}: {v.why}" for row, v in chosen.items()]
    return "\n".join(lines) + "\n"


def cell(found: Mapping[str, Verdict], kind: str) -> str:
    """How many series and, of faults, in how many numbers of the catalogue; what was printed is told of silent ones."""
    rows = [row for row, verdict in found.items() if verdict.verdict == kind]
    if kind not in (SILENT, LOST, WARNED) or not rows:
        return str(len(rows))
    numbers = len({number_of(row) for row in rows})
    text = f"{len(rows)} in {numbers} row{'s'[: numbers != 1]}"
    loud = sum(found[row].printed for row in rows)
    return f"{text}, {loud} with a line on the terminal" if kind == SILENT and loud else text


def plain(verdicts: Verdicts, rows: Mapping[str, Any]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "versions": {name: READERS[name].version for name in verdicts},
        "faults": {name: row.fault for name, row in rows.items()},
        "counts": {name: dict(Counter(v.verdict for v in found.values())) for name, found in verdicts.items()},
        "verdicts": {name: {row: asdict(v) for row, v in found.items()} for name, found in verdicts.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
