"""Memory or a disk that has run out: how it is told among errors, and how pedseg refuses then."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from pedseg.errors import InputError


def out_of_memory(error: BaseException) -> bool:
    """Whether Python, torch or a GPU's driver says that there is no memory left."""
    if isinstance(error, MemoryError):
        return True
    said = str(error) if isinstance(error, RuntimeError) else ""  # what torch raises, by device
    return "DefaultCPUAllocator" in said or "out of memory" in said


def out_of_room(error: BaseException) -> bool:
    """Whether the operating system says that a disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


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
