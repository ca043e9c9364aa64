"""Images that stand twice: exact copies go, contradictions are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pedseg.dicom.alike import SAME_PLACE_MM
from pedseg.dicom.frame import Frame
from pedseg.dicom.pixels import read_grey, same_pixels
from pedseg.dicom.series import Series, projections
from pedseg.errors import GeometryError, InputError, Notice, PedsegError

CUT = "PS-A08"


def without_repeats(series: Series) -> tuple[Series, tuple[Notice, ...]]:
    """Leave out copies: the same UID, or the same position, with the same grey values.

    Different images at one position stay; `build_stack` refuses them.

    Raises:
        GeometryError: PS-A28 one SOP Instance UID with two contents.
    """
    originals = {(frame.uid or frame.name, frame.number): frame for frame in series.frames}
    n_copies = 0
    for copy in series.copies:
        place = copy.uid, copy.number
        original = originals.get(place)
        if original is None:
            continue  # of another echo or phase
        agreed = _agreed(original, copy) if _same_place(original, copy) else None
        if agreed is None:
            text = f"{original.name} and {copy.name} share one SOP Instance UID but differ"
            raise GeometryError("PS-A28", f"{text}: remove the one not meant")
        originals[place] = agreed
        n_copies += 1
    kept = _distinct(tuple(originals.values()))
    n_copies += len(originals) - len(kept)
    notices = (Notice("PS-W28", f"{n_copies} copies of images were left out"),) if n_copies else ()
    return replace(series, frames=kept), notices


def _agreed(original: Frame, copy: Frame) -> Frame | None:
    """One of two equal images; the whole one, where the other was cut; None where they differ."""
    try:
        return original if same_pixels(original, copy) else None
    except InputError as fault:
        if fault.code != CUT:
            raise
        return copy if _is_cut(original) else original


def _is_cut(frame: Frame) -> bool:
    try:
        read_grey([frame])
    except InputError as fault:
        return fault.code == CUT
    return False


def without_copied_parts(parts: list[Series]) -> tuple[list[Series], tuple[Notice, ...]]:
    """Leave out phases that hold copies of the largest one: images sent twice, numbered anew the second time."""
    largest = max(parts, key=lambda part: part.n_slices)
    at_place = {frame.place: frame for frame in largest.frames}
    kept = [part for part in parts if part is largest or not _copied(part, at_place)]
    n_copies = sum(len(part.frames) for part in parts) - sum(len(part.frames) for part in kept)
    notices = (Notice("PS-W28", f"{n_copies} exact copies under other numbers were left out"),) if n_copies else ()
    return kept, notices


def _copied(part: Series, at_place: dict[tuple[float, ...], Frame]) -> bool:
    """Whether each image equals the one at its place; the first that does not ends the search."""
    try:
        return all(f.place in at_place and same_pixels(f, at_place[f.place]) for f in part.frames)
    except PedsegError:
        return False


def _distinct(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """Without images that equal another one at the same position."""
    if not frames or frames[0].orientation is None:
        return frames
    along = projections(frames)
    kept: list[int] = []
    near = 0  # kept[near:] lie within reach of the image at hand
    for i in map(int, np.argsort(along, kind="stable")):
        while near < len(kept) and along[i] - along[kept[near]] >= SAME_PLACE_MM:
            near += 1
        if not any(_same_place(frames[i], frames[j]) and same_pixels(frames[i], frames[j]) for j in kept[near:]):
            kept.append(i)
    return tuple(frames[i] for i in sorted(kept))


def _same_place(a: Frame, b: Frame) -> bool:
    if a.position is None or b.position is None:
        return a.position == b.position
    return bool(np.allclose(a.position, b.position, rtol=0, atol=SAME_PLACE_MM))
