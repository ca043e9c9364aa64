"""Exams over processes: results, failures with their cause, and processes that die."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import pytest

from pedseg.errors import InputError, OutputError
from pedseg.workers import Failure, _crash_trace, run_tasks

SLEEPERS = """
import argparse, os, sys, time
from dataclasses import dataclass
from pedseg.cli import make_parser, run
from pathlib import Path
from pedseg.workers import run_tasks
from pedseg.workspace import atomic_folder

@dataclass(frozen=True)
class Nap:
    key: tuple[str, ...]

def nap(task: Nap) -> int:
    with atomic_folder(Path(__file__).with_name(task.key[0])):
        os.write(1, b"asleep" + bytes([10]))
        time.sleep(120)
    return 1

def job(flags: argparse.Namespace) -> None:
    os.write(1, b"begun" + bytes([10]))
    for task, result in run_tasks(nap, [Nap(("a",)), Nap(("b",)), Nap(("c",))], jobs=2):
        raise AssertionError(result)

if __name__ == "__main__":
    sys.exit(run(job, make_parser("sleepers", "")))
"""
"""A command whose two processes sleep; a line as it begins, another as each falls asleep."""

SAYS = "(most recent call first):"
OTHER = f'Fatal Python error: Bus error\n\nThread 0x03 {SAYS}\n  File "/w.py", line 5 in wait'
FIRST = '  File "/first.py", line 1 in main\n'
OWN = '  File "/no/a.py", line 7 in mean\n  File "/no/b.py", line 9 in _attempt\n  File "/no/c.py", line 3 in run'
TOLD = 'Traceback (most recent call last):\n  File "/no/b.py", line 9, in _attempt\n  File "/no/a.py", line 7, in mean'


@dataclass(frozen=True)
class Sum:
    name: str
    what: str
    folder: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        return "box", self.name


def do(task: Sum) -> str:
    if task.what == "refuse":
        raise InputError("PS-A65", "constant")
    if task.what == "disk":
        raise OutputError("PS-A106", "full")
    if task.what == "bug":
        raise ZeroDivisionError("by zero")
    if task.what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task.what == "exit":
        os._exit(3)
    if task.what == "crash":
        ctypes.string_at(0)
    if task.what == "abort":
        os.abort()
    if task.what == "memory":
        resource.setrlimit(resource.RLIMIT_AS, (1 << 32, resource.getrlimit(resource.RLIMIT_AS)[1]))
        bytearray(1 << 34)
    if task.what == "gone":
        os.listdir(task.folder + "/Doe^Jane")  # noqa: PTH208
    if task.what == "quote":
        tag = "Doe^Jane"
        raise ValueError(f"{tag} is no number")
    return task.what.upper()


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_exam_has_its_result_or_its_failure(jobs: int) -> None:
    tasks = [Sum("a", "x"), Sum("b", "refuse"), Sum("c", "bug"), Sum("d", "y")]
    results = {task.name: result for task, result in run_tasks(do, tasks, jobs=jobs)}
    assert (results["a"], results["d"]) == ("X", "Y")
    assert str(results["b"]) == "box/b: PS-A65: constant"
    assert isinstance(results["c"], Failure)
    assert str(results["c"]).startswith("box/c: ZeroDivisionError, a fault of pedseg itself\nTraceback")
    assert "by zero" not in str(results["c"]).replace('Error("by zero")', "")  # it may quote a header
    assert 'raise ZeroDivisionError("by zero")' in results["c"].trace


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_vanishes_costs_its_own_exam_and_is_no_fault_of_pedseg(jobs: int, tmp_path: Path) -> None:
    tasks = [Sum("a", "gone", str(tmp_path)), Sum("b", "x")]
    results = {task.name: result for task, result in run_tasks(do, tasks, jobs=jobs)}
    assert results["b"] == "X"
    assert "PS-A07" in str(results["a"])
    assert "No such file" in str(results["a"])
    assert "Doe" not in str(results["a"])


def test_a_pool_that_breaks_while_it_is_filled_costs_no_exam(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = ProcessPoolExecutor.submit
    calls: list[int] = []

    def broken(pool: ProcessPoolExecutor, *words: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise BrokenProcessPool("a process died at once")
        return submit(pool, *words)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", broken)
    tasks = [Sum("a", "x"), Sum("b", "y"), Sum("c", "z")]
    assert {task.name: result for task, result in run_tasks(do, tasks, jobs=2)} == {"a": "X", "b": "Y", "c": "Z"}


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("can't start new thread")])
def test_processes_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr(ProcessPoolExecutor, "submit", refused)
    with pytest.raises(InputError, match=r"PS-A128: processes cannot be started \(.*\): run again with -j 1"):
        list(run_tasks(do, [Sum("a", "x"), Sum("b", "y")], jobs=2))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_processes_were_writing_goes_with_them(tmp_path: Path, number: int) -> None:
    """Of a parent that is killed too: they end behind it."""
    command = sleepers(tmp_path, 3)
    try:
        assert len(list(tmp_path.glob(".*.partial-*"))) == 2
        command.send_signal(number)
        command.communicate(timeout=5)
    finally:
        end_group(command)
    assert list(tmp_path.glob(".*.partial-*")) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_stops_everything(jobs: int) -> None:
    with pytest.raises(OutputError, match="PS-A106"):
        list(run_tasks(do, [Sum("a", "disk"), Sum("b", "x")], jobs=jobs))


@pytest.mark.parametrize("end", ["die", "exit"])
def test_a_process_that_dies_is_named_and_costs_no_other_exam(end: str) -> None:
    tasks = [Sum("a", "x"), Sum("b", end), Sum("c", "y")]
    results = {task.name: result for task, result in run_tasks(do, tasks, jobs=2)}
    assert (results["a"], results["c"]) == ("X", "Y")
    text = "the process that read box/b was killed, such as for want of memory, and left no traceback"
    assert str(results["b"]) == f"box/b: PS-A128: {text}: free memory, or run again with -j 1"


@pytest.mark.parametrize(("end", "why", "line"), [
    ("crash", "Segmentation fault", "ctypes.string_at(0)"), ("abort", "Aborted", "os.abort()"),
])  # fmt: skip
def test_a_process_that_crashes_is_named_with_the_place_where_it_died(end: str, why: str, line: str) -> None:
    tasks = [Sum("a", "x"), Sum("b", end), Sum("c", "y")]
    results = {task.name: result for task, result in run_tasks(do, tasks, jobs=2)}
    assert (results["a"], results["c"]) == ("X", "Y")
    failure = results["b"]
    assert isinstance(failure, Failure)
    text = f"PS-A128: the process that read box/b crashed ({why}), a fault of pedseg or of a library: please report it"
    assert str(failure.error) == text
    first, attempt, _, place, code, *_ = failure.trace.splitlines()
    assert first == "Traceback (most recent call last):"
    assert attempt.endswith(", in _attempt")
    assert place.startswith(f'  File "{__file__}", line ')
    assert (place.endswith(", in do"), code.strip()) == (True, line)


@pytest.mark.parametrize("words", [
    f"{OTHER}\n\nCurrent thread 0x02 {SAYS}\n{OWN}\n\nThread 0x01 {SAYS}\n{FIRST}",
    f"{OTHER}\n\nThread 0x02 {SAYS}\n{OWN}\n\nThread 0x01 {SAYS}\n{FIRST}\n\nExtension modules: a (total: 1)\n",
])
def test_of_several_threads_the_one_that_crashed_is_told_and_else_the_one_with_the_exam(words: str) -> None:
    assert _crash_trace(words).rstrip() == TOLD


@pytest.mark.parametrize("words", ["Fatal Python error: Bus error\n\n", OTHER])
def test_a_crash_without_a_place_has_no_trace(words: str) -> None:
    assert _crash_trace(words) == ""


def test_memory_that_runs_out_is_named_with_its_exam_and_the_place() -> None:
    tasks = [Sum("a", "x"), Sum("b", "memory"), Sum("c", "y")]
    results = {task.name: result for task, result in run_tasks(do, tasks, jobs=2)}
    assert (results["a"], results["c"]) == ("X", "Y")
    failure = results["b"]
    assert isinstance(failure, Failure)
    assert str(failure.error).startswith("PS-A165: box/b wants more memory than there is")
    assert "bytearray(1 << 34)" in failure.trace


@pytest.mark.parametrize("jobs", [1, 2])
def test_nothing_of_what_a_library_quotes_is_told(jobs: int) -> None:
    results = {task.name: result for task, result in run_tasks(do, [Sum("a", "quote"), Sum("b", "x")], jobs=jobs)}
    assert "ValueError" in str(results["a"])
    assert "Doe" not in str(results["a"]).replace('tag = "Doe^Jane"', "")


def test_processes_compute_with_one_thread_and_the_variables_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    tasks = [Sum("a", "x"), Sum("b", "x")]
    assert {result for _, result in run_tasks(threads, tasks, jobs=2)} == {("1", "1")}
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("MKL_NUM_THREADS")) == ("7", None)


def threads(_task: Sum) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("MKL_NUM_THREADS")


@pytest.mark.parametrize(("lines", "seconds"), [(1, 0.05), (3, 0.0)])
def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path, lines: int, seconds: float) -> None:
    """They hold its output: whoever reads it would wait for ever."""
    command = sleepers(tmp_path, lines, seconds)
    try:
        command.kill()
        command.communicate(timeout=5)
    finally:
        end_group(command)
    assert command.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("lines", "seconds"), [(1, 0.0), (1, 0.02), (1, 0.1), (1, 0.3), (2, 0.0), (3, 0.0), (3, 0.5)])
def test_an_interrupted_command_ends_at_once_and_says_one_line(tmp_path: Path, lines: int, seconds: float) -> None:
    """A terminal tells all of the group, processes that still import too."""
    command = sleepers(tmp_path, lines, seconds)
    try:
        os.killpg(command.pid, signal.SIGINT)
        _, said = command.communicate(timeout=5)
    finally:
        end_group(command)
    assert said == "sleepers: interrupted\n"
    assert command.returncode in {130, -signal.SIGINT}  # the latter where Python was in an `exec`; 130 to a shell


def test_processes_end_at_once_with_a_parent_that_is_asked_to(tmp_path: Path) -> None:
    command = sleepers(tmp_path, 3)
    try:
        command.terminate()
        _, said = command.communicate(timeout=5)
    finally:
        end_group(command)
    assert (said, command.returncode) == ("", 143)


def sleepers(folder: Path, lines: int, seconds: float = 0.0) -> subprocess.Popen[str]:
    """The command in a group of its own, once it has said so many lines, and some seconds more."""
    script = folder / "sleepers.py"
    script.write_text(SLEEPERS, "utf-8")
    command = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert command.stdout
    for _ in range(lines):
        assert command.stdout.readline()
    time.sleep(seconds)
    return command


def end_group(command: subprocess.Popen[str]) -> None:
    """None is left, whatever the test has found."""
    try:
        os.killpg(command.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    command.communicate()
