"""DICOM text -> numbers and names that are safe to use and to show."""

from __future__ import annotations

import math
import re

from pydicom import config
from pydicom.uid import UID

from pedseg.errors import GeometryError, InputError, one_line
from pedseg.privacy import number_text

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MIN_PIXEL_MM, MAX_PIXEL_MM = 1e-3, 10.0
FARTHEST_MM = 1e5
"""A position farther from the scanner's centre is no position; single precision still tells 0.01 mm there."""

_MAX_RESCALE = 1e30
"""Grey values stay within float32."""


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
        got = f"needs {count} finite numbers, got {number_text(text[:60])}"
        raise GeometryError("PS-A52", f"{name}: {tag} {got}: export it again")
    return tuple(v for v in values if v is not None)


def place_of(*, position: str, orientation: str, spacing: str, name: str) -> tuple[tuple[float, ...], ...]:
    """Position (3), orientation (6) and spacing (2) as numbers.

    Raises:
        GeometryError: PS-A46, PS-A48, PS-A49 missing; PS-A52 not usable.
    """
    place = (
        decimals(position, 3, ("PS-A46", "Image Position (Patient)"), name),
        decimals(orientation, 6, ("PS-A48", "Image Orientation (Patient)"), name),
        decimals(spacing, 2, ("PS-A49", "Pixel Spacing"), name),
    )
    if not all(MIN_PIXEL_MM <= s <= MAX_PIXEL_MM for s in place[2]):
        text = f"Pixel Spacing {number_text(spacing[:40])} must lie in {MIN_PIXEL_MM:g} to {MAX_PIXEL_MM:g} mm"
        raise GeometryError("PS-A52", f"{name}: {text}: export it again")
    if max(map(abs, place[0])) > FARTHEST_MM:
        text = f"Image Position (Patient) {number_text(position[:60])} lies more than {FARTHEST_MM / 1000:g} m away"
        raise GeometryError("PS-A52", f"{name}: {text}: export it again")
    return place


def rescale_value(text: str, missing: float, name: str) -> float:
    """Rescale Slope or Intercept as a number; `missing` where the tag is."""
    value = number(text) if text else missing
    if value is None or abs(value) > _MAX_RESCALE:
        told = number_text(text[:64])
        raise InputError("PS-A121", f"{name}: Rescale Slope or Intercept {told} is no usable number: export it again")
    return value


def complex_first(component: str, types: tuple[str, ...]) -> tuple[str, ...]:
    """The kind of an image: Complex Image Component, where it is told, before the further values of Image Type."""
    words = component.strip().upper()
    return (words, *types[2:]) if words else types[2:]


def plain(text: str) -> str:
    """Text from a file made fit for a terminal and a report: printable, at most 64 characters."""
    return one_line(text[:64])


def uid_name(uid: str) -> str:
    """What the standard calls the UID of a class or a syntax; the UID itself where it does not know it."""
    name = plain(UID(uid, validation_mode=config.IGNORE).name)
    return name if name != plain(uid) or re.fullmatch(r"[0-9.]+", name) else "no UID"
