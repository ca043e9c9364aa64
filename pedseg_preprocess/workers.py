"""Exams over processes; a process that dies takes only its own exam with it, and that one is named."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

from pedseg.errors import InputError, OutputError, PedsegError
from pedseg.storage.cache import Manifest
from pedseg_preprocess.exam import Task, preprocess_exam

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """An exam that has no entry.

    Args:
        key: names of the domain and the case.
        error: why.
        trace: the traceback, where the cause is not one that pedseg knows.
    """

    key: tuple[str, str]
    error: Exception
    trace: str = ""

    def __str__(self) -> str:
        return f"{'/'.join(self.key)}: {self.error}" + (f"\n{self.trace}" if self.trace else "")


Result = Manifest | Failure


def run_tasks(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, Result]]:
    """Each exam with its manifest or its failure, as they come.

    Raises:
        OutputError: PS-A105, PS-A106: the next exam would meet the same.
    """
    if min(jobs, len(tasks)) <= 1:
        for task in tasks:
            yield task, _attempt(task)
        return
    left = {task.key: task for task in tasks}
    for task, result in _pooled(tasks, jobs):
        if result is not None:
            del left[task.key]
            yield task, result
    # A dead process breaks its whole pool: what it left goes one by one, so that the culprit is known.
    for task in left.values():
        for _, result in _pooled([task], 1):
            yield task, result or Failure(task.key, _killed(task))


def _pooled(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, Result | None]]:
    """Results as they come; None for exams that were under way or waiting when a process died."""
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=context) as pool:
        futures = {pool.submit(_attempt, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures[future], _outcome(future)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[Result]) -> Result | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _attempt(task: Task) -> Result:
    try:
        return preprocess_exam(task)
    except OutputError:
        raise
    except PedsegError as error:
        return Failure(task.key, error)
    except Exception as error:  # noqa: BLE001 - a fault in one exam must not stop the others
        return Failure(task.key, RuntimeError(f"{type(error).__name__}: {error}"), traceback.format_exc())


def _killed(task: Task) -> InputError:
    name = "/".join(task.key)
    return InputError("PS-A128", f"the process that read {name} was killed: free memory, or run again with -j 1")


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside compute with one thread; with more they would fight for the cores."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
