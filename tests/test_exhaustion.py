"""Exhaustion: what Python and torch really raise, and what is something else."""

from __future__ import annotations

import errno

import pytest
import torch

from pedseg.errors import InputError
from pedseg.exhaustion import memory_for, out_of_memory, out_of_room


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
