"""YAML that a user writes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import BaseModel

from pedseg.errors import UsageError
from pedseg.yaml_files import MAX_BYTES, MAX_DEPTH, read_yaml_model, yaml_line, yaml_value


class Pair(BaseModel):
    model_config = {"extra": "forbid"}

    first: list[float]
    second: int = 0


def test_a_file_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("first: [1, 2.5]\n", "utf-8")
    assert read_yaml_model(Pair, tmp_path / "a.yaml", advice="write less").first == [1, 2.5]


def test_a_fault_is_named_with_line_and_the_key_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("first:\n  - 1\n  - x\n", "utf-8")
    with pytest.raises(UsageError, match=r"PS-A96: a\.yaml:3: first\.1: Input should be a valid number.*: look again"):
        read_yaml_model(Pair, tmp_path / "a.yaml", advice="look again")
    (tmp_path / "a.yaml").write_text("first: [1]\nsecnd: 2\n", "utf-8")
    with pytest.raises(UsageError, match=r"a\.yaml:2: secnd: no such key; did you mean 'second'\? known: "):
        read_yaml_model(Pair, tmp_path / "a.yaml", advice="look again")


def test_a_file_too_large_to_be_meant_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(" " * (MAX_BYTES + 1), "utf-8")
    with pytest.raises(UsageError, match=r"PS-A96: a\.yaml is larger than 1 MiB: write less"):
        read_yaml_model(Pair, tmp_path / "a.yaml", advice="write less")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a:\n  - [1", r":2 is not YAML: "),
        ("a:\n b: c\n  d: ]", r":3 is not YAML: "),
        ("a: &x 1\nb: *x", r":2 is not YAML: aliases are not read, write the value again"),
        ("a: 1\nb: 2\na: 3", r":3 is not YAML: key 'a' stands twice"),
        ("1: a\n0x1: b", r":2 is not YAML: key '0x1' stands twice"),
        ("a: \x07", r" is not YAML: special characters are not allowed"),
        ("!!python/object/apply:os.system [echo]", r":1 is not YAML: could not determine a constructor"),
        ("a: 2001-99-99", r" is not YAML: a value is not of its type"),
        ("a: " + "9" * 5000, r" is not YAML: a value is not of its type"),
        ("a: !!int ''", r" is not YAML: a value is not of its type"),
        ("a: !!timestamp x", r" is not YAML: a value is not of its type"),
        ("{[1]: 2}", r":1 is not YAML: found unhashable key"),
        ("a\n---\nb", r":2 is not YAML: but found another document"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=f"PS-A96: rules\\.yaml{says}"):
        yaml_value(text, "rules.yaml")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_ends_at_once(opening: str) -> None:
    assert yaml_value("[" * MAX_DEPTH + "]" * MAX_DEPTH, "a")
    start = time.process_time()
    with pytest.raises(UsageError, match=rf"PS-A96: a:1 is not YAML: nested more than {MAX_DEPTH} deep"):
        yaml_value(opening * 50_000, "a")
    assert time.process_time() - start < 5


def test_the_line_of_a_place() -> None:
    text = "a:\n  b:\n    - 1\n    - c: 2\n"
    places = [("a",), ("a", "b", 1), ("a", "b", 1, "c"), ("a", "b", 7), ("a", "x"), ("x",)]
    assert [yaml_line(text, place) for place in places] == [2, 4, 4, 3, 2, None]
