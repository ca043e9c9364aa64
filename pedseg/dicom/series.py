"""Which images belong together: frames -> series, each a candidate volume.

Images of one series share patient, study, frame of reference and Series Instance UID; of one stack
also matrix, pixel spacing and orientation; of one volume also echo and phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pedseg.dicom.alike import SAME_PLACE_MM, alike_in_place, same_geometry, snapped
from pedseg.dicom.belonging import Belonging, by_series
from pedseg.dicom.frame import Frame, SeriesKey
from pedseg.dicom.phases import Part, split_parts
from pedseg.dicom.values import whole
from pedseg.errors import Notice

FEW_SLICES = 3
"""A stack of at most this many images beside a larger one counts as its localizer."""
THICK_SLICES, APART_STEPS = 8, 10
"""Parallel stacks of so many slices, so many steps apart, are volumes of their own."""


@dataclass(frozen=True)
class Series:
    """A candidate volume: the images of one stack, one echo, one phase.

    Args:
        index: number of the stack in its folder, from 1; its echoes and phases share it.
        key: what its images belong to; it identifies the patient and is never shown.
        frames: its images, one for each SOP Instance UID, in no meaningful order.
        copies: further images with a UID that is already among the frames.
        left_out: other images of the same series that form no stack of their own.
        siblings: images of other stacks of the same series that differ in orientation, spacing or matrix.
        damaged: images of the same series that cannot be used; each holds its fault.
        n_in_series, n_files_in_series: images and files of the whole series.
        instances: least and largest Instance Number of the whole series.
        echo: number to choose it by, where the stack holds several echoes; else None.
        phase: number to choose it by, where the stack holds several images a position; else None.
        phase_text: what tells the phase from the others.
        notices: warnings met while grouping.
    """

    index: int
    key: SeriesKey = field(repr=False)
    frames: tuple[Frame, ...] = field(repr=False)
    copies: tuple[Frame, ...] = field(default=(), repr=False)
    left_out: tuple[Frame, ...] = field(default=(), repr=False)
    siblings: tuple[Frame, ...] = field(default=(), repr=False)
    damaged: tuple[Frame, ...] = field(default=(), repr=False)
    n_in_series: int = 0
    n_files_in_series: int = 0
    instances: tuple[int, int] | None = None
    echo: int | None = None
    phase: int | None = None
    phase_text: str = ""
    notices: tuple[Notice, ...] = ()

    @property
    def first(self) -> Frame:
        """An image to ask for what all share."""
        return (self.frames or self.damaged)[0]

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files, each once."""
        return tuple(dict.fromkeys(frame.path for frame in self.frames))

    @property
    def uid(self) -> str:
        """Series Instance UID; empty where missing."""
        return self.key.uid

    @property
    def number(self) -> int | None:
        """Series Number."""
        return whole(self.first.series.number)

    @property
    def matrix(self) -> tuple[int, int]:
        """(columns, rows)."""
        rows, columns = self.first.matrix
        return columns, rows

    @property
    def n_slices(self) -> int:
        """Different positions."""
        return len({frame.place for frame in self.frames})

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """(columns, rows, slices) as far as the headers tell; 0 where unknown. Not checked."""
        rows, columns = self.first.spacing_mm or (0.0, 0.0)
        if self.n_slices < 2 or self.first.orientation is None:
            return columns, rows, 0.0
        along = projections(self.frames)
        return columns, rows, float(np.ptp(along)) / (self.n_slices - 1)

    @property
    def echo_time_ms(self) -> float | None:
        """Echo Time."""
        return self.first.echo_time_ms

    def line(self) -> str:
        """One line for a person who must choose."""
        columns, rows = self.matrix
        spacing = "x".join(f"{value:.3g}" for value in self.spacing_mm)
        number = "" if self.number is None else f" (series {self.number})"
        return f"{self.index}{number}: {columns}x{rows}x{self.n_slices}, {spacing} mm"


def centre_text(frames: Sequence[Frame]) -> str:
    """Where images lie, for a person who must choose between parallel stacks."""
    x, y, z = np.mean([frame.position or (0.0, 0.0, 0.0) for frame in frames], axis=0)
    words = (f"{abs(x):.0f} {'L' if x > 0 else 'R'}", f"{abs(y):.0f} {'P' if y > 0 else 'A'}")
    return f"at {words[0]}, {words[1]}, {abs(z):.0f} {'S' if z > 0 else 'I'} mm"


def group_frames(frames: Sequence[Frame]) -> tuple[Series, ...]:
    """Group images into candidate volumes, whatever the order or names of their files.

    Args:
        frames: all images of a folder.

    Returns:
        Candidates by series number, stack, echo and phase; `index` counts the stacks from 1.
    """
    stacks = [stack for series in by_series(frames) for stack in _stacks(series)]
    return tuple(part for index, stack in enumerate(stacks, start=1) for part in _parts(stack, index))


def projections(frames: Sequence[Frame]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(n,) mm: positions along the normal of the first image."""
    return np.asarray([frame.position or (0.0, 0.0, 0.0) for frame in frames]) @ frames[0].normal


def _stacks(series: Belonging) -> list[Series]:
    """The stacks of one series; small ones and localizers stand beside the large ones as left out."""
    frames = series.frames
    damaged, n_cut = _damaged(frames)
    alike = same_geometry([f for f in frames if f.fault is None])
    if len(alike) > 1 and max(map(len, alike)) <= FEW_SLICES:  # some systems number stacks frame by frame
        alike = same_geometry([replace(f, stack_id="") for f in frames if f.fault is None])
    groups = [slab for group in alike for slab in _slabs(group)]
    is_large = [len({f.place for f in g}) > FEW_SLICES and not g[0].localizer for g in groups]
    large = [g for g, taken in zip(groups, is_large, strict=True) if taken]
    left_out = tuple(f for g, taken in zip(groups, is_large, strict=True) if not taken for f in g) if large else ()
    instances = [f.instance for f in frames if f.instance is not None]
    notices = [*series.notices]
    if n_cut:
        notices.append(Notice("PS-W28", f"{n_cut} cut copies of whole images were left out"))
    if left_out:
        notices.append(Notice("PS-W21", f"{len(left_out)} other images of the same series (localizer) were left out"))
    return [
        Series(
            index=0,
            key=series.key,
            frames=tuple(group),
            left_out=left_out,
            siblings=tuple(f for other in large if not alike_in_place(other[0], group[0]) for f in other),
            damaged=damaged,
            n_in_series=len({(f.uid or f.name, f.number) for f in frames}),
            n_files_in_series=len({f.uid or f.name for f in frames}),
            instances=(min(instances), max(instances)) if instances else None,
            notices=tuple(notices),
        )
        for group in (large or groups or [[]])
    ]


def _damaged(frames: Sequence[Frame]) -> tuple[tuple[Frame, ...], int]:
    """Images that cannot be used, and how many more were cut but are there as a whole: broken downloads."""
    found = [f for f in frames if f.fault is not None]
    entire = {f.uid for f in frames if f.fault is None and f.uid}
    kept = tuple(f for f in found if not (f.fault is not None and f.fault.code == "PS-A08" and f.uid in entire))
    return kept, len(found) - len(kept)


def _slabs(frames: list[Frame]) -> list[list[Frame]]:
    """Parallel volumes in one series, such as both knees: each thick enough for one, and far apart.

    Thinner pieces stay together: what is between them is missing, and is refused as a gap.
    """
    along = projections(frames)
    places = np.unique(along)
    places = places[np.diff(places, prepend=-np.inf) >= SAME_PLACE_MM]
    if len(places) < 2 * THICK_SLICES:
        return [frames]
    steps = np.diff(places)
    cuts = (places[:-1] + steps / 2)[steps > APART_STEPS * np.median(steps)]
    if np.bincount(np.searchsorted(cuts, places)).min() < THICK_SLICES:
        return [frames]
    number = np.searchsorted(cuts, along)
    return [[f for f, n in zip(frames, number, strict=True) if n == slab] for slab in range(len(cuts) + 1)]


def _parts(stack: Series, index: int) -> list[Series]:
    """The stack's echoes and phases, each a candidate."""
    firsts: dict[object, Frame] = {}
    copies = []
    for frame in stack.frames:
        identity = (frame.uid, frame.number) if frame.uid else frame.name
        if firsts.setdefault(identity, frame) is not frame:
            copies.append(frame)
    parts, strays = _without_strays(split_parts(snapped(list(firsts.values()))))
    notices = (Notice("PS-W21", f"{len(strays)} images of another echo between the slices were left out"),)
    whole_stack = replace(stack, index=index, copies=tuple(copies), left_out=stack.left_out + strays)
    return [
        replace(
            whole_stack,
            frames=part.frames,
            echo=part.echo,
            phase=part.phase,
            phase_text=part.phase_text,
            notices=stack.notices + part.notices + (notices if strays else ()),
        )
        for part in parts
    ] or [whole_stack]


def _without_strays(parts: list[Part]) -> tuple[list[Part], tuple[Frame, ...]]:
    """A few images at places of their own are no echo of the others: a localizer along the slices."""
    places = [{frame.place for frame in part.frames} for part in parts]
    is_stray = [
        len(mine) <= FEW_SLICES and all(mine.isdisjoint(other) for other in places if other is not mine)
        for mine in places
    ]
    kept = [part for part, stray in zip(parts, is_stray, strict=True) if not stray]
    if not kept or max(len({f.place for f in part.frames}) for part in kept) <= FEW_SLICES:
        return parts, ()
    return kept, tuple(f for part, stray in zip(parts, is_stray, strict=True) if stray for f in part.frames)
