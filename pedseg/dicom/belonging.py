"""Which images are of one series, also where anonymisers and archives lost or multiplied its UIDs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pedseg.dicom.frame import Frame, SeriesKey
from pedseg.dicom.values import whole
from pedseg.errors import Notice

MANY_SINGLES = 4
"""From this number on, series of one image each with one Series Number in one study are one series."""


@dataclass(frozen=True)
class Belonging:
    """The images of one series, damaged ones last, and what was assumed to bring them together."""

    key: SeriesKey
    frames: tuple[Frame, ...]
    notices: tuple[Notice, ...] = ()


def by_series(frames: Sequence[Frame]) -> list[Belonging]:
    """Group images by patient, study, frame of reference and Series Instance UID.

    Args:
        frames: all images of a folder, in any order.

    Returns:
        The series by number; the order of the images does not depend on their files' order.
    """
    by_key: dict[SeriesKey, list[Frame]] = defaultdict(list)
    # Whole images first: a damaged one may lack part of its key and then joins them by UID.
    for frame in sorted(frames, key=lambda f: (f.fault is not None, f.uid, f.number, f.name)):
        alike = [key for key in by_key if key.uid == frame.series.uid != ""] if frame.fault else []
        for key in alike or [_key(frame)]:
            by_key[key].append(frame)
    joined = _join_singles(dict(by_key))
    notices = _join_incomplete(joined)
    return [
        Belonging(key, tuple(joined[key]), (*notices.get(key, ()), *_without_uid(key, joined[key])))
        for key in sorted(joined, key=lambda k: (whole(joined[k][0].series.number) or 0, k))
    ]


def _key(frame: Frame) -> SeriesKey:
    """The number serves only where there is no UID: some systems change it within a series."""
    return frame.series._replace(number="") if frame.series.uid else frame.series


def _join_singles(by_key: dict[SeriesKey, list[Frame]]) -> dict[SeriesKey, list[Frame]]:
    """Bring images together that an anonymiser gave a Series Instance UID each."""
    singles: dict[SeriesKey, list[SeriesKey]] = defaultdict(list)
    for key, members in by_key.items():
        number = members[0].series.number
        if key.uid and key.study and number and len(members) == 1:
            singles[key._replace(uid="", number=number)].append(key)
    for shared, keys in singles.items():
        if len(keys) >= MANY_SINGLES:
            by_key.setdefault(shared, []).extend(frame for key in keys for frame in by_key.pop(key))
    return by_key


def _join_incomplete(by_key: dict[SeriesKey, list[Frame]]) -> dict[SeriesKey, tuple[Notice, ...]]:
    """Images that lack an identifier join the only series that agrees in all they have."""
    counts: dict[SeriesKey, int] = defaultdict(int)
    for key in sorted(by_key, key=lambda k: sum(map(bool, k))):
        whole_keys = [other for other in by_key if other != key and _completes(other, key, by_key)]
        if len(whole_keys) == 1:
            moved = by_key.pop(key)
            by_key[whole_keys[0]].extend(moved)
            by_key[whole_keys[0]].sort(key=lambda f: (f.fault is not None, f.uid, f.number, f.name))
            counts[whole_keys[0]] += len(moved) + counts.pop(key, 0)
    text = "images lack an identifier that the others of their series have"
    return {key: (Notice("PS-W31", f"{count} {text}"),) for key, count in counts.items()}


def _completes(other: SeriesKey, key: SeriesKey, by_key: dict[SeriesKey, list[Frame]]) -> bool:
    """Whether all that a key has is the same in another that has more."""
    if not key.uid and not (key.study and key.number and by_key[other][0].series.number == key.number):
        return False
    had = [(mine, theirs) for mine, theirs in zip(key[:4], other[:4], strict=True) if mine]
    return all(mine == theirs for mine, theirs in had) and sum(map(bool, other[:4])) > len(had)


def _without_uid(key: SeriesKey, frames: Sequence[Frame]) -> tuple[Notice, ...]:
    if key.uid:
        return ()
    fault = "differs from image to image" if any(frame.series.uid for frame in frames) else "is missing"
    return (Notice("PS-W32", f"Series Instance UID {fault}: grouped by study and Series Number"),)
