"""State dicts: read without running code, compared with a network before anything is loaded."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pedseg.errors import ModelError
from pedseg.networks.containers import check_container

SHOWN = 3
"""Faults named in an error before the rest is counted."""

SMALL = 1 << 30
"""Bytes of tensors that any file may claim, and SWOLLEN how many times its own size a file may."""
SWOLLEN = 4
UNREADABLE = (
    RuntimeError, EOFError, OSError, ValueError, TypeError, LookupError, AttributeError, AssertionError, MemoryError,
    struct.error,
)  # fmt: skip
"""What torch's reader raises on damaged files, found by damaging them."""


def read_tensors(path: Path, *, remedy: str = "copy it again or train the fold again") -> dict[str, Any]:
    """A checkpoint's contents, never executing code.

    Args:
        path: of the file.
        remedy: what to do about a damaged one.

    Raises:
        ModelError: PS-A98 the file holds more than tensors and plain values, PS-A86 it cannot be read.
    """
    check_container(path, remedy=remedy)
    try:
        contents: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError("PS-A98", f"{path.name} holds more than tensors and plain values: it is refused") from error
    except UNREADABLE as error:
        raise ModelError("PS-A86", f"{path.name} cannot be read: {remedy}") from error
    _check_size(contents, path)
    return contents


def _check_size(contents: Any, path: Path) -> None:
    """Refuse tensors that are far larger than their file: a stride of 0 makes 37 GiB of 4 bytes."""
    n_bytes = sum(t.numel() * t.element_size() for t in _tensors(contents))
    if n_bytes > max(SMALL, SWOLLEN * path.stat().st_size):
        text = f"{path.name} of {path.stat().st_size} bytes claims {n_bytes / (1 << 30):.1f} GiB of tensors"
        raise ModelError("PS-A98", f"{text}: it is refused")


def _tensors(value: Any) -> Iterator[Tensor]:
    """Those of a checkpoint, which is dictionaries and lists of them."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, Mapping):
            left += item.values()
        elif isinstance(item, list | tuple):
            left += item


def mismatch(state_dict: Mapping[str, Any], wanted: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Keys that do not fit, by kind of fault; empty where all fit."""
    both = [k for k in wanted if k in state_dict]
    faults = {
        "missing": [k for k in wanted if k not in state_dict],
        "unknown": [str(k) for k in state_dict if k not in wanted],
        "of another shape": [k for k in both if getattr(state_dict[k], "shape", None) != wanted[k].shape],
        "of another type": [k for k in both if getattr(state_dict[k], "dtype", None) != wanted[k].dtype],
    }
    return {fault: keys for fault, keys in faults.items() if keys}


def told(faults: Mapping[str, Sequence[str]]) -> str:
    """Faults as an error names them."""
    return "; ".join(f"{len(keys)} {fault} ({some(keys)})" for fault, keys in faults.items())


def some(keys: Sequence[str]) -> str:
    """The first keys, and whether there are more."""
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")
