"""Rigid placements: how bones and tissue are set into a limb."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pedseg.phantoms.solids import Array, Box, Points, Solid, Vec, moved_box, rotation, transformed


@dataclass(frozen=True, eq=False)
class Frame:
    """A rigid placement: point = turn @ local + offset."""

    turn: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    def __matmul__(self, inner: Frame) -> Frame:
        """This frame after an inner one."""
        return Frame(self.turn @ inner.turn, self.turn @ inner.offset + self.offset)

    def at(self, local: Vec) -> Vec:
        """Where a local point lies."""
        x, y, z = (float(v) for v in self.turn @ np.asarray(local) + self.offset)
        return x, y, z

    def box(self, local: Box) -> Box:
        """Box around a local box, placed."""
        return moved_box(local, self.turn, self.offset)

    def local(self, points: Points) -> Points:
        """Points seen from the frame."""
        return points if self is HERE else transformed(points, self.turn.T, self.offset)


HERE = Frame()


def turned_about(center: Vec, degrees: Vec) -> Frame:
    """A frame that turns about a point, about x, then y, then z."""
    turn, pivot = rotation(degrees), np.asarray(center, dtype=float)
    return Frame(turn, pivot - turn @ pivot)


def moved(offset: Vec) -> Frame:
    """A frame that only moves."""
    return Frame(offset=np.asarray(offset, dtype=float))


@dataclass(frozen=True, eq=False)
class Framed:
    """A solid in a frame."""

    solid: Solid
    frame: Frame

    @property
    def box(self) -> Box:
        """See `Solid`."""
        return self.frame.box(self.solid.box)

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        return self.solid.distance(self.frame.local(points))
