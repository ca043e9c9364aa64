"""Which images are slices of one stack, and which lie at one place, whatever the digits they were written with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pedseg.dicom.frame import Frame

ORIENTATION_TOLERANCE = 1e-4
"""Largest difference of a direction cosine within one stack: 0.05 mm at 512 pixels of 1 mm."""
LEADERS_APART = 3
"""Leaders of stacks so many tolerances apart are neighbours in one noisy stack: `build_stack` judges in mm."""
SPACING_TOLERANCE_MM = 1e-4
"""A spacing printed with four digits behind the point, as archives round it; `build_stack` judges in mm."""
PARALLEL = 0.9
"""Cosine between normals: localizers stand square to the slices or nearly so, turned slices do not."""
SAME_PLACE_MM = 0.01
"""Two images nearer than this lie at one position: a fifth of the thinnest step, and what rounding does."""


def same_geometry(frames: list[Frame]) -> list[list[Frame]]:
    """Images that share matrix, spacing and orientation; the order of the frames does not matter."""
    groups: dict[tuple[object, ...], list[tuple[Frame, list[Frame]]]] = defaultdict(list)
    for frame in frames:
        alike = groups[frame.sop_class, frame.matrix, frame.localizer, frame.stack_id]
        for leader, members in alike:
            if leader.orientation == frame.orientation and leader.spacing_mm == frame.spacing_mm:
                members.append(frame)
                break
            if _near(leader.orientation, frame.orientation, ORIENTATION_TOLERANCE) and _near(
                leader.spacing_mm, frame.spacing_mm, SPACING_TOLERANCE_MM
            ):
                members.append(frame)
                break
        else:
            alike.append((frame, [frame]))
    return [members for alike in groups.values() for members in _chained(alike)]


def _chained(groups: list[tuple[Frame, list[Frame]]]) -> list[list[Frame]]:
    """Join groups whose leaders are near: noise of orientation alone parts no stack."""
    chains: list[tuple[list[Frame], list[Frame]]] = []
    for leader, members in groups:
        near = [chain for chain in chains if any(_neighbours(leader, other) for other in chain[0])]
        joined = [leader, *(f for chain in near for f in chain[0])], [f for chain in near for f in chain[1]] + members
        chains = [chain for chain in chains if all(chain is not n for n in near)] + [joined]
    return [members for _, members in chains]


def _neighbours(a: Frame, b: Frame) -> bool:
    return _near(a.orientation, b.orientation, LEADERS_APART * ORIENTATION_TOLERANCE) and _near(
        a.spacing_mm, b.spacing_mm, SPACING_TOLERANCE_MM
    )


def alike_in_place(a: Frame, b: Frame) -> bool:
    """Whether two images could be slices of one stack."""
    return (
        a.matrix == b.matrix
        and _near(a.orientation, b.orientation, ORIENTATION_TOLERANCE)
        and _near(a.spacing_mm, b.spacing_mm, SPACING_TOLERANCE_MM)
    )


def _near(a: tuple[float, ...] | None, b: tuple[float, ...] | None, tolerance: float) -> bool:
    return max(abs(x - y) for x, y in zip(a or (), b or (), strict=True)) <= tolerance


def parallel(a: Frame, b: Frame) -> bool:
    """Whether two images lie in parallel planes, whatever their rows and columns."""
    return bool(abs(a.normal @ b.normal) > PARALLEL)


def snapped(frames: Sequence[Frame]) -> list[Frame]:
    """The frames, those within `SAME_PLACE_MM` of another with its place; the positions stay as they are."""
    cells: dict[tuple[int, ...], list[tuple[float, ...]]] = defaultdict(list)
    found = []
    for frame in frames:
        position = frame.position or (0.0, 0.0, 0.0)
        cell = np.floor(np.array(position) / SAME_PLACE_MM).astype(int)
        around = (c for step in np.ndindex(3, 3, 3) for c in cells.get(tuple(map(int, cell + step - 1)), ()))
        near = next((c for c in around if np.abs(np.subtract(c, position)).max() < SAME_PLACE_MM), None)
        if near is None:
            cells[tuple(map(int, cell))].append(position)
        found.append(frame if near is None else replace(frame, snapped=near))
    return found
