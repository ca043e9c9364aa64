"""Exams over processes; a process that dies takes only its own exam with it, and that one is named."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pedseg.errors import InputError, OutputError, PedsegError
from pedseg.privacy import trace

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Task(Protocol):
    """One exam's work, as plain values that travel to a process."""

    @property
    def key(self) -> tuple[str, ...]:
        """Names that tell the exam from others, such as those of domain and case."""


T = TypeVar("T", bound=Task)
R = TypeVar("R")


@dataclass(frozen=True)
class Failure:
    """An exam whose work came to nothing.

    Args:
        key: of the task.
        error: why.
        trace: where it happened, where the cause is not one that pedseg knows. Neither holds the cause's own words:
            a library may quote what it read.
    """

    key: tuple[str, ...]
    error: Exception
    trace: str = ""

    def __str__(self) -> str:
        return f"{'/'.join(self.key)}: {self.error}" + (f"\n{self.trace}" if self.trace else "")


def run_tasks(work: Callable[[T], R], tasks: Sequence[T], *, jobs: int) -> Iterator[tuple[T, R | Failure]]:
    """Each exam with its result or its failure, as they come.

    Args:
        work: a function of a module, so that processes find it; what it gives is not None.
        tasks: one an exam.
        jobs: processes; with one, or one exam, the work is done here.

    Raises:
        OutputError: PS-A105, PS-A106: the next exam would meet the same.
    """
    if min(jobs, len(tasks)) <= 1:
        for task in tasks:
            yield task, _attempt(work, task)
        return
    left = {task.key: task for task in tasks}
    for task, result in _pooled(work, tasks, jobs):
        if result is not None:
            del left[task.key]
            yield task, result
    # A dead process breaks its whole pool: what it left goes one by one, so that the culprit is known.
    for task in left.values():
        for _, result in _pooled(work, [task], 1):
            yield task, result or Failure(task.key, _killed(task))


def _pooled(work: Callable[[T], R], tasks: Sequence[T], jobs: int) -> Iterator[tuple[T, R | Failure | None]]:
    """Results as they come; None for exams that were under way or waiting when a process died."""
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=context) as pool:
        futures = {pool.submit(_attempt, work, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures[future], _outcome(future)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[R | Failure]) -> R | Failure | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _attempt(work: Callable[[T], R], task: T) -> R | Failure:
    try:
        return work(task)
    except OutputError:
        raise
    except PedsegError as error:
        return Failure(task.key, error)
    except MemoryError as error:
        return Failure(task.key, _too_large(task), trace(error))
    except Exception as error:  # noqa: BLE001 - a fault in one exam must not stop the others
        return Failure(task.key, RuntimeError(f"{type(error).__name__}, a fault of pedseg itself"), trace(error))


def _too_large(task: Task) -> InputError:
    name = "/".join(task.key)
    return InputError("PS-A165", f"{name} wants more memory than there is: free memory, or run again with -j 1")


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
