"""Signals that ask a command to end, and who listens to them."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""From outside: somebody's wish, and a terminal or a connection that was closed."""
AGAIN_SECONDS = 0.02


class Interruption(KeyboardInterrupt):
    """Ctrl-C.

    One of its own: where Python's has passed through an `eval`, as MONAI's configs are run, Python ends the process by
    the signal, whatever exit code it was to have.
    """


@contextmanager
def never_lost() -> Iterator[None]:
    """What a signal raises in a destructor, where Python prints it and goes on, is raised again a moment later."""
    lost: list[BaseException] = []
    print_it = sys.unraisablehook

    def noticed(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt | SystemExit):
            print_it(unraisable)
            return
        lost.append(unraisable.exc_value)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)

    def again(number: int, frame: Any) -> None:
        if lost:
            raise lost.pop()
        if callable(former := previous[number]):  # another's alarm
            former(number, frame)

    previous = listen([signal.SIGALRM], again)
    sys.unraisablehook = noticed if previous else print_it
    try:
        yield
    finally:
        if lost:
            signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = print_it
        restore(previous)


def listen(numbers: Iterable[int], handler: Callable[[int, Any], None]) -> dict[int, Any]:
    """Listen to signals, unless they are ignored, as `nohup` and the `&` of a script have it.

    Args:
        numbers: of the signals.
        handler: takes a number and a frame.

    Returns:
        Number -> who listened before, for `restore`; empty outside the main thread, which alone may listen.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}


def restore(previous: dict[int, Any]) -> None:
    """Give signals back."""
    for number, handler in previous.items():
        signal.signal(number, handler)
