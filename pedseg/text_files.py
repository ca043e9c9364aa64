"""Text files that a person may have written: small, UTF-8, refused in one line."""

from __future__ import annotations

from pathlib import Path

from pedseg.errors import UsageError, one_line

BOM = "\ufeff"
SHOWN = 100
"""Characters of a name out of a file that a message repeats."""


def read_text(path: Path, max_bytes: int, advice: str) -> str:
    """The text of a file; a byte order mark of UTF-8 is not part of it.

    Args:
        path: of the file.
        max_bytes: a larger file is not read; a power of two of at least 1 MiB.
        advice: what to do about a file that cannot be meant.

    Raises:
        UsageError: PS-A125 no such file, PS-A96 too large, not readable or not UTF-8.
    """
    if not path.is_file():
        what = "is a folder, a file was wanted" if path.is_dir() else "is missing"
        raise UsageError("PS-A125", f"{path} {what}: {advice}")
    try:
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)
    except OSError as error:
        raise UsageError("PS-A96", f"{path.name} cannot be read ({error.strerror}): {advice}") from error
    if len(data) > max_bytes:
        raise UsageError("PS-A96", f"{path.name} is larger than {max_bytes >> 20} MiB: {advice}")
    try:
        return data.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text = f"{path.name}:{line} is not UTF-8 text (byte {data[error.start]:#04x}): save it as UTF-8"
        raise UsageError("PS-A96", text) from error


def quoted(name: object) -> str:
    """A name out of a file as a message may repeat it: one short line, nothing that a terminal obeys."""
    return one_line(str(name), SHOWN)
