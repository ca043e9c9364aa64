"""DICOM text -> numbers and names that are safe to use and to show."""

from __future__ import annotations

import math
import re

from pydicom import config
from pydicom.uid import UID

from pedseg.errors import GeometryError
from pedseg.privacy import number_text

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def number(text: str) -> float | None:
    """A DICOM decimal string as a finite number, or None."""
    text = text.strip(" \0")
    value = float(text) if _DECIMAL.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def whole(text: str) -> int | None:
    """A DICOM integer string, or None."""
    value = number(text)
    return None if value is None or value != int(value) or abs(value) >= 1 << 31 else int(value)


def decimals(text: str, count: int, missing: tuple[str, str], name: str) -> tuple[float, ...]:
    """Parse `count` decimal strings; float() alone would let nan, inf and 1_0 pass."""
    code, tag = missing
    if not text:
        raise GeometryError(code, f"{name} has no {tag}: without it no voxel's place is known; export it again")
    values = tuple(number(part) for part in text.split("\\"))
    if len(values) != count or None in values:
        raise GeometryError("PS-A52", f"{name}: {tag} needs {count} finite numbers, got {number_text(text[:60])}")
    return tuple(v for v in values if v is not None)


def plain(text: str) -> str:
    """Text from a file made fit for a terminal and a report: printable, at most 64 characters."""
    return "".join(c if c.isprintable() else "?" for c in text)[:64]


def uid_name(uid: str) -> str:
    """What the standard calls the UID of a class or a syntax; the UID itself where it does not know it."""
    name = plain(UID(uid, validation_mode=config.IGNORE).name)
    return name if name != plain(uid) or re.fullmatch(r"[0-9.]+", name) else "no UID"
