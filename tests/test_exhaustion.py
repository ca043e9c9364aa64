"""Exhaustion: what Python and torch really raise, and what is something else."""

from __future__ import annotations

import errno

import pytest
import torch

from pedseg.errors import InputError
from pedseg.exhaustion import memory_for, out_of_memory, out_of_room, refused_by_system


def test_what_python_and_torch_raise_is_told_and_named() -> None:
    for wanting in (lambda: bytearray(1 << 60), lambda: torch.empty(1 << 50)):
        with pytest.raises(InputError, match="PS-A165: knee_1 wants more memory than there is"), memory_for("knee_1"):
            wanting()


def test_another_error_stays_itself() -> None:
    with pytest.raises(RuntimeError, match="size mismatch"), memory_for("knee_1"):
        raise RuntimeError("size mismatch")
    assert not out_of_memory(ValueError("out of memory"))


def test_a_full_disk_is_told_from_other_refusals() -> None:
    assert out_of_room(OSError(errno.ENOSPC, "full"))
    assert out_of_room(OSError(errno.EDQUOT, "your share"))
    assert not out_of_room(PermissionError(errno.EACCES, "not yours"))
    assert not out_of_room(RuntimeError("No space left on device"))


def test_a_library_that_finds_no_memory_to_be_loaded_into() -> None:
    assert out_of_memory(ImportError("x.so: failed to map segment from shared object"))
    assert not out_of_memory(ImportError("cannot import name 'x'"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "raw/Doe^Jane"), "raw/… cannot be used (Permission"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "runs/main"), "runs/main cannot be used (File name"),
        (OSError(errno.EIO, "Input/output error"), "a file cannot be used (Input/output error)"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files: raise the limit (ulimit -n)"),
    ],
)
def test_what_the_system_refuses_is_no_fault_of_pedseg(error: OSError, said: str) -> None:
    assert str(refused_by_system(error)).startswith(f"PS-A07: {said}")


def test_other_errors_are_not_the_systems() -> None:
    for error in (OSError("a library's own"), OSError(errno.EBADF, "Bad file descriptor"), ValueError("x")):
        assert refused_by_system(error) is None
