"""Exams over processes: results, failures with their cause, and processes that die."""

from __future__ import annotations

import os
import resource
import signal
from dataclasses import dataclass

import pytest

from pedseg.errors import InputError, OutputError
from pedseg.workers import Failure, run_tasks


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
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    if task.what == "memory":
        resource.setrlimit(resource.RLIMIT_AS, (1 << 32, resource.getrlimit(resource.RLIMIT_AS)[1]))
        bytearray(1 << 34)
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
def test_a_full_disk_stops_everything(jobs: int) -> None:
    with pytest.raises(OutputError, match="PS-A106"):
        list(run_tasks(do, [Sum("a", "disk"), Sum("b", "x")], jobs=jobs))


@pytest.mark.parametrize("end", ["die", "exit", "crash"])
def test_a_process_that_dies_is_named_and_costs_no_other_exam(end: str) -> None:
    tasks = [Sum("a", "x"), Sum("b", end), Sum("c", "y")]
    results = {task.name: result for task, result in run_tasks(do, tasks, jobs=2)}
    assert (results["a"], results["c"]) == ("X", "Y")
    assert str(results["b"]).startswith("box/b: PS-A128: ")


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
