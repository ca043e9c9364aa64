"""Exams over processes: results, failures with their cause, and processes that die."""

from __future__ import annotations

import os
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
    return task.what.upper()


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_exam_has_its_result_or_its_failure(jobs: int) -> None:
    tasks = [Sum("a", "x"), Sum("b", "refuse"), Sum("c", "bug"), Sum("d", "y")]
    results = {task.name: result for task, result in run_tasks(do, tasks, jobs=jobs)}
    assert (results["a"], results["d"]) == ("X", "Y")
    assert str(results["b"]) == "box/b: PS-A65: constant"
    assert isinstance(results["c"], Failure)
    assert "ZeroDivisionError" in str(results["c"])
    assert "ZeroDivisionError: by zero" not in str(results["c"])  # a library may quote a header
    assert "Traceback" in results["c"].trace


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_stops_everything(jobs: int) -> None:
    with pytest.raises(OutputError, match="PS-A106"):
        list(run_tasks(do, [Sum("a", "disk"), Sum("b", "x")], jobs=jobs))


def test_a_process_that_dies_is_named_and_costs_no_other_exam() -> None:
    tasks = [Sum("a", "x"), Sum("b", "die"), Sum("c", "y")]
    results = {task.name: result for task, result in run_tasks(do, tasks, jobs=2)}
    assert (results["a"], results["c"]) == ("X", "Y")
    assert str(results["b"]).startswith("box/b: PS-A128: ")


def test_processes_compute_with_one_thread_and_the_variables_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    tasks = [Sum("a", "x"), Sum("b", "x")]
    assert {result for _, result in run_tasks(threads, tasks, jobs=2)} == {("1", "1")}
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("MKL_NUM_THREADS")) == ("7", None)


def threads(_task: Sum) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("MKL_NUM_THREADS")
