"""What a checkpoint says it will make, read before torch makes it.

torch's own guard (`weights_only`) runs no code, but it still calls `bytearray` and inflates compressed members: 1.2 kB
can ask for 8 GiB.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from pickletools import genops
from typing import BinaryIO

from pedseg.errors import ModelError, one_line

MAX_PROGRAM = 64 << 20
"""Bytes of the pickle beside the tensors: a checkpoint of the largest network here has 0.3 MB."""
ZIP = b"PK\x03\x04"
"""How a file begins that torch reads as a zip, whatever its end may say (`torch.serialization._is_zipfile`)."""
END = 98
"""Bytes of the last records of a zip, those for 64-bit sizes among them."""
LEGACY_PROGRAMS = 5
"""Pickles of a file from before torch wrote zips: number, version, system, contents, keys of the tensors behind."""
PLAIN = re.compile(
    r"collections OrderedDict|torch (\w+Storage|Size)|torch\._utils _rebuild_(tensor|tensor_v2|parameter)"
)


def check_container(path: Path, *, remedy: str) -> None:
    """Refuse a file that is more than tensors and plain values, by what its pickle names and its members' sizes.

    Args:
        path: of the file.
        remedy: what to do about a damaged one.

    Raises:
        ModelError: PS-A98 more than tensors and plain values, PS-A86 nothing of the kind.
    """
    try:
        with path.open("rb") as stream:
            is_zip = stream.read(len(ZIP)) == ZIP
            stream.seek(0)
            if is_zip:
                _check_zip(stream, path)
            else:
                for number in range(LEGACY_PROGRAMS):
                    _check_program(stream, path, first=number == 0)
    except (OSError, ValueError, LookupError, NotImplementedError, struct.error, zipfile.BadZipFile) as error:
        raise ModelError("PS-A86", f"{path.name} cannot be read: {remedy}") from error


def _check_zip(stream: BinaryIO, path: Path) -> None:
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if _listed_at(stream, path.stat().st_size) != archive.start_dir:
            raise zipfile.BadZipFile("something stands before or behind it: torch would read other members")
        if any(m.compress_type != zipfile.ZIP_STORED for m in members):
            raise _more(path, "compressed members")
        if sum(m.file_size for m in members) > path.stat().st_size:
            raise _more(path, "members that overlap")
        for member in (m for m in members if m.filename.endswith(".pkl")):
            if member.file_size > MAX_PROGRAM:
                raise _more(path, f"{member.file_size} bytes beside its tensors")
            with archive.open(member) as program:
                _check_program(program, path, first=True)


def _listed_at(stream: BinaryIO, size: int) -> int:
    """Where the list of members stands by the file's last record; zipfile may find it elsewhere, torch does not."""
    stream.seek(max(0, size - END))
    tail = stream.read(END)
    record, locator, end = tail[-98:-42], tail[-42:-22], tail[-22:]
    if locator.startswith(b"PK\x06\x07"):  # 64-bit sizes: a record of its own, right before the locator
        length, start, gap = *struct.unpack("<40x2Q", record), 98
        if struct.unpack("<8xQ4x", locator)[0] != size - 98 or not record.startswith(b"PK\x06\x06"):
            return -1
    else:
        length, start, gap = *struct.unpack("<12x2L2x", end), 22
    return int(start) if end.startswith(b"PK\x05\x06") and start + length + gap == size else -1


def _check_program(stream: object, path: Path, *, first: bool) -> None:
    """One pickle, never run; the tensors of a legacy file follow the last."""
    try:
        for name in _names(stream):
            if not PLAIN.fullmatch(name):
                raise _more(path, name)
    except ValueError:
        if first:
            raise


def _names(stream: object) -> Iterator[str]:
    """What a pickle imports; a name that it puts together itself is `?`."""
    for code, argument, _ in genops(stream):  # type: ignore[arg-type]
        if code.name in {"GLOBAL", "INST"}:
            yield str(argument)
        elif code.name in {"STACK_GLOBAL", "EXT1", "EXT2", "EXT4"}:
            yield "?"


def _more(path: Path, what: str) -> ModelError:
    text = f"{path.name} holds more than tensors and plain values ({one_line(what, 80)})"
    return ModelError("PS-A98", f"{text}: it is refused")
