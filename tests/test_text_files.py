"""Text files of a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedseg.errors import UsageError
from pedseg.text_files import SHOWN, quoted, read_text


@pytest.mark.parametrize("data", ["a: é\n".encode(), "\ufeffa: é\n".encode()], ids=["plain", "mark"])
def test_utf8_is_read_with_and_without_its_mark(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    assert read_text(tmp_path / "a", 1 << 20, "") == "a: é\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("a: é\n".encode("utf-16"), r"a\.yaml:1 is not UTF-8 text \(byte 0xff\): save it as UTF-8"),
        (b"a: 1\nb: \xe9\n", r"a\.yaml:2 is not UTF-8 text \(byte 0xe9\)"),
        (bytes((1 << 20) + 1), r"a\.yaml is larger than 1 MiB: write less"),
    ],
    ids=["utf-16", "latin-1", "large"],
)
def test_other_bytes_are_refused_with_their_line(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "a.yaml").write_bytes(data)
    with pytest.raises(UsageError, match=f"PS-A96: {says}"):
        read_text(tmp_path / "a.yaml", 1 << 20, "write less")


def test_nothing_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"PS-A125: .*none is missing: write it"):
        read_text(tmp_path / "none", 1 << 20, "write it")
    with pytest.raises(UsageError, match=r"PS-A125: .* is a folder, a file was wanted: write it"):
        read_text(tmp_path, 1 << 20, "write it")


def test_a_name_is_quoted_short_and_without_commands_to_a_terminal() -> None:
    assert quoted("a\x1b[31m\n") == "a?[31m?"
    assert quoted("x" * (SHOWN + 1)) == "x" * SHOWN + "..."
