"""State dicts: read without running code, compared with a network before anything is loaded."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pedseg.errors import ModelError

SHOWN = 3
"""Faults named in an error before the rest is counted."""

UNREADABLE = (
    RuntimeError, EOFError, OSError, ValueError, TypeError, LookupError, AttributeError, AssertionError, struct.error
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
    try:
        return torch.load(path, map_location="cpu", weights_only=True)  # type: ignore[no-any-return]
    except pickle.UnpicklingError as error:
        raise ModelError("PS-A98", f"{path.name} holds more than tensors and plain values: it is refused") from error
    except UNREADABLE as error:
        raise ModelError("PS-A86", f"{path.name} cannot be read: {remedy}") from error


def mismatch(state_dict: Mapping[str, Any], wanted: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Keys that do not fit, by kind of fault; empty where all fit."""
    both = [k for k in wanted if k in state_dict]
    faults = {
        "missing": [k for k in wanted if k not in state_dict],
        "unknown": [str(k) for k in state_dict if k not in wanted],
        "of another shape": [k for k in both if getattr(state_dict[k], "shape", None) != wanted[k].shape],
    }
    return {fault: keys for fault, keys in faults.items() if keys}


def told(faults: Mapping[str, Sequence[str]]) -> str:
    """Faults as an error names them."""
    return "; ".join(f"{len(keys)} {fault} ({some(keys)})" for fault, keys in faults.items())


def some(keys: Sequence[str]) -> str:
    """The first keys, and whether there are more."""
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")
