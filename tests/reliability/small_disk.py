"""A disk that is soon full: a small tmpfs where the system lets one mount, else a limit on the size of files."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, *, kib: int, options: str = "") -> Iterator[Path]:
    """A tmpfs at a new folder.

    Args:
        folder: is made.
        kib: its size; 0 for one of any size.
        options: of the mount, such as `ro`.
    """
    folder.mkdir()
    wanted = ",".join(filter(None, (f"size={kib}k" if kib else "", options)))
    command = ["mount", "-t", "tmpfs", *(["-o", wanted] if wanted else []), "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no program mounts a small disk here")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def limited_files(kib: int) -> Iterator[None]:
    """Where nothing can be mounted: no file of this process may grow past a size (EFBIG, another word for full)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def fill(folder: Path, *, leave_kib: int) -> Path:
    """A file that leaves so much room; give it away to have room again."""
    free = os.statvfs(folder)
    ballast = folder / "ballast"
    with ballast.open("wb") as stream:
        stream.write(bytes(max(0, free.f_bavail * free.f_frsize - (leave_kib << 10))))
    return ballast


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its place, hidden ones too; the ballast is not counted."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if path.name != "ballast"
    }
