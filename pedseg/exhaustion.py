"""What the system refuses anywhere: memory, room on a disk, a place; how it is told among errors, and refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pedseg.errors import InputError
from pedseg.privacy import shown_path

TOO_MANY = {errno.EMFILE, errno.ENFILE}
FAILING = {errno.EIO, errno.ESTALE}
"""Of a disk, or of a server's: the error may not say which file."""
SAID = ("DefaultCPUAllocator", "out of memory", "Cannot allocate memory", "failed to map segment")
"""By torch and by GPUs' drivers, and by the system where it loads a library."""


def out_of_memory(error: BaseException) -> bool:
    """Whether Python, torch or a GPU's driver says that there is no memory left."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError | ImportError | OSError) and any(text in str(error) for text in SAID)


def out_of_room(error: BaseException) -> bool:
    """Whether the operating system says that a disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def refused_by_system(error: BaseException) -> InputError | None:
    """The typed form of a place that is out of reach, a disk that fails, or too many open files; None for others."""
    if not isinstance(error, OSError):
        return None
    if error.errno in TOO_MANY:
        text = f"{error.strerror}: raise the limit (ulimit -n), or run again with -j 1"
        return InputError("PS-A07", text)
    path = error.filename
    if error.errno is None or not (isinstance(path, str | bytes) or error.errno in FAILING):
        return None
    name = shown_path(Path(os.fsdecode(path))) if isinstance(path, str | bytes) else "a file"
    return InputError("PS-A07", f"{name} cannot be used ({error.strerror}): check its path, permissions and disk")


def too_large(name: str) -> InputError:
    """The typed form of what the memory does not hold."""
    return InputError("PS-A165", f"{name} wants more memory than there is: free some, or run again with -j 1")


@contextmanager
def memory_for(name: str) -> Iterator[None]:
    """Name what wanted the memory.

    Raises:
        InputError: PS-A165 there was none left within.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise too_large(name) from error
