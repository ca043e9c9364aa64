"""The one way of unpacking a zip: streamed into a fresh private folder, nothing in it believed.

What a zip says of its members is checked first, and what it does not say (their true sizes) while they are inflated.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from tempfile import gettempdir
from typing import IO, Literal

from pedseg.errors import InputError, ModelError
from pedseg.partials import clear_partials, discard, partial_of
from pedseg.privacy import shown
from pedseg.workspace import output_error

Kind = Literal["exam", "model"]
MAX_FILES: dict[Kind, int] = {"exam": 20_000, "model": 200}
MAX_BYTES = 4 << 30
MAX_RATIO = 200
"""Deflate reaches 1,030:1; MR images reach 3:1, empty slices and masks far more, but not by the MiB."""
FREE_BYTES = 1 << 20
"""A member, or all together, may be this large at any ratio."""
_CHUNK = 1 << 20
_MAX_DIRECTORY = 8 << 20
_MAX_DEPTH = 32
_MAX_PART = 255
_DRIVE = re.compile(r"^[A-Za-z]:")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_LINK_FIELD, _LINK_FIELD_BARE = 0x000D, 12
"""PKWARE's extra field for UNIX: what goes beyond its dates and owner is the target of a link."""


class _RefusedError(Exception):
    """The zip is refused; the text says why."""


def is_zip(path: Path | None) -> bool:
    """Whether a path names a zip, by its ending."""
    return path is not None and path.suffix.lower() == ".zip" and path.is_file()


@contextmanager
def unpacked(path: Path, kind: Kind) -> Iterator[Path]:
    """Unpack a zip into a folder of its own (mode 0700), called as the zip, that goes away at the end.

    What processes that were killed had unpacked goes away too.

    Where all lies in one folder inside the zip, that folder is given.

    Args:
        path: of the zip.
        kind: what it must hold; a model has fewer files, and a refusal of it another exit code.

    Raises:
        InputError: PS-A153 an exam is refused.
        ModelError: PS-A154 a model is refused.
        OutputError: PS-A105, PS-A106 no place for the files.
    """
    with _private_folder(path) as temporary:
        folder = temporary / (re.sub(r"[^A-Za-z0-9._-]+", "_", path.stem).strip("._-")[:64] or kind)
        try:
            _unpack(path, folder, MAX_FILES[kind])
        except (_RefusedError, zipfile.BadZipFile, EOFError, zlib.error, ValueError, NotImplementedError) as error:
            why = error if isinstance(error, _RefusedError) else "it is damaged or no zip"
            text = f"{shown(path.name, 'the zip')} is not unpacked: {why}"
            if kind == "model":
                raise ModelError("PS-A154", f"{text}; give the folder of the run, or zip it again") from error
            raise InputError("PS-A153", f"{text}; give the folder of the series, or zip it again") from error
        except OSError as error:
            raise output_error(error, path) from error
        yield _only_folder(folder)


@contextmanager
def _private_folder(path: Path) -> Iterator[Path]:
    """A new folder in the system's place for temporary files, whose name tells the process it belongs to."""
    place = Path(gettempdir()) / f"pedseg-{getattr(os, 'getuid', int)()}"
    clear_partials(place)
    folder = partial_of(place)
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise output_error(error, path) from error
    try:
        yield folder
    finally:
        discard(folder)


def _unpack(path: Path, folder: Path, max_files: int) -> None:
    with _opened(path) as file, zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            _check(member)
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > max_files:
            raise _RefusedError(f"it holds {len(members)} files, at most {max_files} are unpacked")
        _check_distinct(members)
        folder.mkdir(mode=0o700)
        room = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * path.stat().st_size))
        for member in members:
            target = folder.joinpath(*_parts(member))
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with archive.open(member) as stream, _created(target) as written:
                room -= _inflate(stream, written, member, room)


class _ShortReads(FileIO):
    """A file that refuses to be read in one large piece, as the zip's own directory is, or outside itself."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        try:
            return super().seek(offset, whence)
        except (OSError, OverflowError) as error:
            raise zipfile.BadZipFile("an offset that leads out of the file") from error

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes."""
        if size is not None and size > _MAX_DIRECTORY:
            raise _RefusedError(f"its directory is longer than {_MAX_DIRECTORY >> 20} MiB")
        return super().read(-1 if size is None else size) or b""


def _opened(path: Path) -> _ShortReads:
    try:
        return _ShortReads(path)
    except OSError as error:
        raise _RefusedError(f"it cannot be read ({error.strerror})") from error


def _inflate(stream: IO[bytes], written: IO[bytes], member: zipfile.ZipInfo, room: int) -> int:
    """Bytes of a member, counted as they come: its header may say anything."""
    limit = max(FREE_BYTES, MAX_RATIO * member.compress_size)
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise _RefusedError(f"{_a_file(member.filename)} grows to more than {MAX_RATIO} times its packed size")
        if size > room:
            raise _RefusedError(f"its files grow beyond {MAX_BYTES >> 30} GiB or {MAX_RATIO} times its own size")
        written.write(chunk)
    return size


def _check(member: zipfile.ZipInfo) -> None:
    """Refuse a member that is no plain file or folder below the zip's root."""
    name = member.orig_filename
    told = _a_file(name)
    if name.startswith("/") or _DRIVE.match(name) or "\\" in name or "\0" in name:
        raise _RefusedError(f"{told} has a name that is not relative, or not plain")
    parts = _parts(member)
    if ".." in name.split("/") or not parts:
        raise _RefusedError(f"{told} has a name that leads out of it")
    if len(parts) > _MAX_DEPTH or max(len(os.fsencode(part)) for part in parts) > _MAX_PART:
        raise _RefusedError(f"{told} has a name that is too long or too deep")
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR) or _has_link(member.extra):
        raise _RefusedError(f"{told} is a link or a device")
    if member.flag_bits & _ENCRYPTED:
        raise _RefusedError(f"{told} is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _RefusedError(f"{told} is packed otherwise than by deflate")


def _check_distinct(members: Sequence[zipfile.ZipInfo]) -> None:
    """No two files, and no file and folder, may fall together on a file system that folds case."""
    files: set[tuple[str, ...]] = set()
    folders: set[tuple[str, ...]] = set()
    for member in members:
        key = tuple(unicodedata.normalize("NFC", part.casefold()) for part in _parts(member))
        if key in files:
            raise _RefusedError(f"two files in it have one name{_bracketed(member.filename)}")
        files.add(key)
        folders.update(key[:n] for n in range(1, len(key)))
    if both := files & folders:
        raise _RefusedError(f"{_a_file('/'.join(min(both)))} is a folder too")


def _a_file(name: str) -> str:
    return f"a file in it{_bracketed(name)}"


def _bracketed(name: str) -> str:
    told = shown(name, "")
    return f" ({told})" if told else ""


def _parts(member: zipfile.ZipInfo) -> tuple[str, ...]:
    return tuple(part for part in member.filename.split("/") if part not in ("", "."))


def _has_link(extra: bytes) -> bool:
    at = 0
    while at + 4 <= len(extra):
        field, length = (int.from_bytes(extra[i : i + 2], "little") for i in (at, at + 2))
        if field == _LINK_FIELD and length > _LINK_FIELD_BARE:
            return True
        at += 4 + length
    return False


def _created(path: Path) -> IO[bytes]:
    """A new file that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _only_folder(folder: Path) -> Path:
    """The folder in which all lies: many tools zip a folder with its name."""
    inside = list(folder.iterdir()) if folder.is_dir() else []
    if len(inside) == 1 and inside[0].is_dir() and not re.match(r"fold_|configs$", inside[0].name):
        return _only_folder(inside[0])
    return folder
