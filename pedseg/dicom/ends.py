"""A missing end slice leaves no gap: only what the headers count can hint at it."""

from __future__ import annotations

from collections.abc import Sequence

from pedseg.dicom.frame import Frame
from pedseg.dicom.series import Series

HINTS = frozenset(
    ["images_in_acquisition", "images_in_concatenation", "slices_of_acquisition", "slices_of_stack"],
)
"""Facts that serve `end_hint` only."""


def end_hint(series: Series, frames: Sequence[Frame]) -> str:
    """Why an end slice may be missing; empty where nothing says so.

    Args:
        series: the candidate.
        frames: its images, one for each slice.

    Returns:
        One line from the first that disagrees: counts in the headers, In-Stack Positions, Instance Numbers.
    """
    return _counts(series, frames) or _in_stack(frames) or _instances(series)


def _counts(series: Series, frames: Sequence[Frame]) -> str:
    facts = series.first.facts
    images = facts.get("images_in_acquisition")  # of one echo and phase, or of all of them
    if images is not None and images not in (series.n_in_series, len(frames)):
        return f"{series.n_in_series} images in the series, its headers speak of {images}"
    files = facts.get("images_in_concatenation")
    if files is not None and int(files) > series.n_files_in_series:
        return f"{series.n_files_in_series} files of a concatenation, its headers speak of {files}"
    for key in ("slices_of_acquisition", "slices_of_stack"):
        # Scanners also count slabs one by one, or slices before interpolation: fewer says nothing.
        if (slices := facts.get(key, 0)) and int(slices) > len(frames):
            return f"{len(frames)} slices, the scanner's own header speaks of {slices}"
    return ""


def _in_stack(frames: Sequence[Frame]) -> str:
    """In-Stack Positions count from 1, each slice once; other schemes tell nothing."""
    numbers = {frame.in_stack for frame in frames if frame.in_stack is not None}
    if len(numbers) != len(frames) or len(numbers) == 0:
        return ""
    low, high = min(numbers), max(numbers)
    if low in (0, 1) and high - low < len(frames):
        return ""
    return f"In-Stack Positions {low} to {high} for {len(frames)} slices: an end slice may be missing"


def _instances(series: Series) -> str:
    if series.instances is None or series.n_in_series != series.n_files_in_series:
        return ""
    low, high = series.instances
    if low in (0, 1) and high - low < series.n_in_series:
        return ""  # counted from 0 or 1 without a hole; numbers that stand twice tell nothing
    return f"Instance Numbers {low} to {high} for {series.n_in_series} images: an end slice may be missing"
