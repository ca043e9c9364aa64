"""JSON that a person may have edited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pedseg.errors import UsageError
from pedseg.json_files import LARGEST, MAX_DEPTH, json_line, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r":1 is not JSON \(Expecting value, column 1\): write it"),
        ('{\n"a": 1,\n}', r":\d is not JSON"),
        ('{"a": NaN}', r" is not JSON \(NaN is not a JSON number\)"),
        ('{"a": -Infinity}', r" is not JSON \(-Infinity is not a JSON number\)"),
        ('{"a": 1e999}', r" is not JSON \(the number 1e999 is too large\)"),
        ('{"a": ' + "9" * 9999 + "}", r" is not JSON \(the number 9{100}\.\.\. is too large\)"),
        (f'{{"a": {LARGEST}}}', r" is not JSON \(the number 9223372036854775808 is too large\)"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', r" is not JSON \(key 'c' stands twice\)"),
        ('{"a": "\\ud800"}', r" is not JSON \(half of a surrogate pair\)"),
        ("[" * 100_000, r" is not JSON \(nested too deeply\)"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), rf" is not JSON \(nested more than {MAX_DEPTH} deep\)"),
    ],
)
def test_what_is_no_plain_json_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.json").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=f"PS-A96: a\\.json{says}"):
        read_json(tmp_path / "a.json", "write it")


def test_what_is_allowed_at_the_limits(tmp_path: Path) -> None:
    deep = "[" * (MAX_DEPTH - 1) + f'{LARGEST - 1}, "\\ud83d\\ude00"' + "]" * (MAX_DEPTH - 1)
    (tmp_path / "a.json").write_text(deep, "utf-8")
    assert str(LARGEST - 1) in json.dumps(read_json(tmp_path / "a.json", ""))


def places(value: object, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, item in inside for found in places(item, (*place, key)))]


@given(VALUES)
def test_the_line_of_every_place_is_that_of_its_value(value: object) -> None:
    """Each value on a line of its own: the line tells the place again."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    lines = [json_line(text, place) for place in places(value)[1:]]
    assert lines == sorted(lines)
    assert len(set(lines)) == len(lines)
    for place, line in zip(places(value)[1:], lines, strict=True):
        assert line is not None
        if isinstance(place[-1], str):
            shown = text.split("\n")[line - 1].strip()
            assert shown.startswith(json.dumps(place[-1], ensure_ascii=False) + ": ")


def test_the_line_of_what_is_around_a_missing_place() -> None:
    text = '{"a": [\n 1,\n {"b": "}],:{["}\n]}'
    assert [json_line(text, p) for p in [("a",), ("a", 1), ("a", 1, "b"), ("a", 1, "c"), ("x",)]] == [1, 3, 3, 3, None]
