"""Where networks run."""

from __future__ import annotations

import torch

from pedseg.errors import UsageError
from pedseg.names import Precision


def choose_device(name: str = "auto") -> torch.device:
    """The device a flag means.

    Args:
        name: `auto` (cuda, else mps, else cpu), `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        UsageError: PS-A120 when it is not here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _mps() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError("PS-A120", f"device {name!r} is unknown: use auto, cpu, cuda, cuda:N or mps") from error
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": _mps()}
    if not here.get(device.type, False) or (device.index or 0) >= max(1, torch.cuda.device_count()):
        raise UsageError("PS-A120", f"device {name!r} is not on this machine: use --device auto or cpu")
    return device


def arithmetic(precision: Precision, device: torch.device) -> torch.dtype:
    """The torch type of a plan's precision; processors, which have no fast float16, compute in float32 instead."""
    if precision == "float16" and device.type == "cpu":
        return torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Convolutions in a plan's precision on a device; the rest as torch thinks safe."""
    dtype = arithmetic(precision, device)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def _mps() -> bool:
    return torch.backends.mps.is_available()
