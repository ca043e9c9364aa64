"""Walk a folder tree safely: bounded, never out of its root, never into a loop."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pedseg.errors import InputError
from pedseg.privacy import shown

MAX_DEPTH = 12
MAX_ENTRIES = 1_000_000
EMPTY, UNREADABLE = "empty file", "unreadable"
TOO_DEEP = f"folder deeper than {MAX_DEPTH}"
_COMMON = (
    ".7z .avi .bmp .bz2 .csv .db .dcm .dll .doc .docx .ds_store .exe .gif .gz .htm .html .ima .inf .ini .jpeg .jpg"
    " .json .log .mat .md .md5 .mha .mhd .mp4 .nii .npy .nrrd .par .pdf .ply .png .rar .rec .stl .tar .tif .tiff .txt"
    " .vtk .xls .xlsx .xml .zip"
)
_KINDS = frozenset(_COMMON.split())
"""Endings that a message may name: what else stands behind a dot may be part of a person's name."""


def walk_files(root: Path, skipped: Counter[str], *, skip_unreadable: bool = False) -> Iterator[tuple[Path, str]]:
    """Regular files below a folder, with names relative to it that are fit for messages.

    Links to files are followed; links to folders only where they stay inside the root and lead to no
    folder met before. Pipes, sockets and devices are never opened.

    Args:
        root: a folder, or one file.
        skipped: counts what is passed over, by reason.
        skip_unreadable: pass over folders that cannot be listed.

    Raises:
        InputError: PS-A04 too many entries; PS-A07 a folder cannot be listed.
    """
    if root.is_file():
        yield root, escaped(root.name, "the file")
        return
    top = os.path.realpath(root)
    met = {_inode(root)}
    n_entries = 0
    folders = [(root, 0, "")]
    while folders:
        folder, depth, where = folders.pop()
        for place, entry in enumerate(_entries(folder, skipped, skip_unreadable=skip_unreadable), start=1):
            n_entries += 1
            if n_entries > MAX_ENTRIES:
                raise InputError("PS-A04", f"more than {MAX_ENTRIES} entries: name the exam's own folder")
            path, name = Path(entry.path), where + escaped(entry.name, f"#{place}")
            if not _is_folder(entry):
                if _is_image_candidate(entry, skipped):
                    yield path, name
            elif depth >= MAX_DEPTH:
                skipped[TOO_DEEP] += 1
            elif not _leads_out(path, top) and _inode(path) not in met:
                met.add(_inode(path))
                folders.append((path, depth + 1, f"{name}/"))
            else:
                skipped["linked folder"] += 1


def unreadable(name: str, error: OSError) -> InputError:
    """The refusal for a file or folder that cannot be read."""
    reason = error.strerror or type(error).__name__
    text = f"{name} cannot be read ({reason}) and may hold a slice"
    return InputError("PS-A07", f"{text}: repair it, or pass over such files (pedseg_predict --skip-unreadable)")


def kind_of(path: Path) -> str:
    """The ending of a file that is not DICOM, where it is a common one."""
    ending = f".{path.name.lower().rpartition('.')[2]}" if "." in path.name else ""
    return ending if ending in _KINDS else "other" if ending else "without ending"


def escaped(name: str, instead: str = "the path given") -> str:
    """A file name fit for one line on a terminal; what stands for it where it may tell who a patient is."""
    return shown(name, instead)


def _entries(folder: Path, skipped: Counter[str], *, skip_unreadable: bool) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda e: e.name)
    except OSError as error:
        if not skip_unreadable:
            raise unreadable(escaped(folder.name), error) from error
        skipped[UNREADABLE] += 1
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_image_candidate(entry: os.DirEntry[str], skipped: Counter[str]) -> bool:
    try:
        status = entry.stat()
    except OSError:
        return True  # a dangling link: opening it tells the reason
    if not stat.S_ISREG(status.st_mode):
        skipped["not a regular file"] += 1
        return False
    if status.st_size == 0:
        skipped[EMPTY] += 1
        return False
    return True


def _leads_out(path: Path, top: str) -> bool:
    real = os.path.realpath(path)
    return os.path.commonpath([real, top]) != top


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
