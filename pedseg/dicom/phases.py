"""Several images at one position: split a stack into its echoes and its phases.

A key splits a stack only where positions repeat and the split explains it: scanners also count
acquisitions or trigger times slice by slice within one volume. Echo times and contrasts always split, and
what no volume mixes splits where two even stacks lie between each other's slices.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pedseg.dicom.frame import Frame, PhaseKey
from pedseg.dicom.words import kind
from pedseg.errors import Notice

ECHO_TOLERANCE_MS = 0.05
"""Echo times closer than this are one echo: scanners print the same time with other last digits."""
_TEXT = {
    "kind": "kind",
    "temporal_position": "temporal position",
    "dimension": "dimension index",
    "b_value": "b-value",
    "inversion_time": "inversion time",
    "flip_angle": "flip angle",
    "acquisition": "acquisition",
    "trigger_time": "trigger time",
    "series_number": "series number",
    "repetition_time": "repetition time",
    "sequence": "scanning sequence",
}
_CONTRASTS = ("b_value", "inversion_time", "flip_angle")
_BETWEEN = ("kind", "temporal_position", "dimension", "series_number", "repetition_time", "sequence")
"""No volume alternates in these. An acquisition number may: two packages of slices make one volume."""
_EVEN_STEP = 0.1
"""Largest part of the step by which the places of an even stack lie off."""
_STACK = 4
"""Fewer images with another contrast are no stack: a number that was written wrong."""
_COUNTED = ("temporal_position", "trigger_time", "acquisition")
"""Numbers that may grow image by image through a volume and its phases."""
_CORRECTED = ("ND", "NORM", "DIS2D", "DIS3D", "FIL", "FM")
"""Words of Image Type for corrections, which may differ within a volume."""
_COMPLEX_PARTS = ("P", "PHASE", "R", "REAL", "I", "IMAGINARY")


@dataclass(frozen=True)
class Part:
    """The images of one echo and one phase.

    Args:
        frames: the images.
        echo, phase: numbers to choose it by; None where there is only one.
        phase_text: what tells the phase from the others.
        notices: what was preferred without being asked.
    """

    frames: tuple[Frame, ...]
    echo: int | None = None
    phase: int | None = None
    phase_text: str = ""
    notices: tuple[Notice, ...] = ()


def split_parts(frames: Sequence[Frame]) -> list[Part]:
    """Echoes in order of echo time, within each its phases."""
    parts = []
    for echo, images in _split_echoes(frames):
        phases, notices = _prefer_magnitude(_split_phases([Part(tuple(images), echo=echo)]))
        numbers = range(1, len(phases) + 1) if len(phases) > 1 else [None]
        parts += [replace(part, phase=n, notices=notices) for n, part in zip(numbers, phases, strict=True)]
    return parts


def multiplicity(frames: Iterable[Frame]) -> int:
    """The largest number of images at one position."""
    return max(Counter(frame.place for frame in frames).values(), default=0)


def _split_echoes(frames: Sequence[Frame]) -> list[tuple[int | None, list[Frame]]]:
    leaders = _echo_times(frames)
    groups = _group(frames, lambda f: leaders.get(f.echo_time_ms))
    if None in groups and len(groups) == 2 and multiplicity(frames) == 1:
        return [(None, list(frames))]  # the tag is missing in some images of one volume
    if len(groups) == 1 and multiplicity(frames) > 1:
        groups = _group(frames, lambda f: f.echo_number)
    if len(groups) == 1:
        return [(None, list(frames))]
    ordered = [groups[key] for key in sorted(groups, key=lambda k: (k is not None, k or 0))]
    numbers = [{frame.echo_number for frame in group} for group in ordered]
    named = [next(iter(n)) for n in numbers if len(n) == 1]
    if None in named or len(set(named)) < len(ordered):
        named = list(range(1, len(ordered) + 1))
    return list(zip(named, ordered, strict=True))


def _echo_times(frames: Sequence[Frame]) -> dict[float | None, float]:
    """Each echo time -> the smallest of its cluster."""
    leaders: dict[float | None, float] = {}
    previous = leader = -math.inf
    for time in sorted({f.echo_time_ms for f in frames if f.echo_time_ms is not None}):
        leader = time if time - previous > ECHO_TOLERANCE_MS else leader
        leaders[time], previous = leader, time
    return leaders


def _split_phases(parts: list[Part]) -> list[Part]:
    """Split by each field of `PhaseKey` in turn, where it explains repeated positions."""
    for name in PhaseKey._fields:
        parts = [piece for part in parts for piece in _split_by(part, name)]
    for name in _CONTRASTS:
        parts = [piece for part in parts for piece in _split_contrasts(part, name)]
    for name in _BETWEEN:
        parts = [piece for part in parts for piece in _split_between(part, name)]
    for name in _COUNTED:
        parts = [piece for part in parts for piece in _split_by_rank(part, name)]
    return parts


def _split_by(part: Part, name: str) -> list[Part]:
    repeats = multiplicity(part.frames)
    groups = _group(part.frames, lambda f: getattr(f.phase, name))
    explains = 1 < len(groups) <= repeats and max(multiplicity(g) for g in groups.values()) < repeats
    if not explains:
        return [part]
    return _pieces(part, name, groups)


def _pieces(part: Part, name: str, groups: dict[Any, list[Frame]]) -> list[Part]:
    pieces = []
    for value in sorted(groups, key=lambda v: (v is not None, v)):
        text = ", ".join(filter(None, [part.phase_text, f"{_TEXT[name]} {_shown(value)}"]))
        pieces.append(replace(part, frames=tuple(groups[value]), phase_text=text))
    return pieces


def _split_contrasts(part: Part, name: str) -> list[Part]:
    """Two stacks whose slices lie between each other's: positions do not repeat, but one volume has one contrast."""
    groups = _group(part.frames, lambda f: _rounded(getattr(f.phase, name)))
    if None in groups or len(groups) < 2 or min(len({f.place for f in g}) for g in groups.values()) < _STACK:
        return [part]
    return _pieces(part, name, groups)


def _split_between(part: Part, name: str) -> list[Part]:
    """Even stacks that lie between each other's slices; a value that changes half-way down splits nothing."""
    groups = _group(part.frames, lambda f: _rounded(getattr(f.phase, name)))
    if len(groups) < 2 or min(len({f.place for f in g}) for g in groups.values()) < _STACK:
        return [part]
    along = [_places_along(part.frames[0], group) for group in groups.values()]
    apart = max(a[0] for a in along) >= min(a[-1] for a in along)
    if apart or not all(map(_even, along)):
        return [part]
    return _pieces(part, name, groups)


def _rounded(value: Any) -> Any:
    """Numbers to three digits, for scanners print the same time with other last ones; kinds before corrections."""
    if isinstance(value, tuple):
        return tuple(word for word in value if word not in _CORRECTED)
    return float(f"{value:.3g}") if isinstance(value, float) and value != round(value) else value


def _places_along(first: Frame, frames: Sequence[Frame]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(n,) mm, ascending: the different places of images along the normal of the first."""
    return np.sort(np.array(sorted({f.place or (0.0, 0.0, 0.0) for f in frames})) @ first.normal)


def _even(along: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether ascending places lie in equal steps."""
    steps = np.diff(along)
    return bool(np.abs(steps - steps.mean()).max() <= _EVEN_STEP * steps.mean())


def _split_by_rank(part: Part, name: str) -> list[Part]:
    """The first images of all positions, the second and so on, where a number grows image by image."""
    repeats = multiplicity(part.frames)
    places = _group(part.frames, lambda f: f.place)
    values = [{getattr(f.phase, name) for f in frames} for frames in places.values()]
    if repeats < 2 or any(None in v or len(v) != repeats for v in values):
        return [part]
    if any(len(frames) != repeats for frames in places.values()):
        return [part]
    ranked = [sorted(frames, key=lambda f: getattr(f.phase, name)) for frames in places.values()]
    return [
        replace(
            part,
            frames=tuple(frames[rank] for frames in ranked),
            phase_text=", ".join(filter(None, [part.phase_text, f"{_TEXT[name]} {rank + 1} at each position"])),
        )
        for rank in range(repeats)
    ]


def _shown(value: tuple[object, ...] | float | None) -> str:
    if value is None:
        return "missing"
    if not isinstance(value, tuple):
        return f"{value:g}"
    return "/".join(kind(word) if isinstance(word, str) else str(word) for word in value)


def _group(frames: Iterable[Frame], key: Callable[[Frame], Any]) -> dict[Any, list[Frame]]:
    groups: dict[Any, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return groups


def _prefer_magnitude(phases: list[Part]) -> tuple[list[Part], tuple[Notice, ...]]:
    """Where all phases but some are phase, real or imaginary images, those are left out."""
    kept = [part for part in phases if not complex_part(part.frames[0])]
    if not kept or len(kept) == len(phases):
        return phases, ()
    n_left = sum(len(part.frames) for part in phases) - sum(len(part.frames) for part in kept)
    return kept, (Notice("PS-W21", f"{n_left} phase, real or imaginary images beside the magnitudes were left out"),)


def complex_part(frame: Frame) -> bool:
    """Whether Image Type calls it a phase, real or imaginary image."""
    return any(word.split("_")[0].split(" ")[0] in _COMPLEX_PARTS for word in frame.phase.kind[:1])
