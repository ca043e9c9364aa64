"""Exams over processes; a process that dies takes only its own exam with it, and that one is named."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import re
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Protocol, TypeVar

from pedseg.errors import ExitCode, InputError, OutputError, PedsegError
from pedseg.exhaustion import out_of_memory, refused_by_system, too_large
from pedseg.partials import discard_begun
from pedseg.privacy import scrub, trace
from pedseg.signals import ENDING, listen

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
MOST_WORDS = 1 << 16
"""Bytes that a pipe holds."""
_PLACE = re.compile(r'^  File "(.+)", line ([0-9]+) in (.+)$', re.MULTILINE)
_CRASH = "Fatal Python error: "


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
        trace: where it happened, where the cause is not one that pedseg knows, or where a process crashed. Neither
            holds the cause's own words: a library may quote what it read.
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
        with _pipe() as (heard, said):
            for _, result in _pooled(work, [task], 1, said):
                yield task, result or _dead(task, _last_words(heard))


def _pooled(
    work: Callable[[T], R], tasks: Sequence[T], jobs: int, said: Connection | None = None
) -> Iterator[tuple[T, R | Failure | None]]:
    """Results as they come; None for exams that were under way or waiting when a process died."""
    others = multiprocessing.active_children()
    with _one_thread_each(), _new_pool(min(jobs, len(tasks)), said) as pool:
        try:
            with _held(signal.SIGINT):
                futures = _submitted(pool, work, tasks)
            for future in as_completed(futures):
                yield futures[future], _outcome(future)
        except (KeyboardInterrupt, SystemExit, GeneratorExit, InputError) as error:
            _end([child for child in multiprocessing.active_children() if child not in others])
            pool.shutdown(wait=not isinstance(error, InputError), cancel_futures=True)
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _new_pool(n: int, said: Connection | None) -> ProcessPoolExecutor:
    try:
        with _held(*ENDING):  # by Python's own process beside it too, which knows Ctrl-C only
            return ProcessPoolExecutor(n, multiprocessing.get_context("spawn"), _begin, (said,))
    except OSError as error:
        raise _not_started(error) from error


def _submitted(
    pool: ProcessPoolExecutor, work: Callable[[T], R], tasks: Sequence[T]
) -> dict[Future[R | Failure], T]:
    """Tasks under way; those behind one whose process died so early are not among them.

    Raises:
        InputError: PS-A128 processes, or the thread that watches them, cannot be started.
    """
    futures: dict[Future[R | Failure], T] = {}
    try:
        for task in tasks:
            futures[pool.submit(_attempt, work, task)] = task
    except BrokenProcessPool:
        return futures
    except (OSError, RuntimeError) as error:
        raise _not_started(error) from error
    return futures


def _not_started(error: Exception) -> InputError:
    why = getattr(error, "strerror", None) or "no thread is left"
    return InputError("PS-A128", f"processes cannot be started ({why}): run again with -j 1")


@contextmanager
def _pipe() -> Iterator[tuple[Connection, Connection]]:
    """For the last words of a process: no file that could be left, and a writer who never waits for a reader."""
    try:
        heard, said = multiprocessing.Pipe(duplex=False)
    except OSError as error:
        raise _not_started(error) from error
    with heard, said:
        os.set_blocking(said.fileno(), False)
        yield heard, said


def _begin(said: Connection | None) -> None:
    """In a process of the pool, before its first exam: where it is when it crashes goes to the parent."""
    if said is not None:
        faulthandler.enable(said)
    _follow_parent()


def _follow_parent() -> None:
    """In a process of the pool: it ends with its parent, however that ends, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listen(ENDING, _leave)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_behind, args=(parent.sentinel,), daemon=True).start()


def _end_behind(sentinel: int) -> None:
    wait([sentinel])
    _leave()


def _leave(*_: object) -> None:
    """End at once, with what is half written."""
    discard_begun()
    os._exit(ExitCode.TERMINATED)


def _end(processes: Sequence[multiprocessing.process.BaseProcess]) -> None:
    """Who ends the whole waits for no exam at hand."""
    for process in processes:
        process.terminate()


@contextmanager
def _held(*numbers: int) -> Iterator[None]:
    """Signals reach processes that still import too: those started inside hear none of these, this one does behind."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
    except Exception as error:  # noqa: BLE001 - a fault in one exam must not stop the others
        if out_of_memory(error):
            return Failure(task.key, too_large("/".join(task.key)), trace(error))
        if refusal := refused_by_system(error):
            return Failure(task.key, refusal)
        return Failure(task.key, RuntimeError(f"{type(error).__name__}, a fault of pedseg itself"), trace(error))


def _dead(task: Task, words: str) -> Failure:
    name = "/".join(task.key)
    if not words.startswith(_CRASH):
        text = f"the process that read {name} was killed, such as for want of memory, and left no traceback"
        return Failure(task.key, InputError("PS-A128", f"{text}: free memory, or run again with -j 1"))
    why = words.partition("\n")[0].removeprefix(_CRASH)
    text = f"the process that read {name} crashed ({why}), a fault of pedseg or of a library: please report it"
    return Failure(task.key, InputError("PS-A128", text), _crash_trace(words))


def _last_words(heard: Connection) -> str:
    """What `faulthandler` wrote in a process that has ended; empty where it was killed from outside."""
    return os.read(heard.fileno(), MOST_WORDS).decode(errors="replace") if heard.poll() else ""


def _crash_trace(words: str) -> str:
    """Where it crashed, in Python's usual form; where the exam was, if a thread crashed that is none of Python's.

    Args:
        words: of `faulthandler`: the cause, and a part for each thread.
    """
    threads = [part for part in words.split("\n\n") if _PLACE.search(part)]
    crashed = [part for part in threads if part.startswith("Current thread 0x")]
    told = crashed or [part for part in threads if f" in {_attempt.__name__}" in part]
    if not told:
        return ""
    frames = [traceback.FrameSummary(file, int(line), name) for file, line, name in _PLACE.findall(told[0])]
    ours = next((n for n, frame in enumerate(frames, 1) if frame.name == _attempt.__name__), len(frames))
    return scrub("".join(["Traceback (most recent call last):\n", *traceback.format_list(frames[:ours][::-1])]))


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
