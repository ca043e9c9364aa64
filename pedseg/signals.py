"""Signals that ask a command to end, and who listens to them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""From outside: somebody's wish, and a terminal or a connection that was closed."""


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
