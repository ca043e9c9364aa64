"""What a command speaks into: two streams that are there, take any text, and cost nothing once nobody listens."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TextIO


class UnheardError(Exception):
    """Who read what the command says has gone."""


def ready_streams() -> None:
    """A stream that was closed before the start leads nowhere; letters that it does not know are spelt out."""
    sys.stdout, sys.stderr = _ready(sys.stdout), _ready(sys.stderr)


def say(text: str) -> None:
    """Write to stderr, if anybody can take it: an exit code says the same.

    Args:
        text: with its line break.
    """
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.stderr = _nowhere()


def mute(*, wholly: bool = False) -> None:
    """Say no more, or nothing but errors: what could not be written would fail again at Python's end."""
    sys.stdout = _nowhere()
    if wholly:
        sys.stderr = _nowhere()


def _ready(stream: TextIO | None) -> TextIO:
    if stream is None:
        return _nowhere()
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
