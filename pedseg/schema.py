"""Plain values of a user's file against a model: the first fault is named with its line and the key that was meant."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pedseg.errors import UsageError, did_you_mean
from pedseg.text_files import quoted

Model = TypeVar("Model", bound=BaseModel)
Place = Sequence[str | int]
LineOf = Callable[[Place], int | None]


def parse(
    model: type[Model],
    values: Any,
    where: str,
    *,
    advice: str = "correct it or plan again",
    line_of: LineOf | None = None,
) -> Model:
    """Check plain values against a model.

    Args:
        model: that checks itself at birth.
        values: as a file gave them.
        where: name of the file.
        advice: what to do.
        line_of: finds the line of a place in the file.

    Raises:
        UsageError: PS-A96.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        # A key that is misspelt is also missing: the first is what to tell.
        first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
        place, text = first["loc"], " ".join(str(first["msg"]).removeprefix("Value error, ").split())
        if first["type"] == "extra_forbidden":
            text = f"no such key; {did_you_mean(quoted(place[-1]), known_keys(model, place[:-1]))}"
        line = line_of(place) if line_of and place else None
        at = f"{where}:{line}" if line else where
        named = ".".join(quoted(part) for part in place) or "file"
        raise UsageError("PS-A96", f"{at}: {named}: {text}: {advice}") from error


def known_keys(model: type[BaseModel], place: Place) -> list[str]:
    """Keys that a file may have at a place inside a model."""
    found: list[type[BaseModel]] = [model]
    for part in place:
        fields = [m.model_fields[name] for m in found for name in m.model_fields if _key(m, name) == part]
        found = [inner for f in fields for inner in _models(f.annotation)] or found
    return sorted({_key(m, name) for m in found for name in m.model_fields})


def _key(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside `tuple[Model, ...]`, `Model | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {tuple, list, dict, Union, types.UnionType, Annotated}:
        for part in get_args(annotation):
            yield from _models(part)
