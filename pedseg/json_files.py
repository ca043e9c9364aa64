"""JSON that a person may have edited: small, plain, each key once, refused in one line with its place."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pedseg.errors import UsageError
from pedseg.schema import LineOf, Model, parse
from pedseg.text_files import quoted, read_text

MAX_BYTES = 16 << 20
MAX_DEPTH = 64
LARGEST = 1 << 63
"""Whole numbers beyond are refused: no size, count or seed is larger, and arithmetic on them may never end."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"\s]+')


def read_json(path: Path, advice: str) -> Any:
    """A JSON file's value; refuses what is missing, huge, deeply nested or not JSON.

    Args:
        path: of the file.
        advice: what to do about one that is refused.

    Raises:
        UsageError: PS-A125 no such file, PS-A96 larger than 16 MiB or not JSON.
    """
    text = read_text(path, MAX_BYTES, advice)
    try:
        value = json.loads(
            text, parse_constant=_no_constant, parse_int=_whole, parse_float=_real, object_pairs_hook=_each_once
        )
        _check_plain(value, MAX_DEPTH)
    except json.JSONDecodeError as error:
        text = f"{path.name}:{error.lineno} is not JSON ({error.msg}, column {error.colno}): {advice}"
        raise UsageError("PS-A96", text) from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UsageError("PS-A96", f"{path.name} is not JSON ({reason}): {advice}") from error
    return value


def read_json_model(model: type[Model], path: Path, *, missing: str, advice: str = "correct it or plan again") -> Model:
    """A JSON file as a model.

    Args:
        model: that checks itself at birth.
        path: of the file.
        missing: what to do where there is none, or nothing that is JSON.
        advice: what to do about one that is not such a model.

    Raises:
        UsageError: PS-A125, PS-A96 as in `read_json`; PS-A96 not such a model.
    """
    return parse(model, read_json(path, missing), path.name, advice=advice, line_of=line_in(path))


def line_in(path: Path) -> LineOf:
    """What tells the line of a place in a file, once it is asked."""
    return lambda place: json_line(read_text(path, MAX_BYTES, ""), place)


def json_line(text: str, place: Sequence[str | int]) -> int | None:
    """The line of a value, or of the innermost value around it that is there.

    Args:
        text: that is JSON.
        place: keys and indices from the outside in.

    Returns:
        From 1 on; None where not even the first key is there.
    """
    around: list[_Around] = []
    deepest, line, last = 0, None, ""
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark == ":":
            around[-1].key = json.loads(last)
            continue
        if mark == ",":
            around[-1].step()
            continue
        path = [level.key for level in around]
        if mark not in "]}" and len(path) > deepest and path == list(place[: len(path)]):
            deepest, line = len(path), text.count("\n", 0, token.start()) + 1
        if mark in "[{":
            around.append(_Around(0 if mark == "[" else None))
        elif mark in "]}":
            around.pop()
        last = mark
    return line


class _Around:
    """A list or an object that a place lies in: the index, or the key once it was read."""

    def __init__(self, key: str | int | None) -> None:
        self.key = key

    def step(self) -> None:
        """Behind a comma."""
        self.key = self.key + 1 if isinstance(self.key, int) else None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _whole(digits: str) -> int:
    if len(digits) > 20 or abs(value := int(digits)) >= LARGEST:
        raise ValueError(f"the number {quoted(digits)} is too large")
    return value


def _real(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError(f"the number {quoted(digits)} is too large")
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise ValueError(f"key {quoted(twice)!r} stands twice")
    return values


def _check_plain(value: Any, depth: int) -> None:
    """Refuse what could be read and not be written again."""
    if not depth:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_plain(key, depth)
            _check_plain(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check_plain(item, depth - 1)
    elif isinstance(value, str) and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("half of a surrogate pair")
