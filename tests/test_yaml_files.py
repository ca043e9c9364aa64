"""YAML that a user writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedseg.errors import UsageError
from pedseg.yaml_files import MAX_BYTES, read_yaml, yaml_value


def test_a_file_is_its_value(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [1, 2.5]\n", "utf-8")
    assert read_yaml(tmp_path / "a.yaml", "write less") == {"a": [1, 2.5]}


def test_a_file_too_large_to_be_meant_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(" " * (MAX_BYTES + 1), "utf-8")
    with pytest.raises(UsageError, match=r"PS-A96: a\.yaml is larger than 1 MiB: write less"):
        read_yaml(tmp_path / "a.yaml", "write less")


@pytest.mark.parametrize("text", ["a:\n  - [1", "a:\n b: c\n  d: ]"])
def test_what_is_not_yaml_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"PS-A96: rules\.yaml:\d+ is not YAML: "):
        yaml_value(text, "rules.yaml")


def test_no_object_is_made() -> None:
    with pytest.raises(UsageError, match=r"PS-A96: rules\.yaml:1 is not YAML: "):
        yaml_value("!!python/object/apply:os.system [echo]", "rules.yaml")
