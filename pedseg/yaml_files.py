"""YAML that a user writes: small, data only, refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pedseg.errors import UsageError

MAX_BYTES = 1 << 20


def read_yaml(path: Path, advice: str) -> Any:
    """The value of a user's file.

    Args:
        path: of a file that is there.
        advice: what to do about one that is too large to be meant.

    Raises:
        UsageError: PS-A96 larger than 1 MiB, or not YAML.
    """
    if path.stat().st_size > MAX_BYTES:
        raise UsageError("PS-A96", f"{path.name} is larger than 1 MiB: {advice}")
    return yaml_value(path.read_text("utf-8", errors="replace"), path.name)


def yaml_value(text: str, where: str) -> Any:
    """The value of a text; tags that would make objects are refused.

    Raises:
        UsageError: PS-A96 not YAML.
    """
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        told = " ".join(str(getattr(error, "problem", None) or error).split())
        raise UsageError("PS-A96", f"{where}{line} is not YAML: {told[:200]}") from error
