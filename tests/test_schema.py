"""Values against a model."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field

from pedseg.errors import UsageError
from pedseg.schema import known_keys, parse


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    depth_mm: float = 0


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_: Annotated[int, Field(alias="schema")] = 1
    one: Inner = Inner()
    maybe: Inner | None = None
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}


@pytest.mark.parametrize(
    "values",
    [{"one": {"depth": 1}}, {"maybe": {"depth": 1}}, {"many": [{}, {"depth": 1}]}, {"named": {"x": {"depth": 1}}}],
)
def test_an_unknown_key_is_answered_with_the_nearest_at_its_place(values: object) -> None:
    with pytest.raises(UsageError, match=r"PS-A96: a\.json: .*depth: no such key; did you mean 'depth_mm'\? known: "):
        parse(Outer, values, "a.json")


def test_keys_are_those_of_the_file() -> None:
    assert known_keys(Outer, ()) == ["many", "maybe", "named", "one", "schema"]
    assert known_keys(Outer, ("many", 3)) == ["depth_mm"]


def test_the_line_is_asked_for_the_place_of_the_fault() -> None:
    with pytest.raises(UsageError, match=r"PS-A96: a\.json:7: one\.depth_mm: Input should be .*: do this"):
        parse(Outer, {"one": {"depth_mm": "x"}}, "a.json", advice="do this", line_of=lambda place: 5 + len(place))
    with pytest.raises(UsageError, match=r"PS-A96: a\.json: file: Input should be a valid dictionary"):
        parse(Outer, [], "a.json", line_of=lambda _: 1)


def test_a_key_of_a_file_is_never_shown_as_it_is() -> None:
    with pytest.raises(UsageError, match=r"^PS-A96: a: x\?\[2J: no such key"):
        parse(Outer, {"x\x1b[2J": 1}, "a")
