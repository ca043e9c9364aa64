"""Smooth implicit solids: negative inside, zero on the surface, in millimetres to first order near it.

Each solid is a value that answers `distance(points)` and knows its `box`. Points are three float32
arrays (x, y, z) of one shape. Sources of the formulas: distance bounds of ellipsoids and polynomial
smooth minima after I. Quilez.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Box = NDArray[np.float64]
Points = tuple[Array, Array, Array]
Vec = tuple[float, float, float]

FAR_MM = 1e3
"""Distance given where a solid was not looked at because it is out of reach."""


class Solid(Protocol):
    """Anything with a signed distance and a bounding box."""

    @property
    def box(self) -> Box:
        """(2, 3): lower and upper corner in mm."""

    def distance(self, points: Points) -> Array:
        """Signed distance in mm, negative inside, in the shape of the points."""


def smooth_min(a: Array, b: Array, radius_mm: float) -> Array:
    """Minimum of two distances with a fillet of the given radius."""
    h = np.maximum(radius_mm - np.abs(a - b), 0) * (1 / radius_mm)
    return np.asarray(np.minimum(a, b) - h * h * (radius_mm / 4))


def smooth_max(a: Array, b: Array, radius_mm: float) -> Array:
    """Maximum of two distances with a rounded edge."""
    h = np.maximum(radius_mm - np.abs(a - b), 0) * (1 / radius_mm)
    return np.asarray(np.maximum(a, b) + h * h * (radius_mm / 4))


def rotation(degrees: Vec) -> NDArray[np.float64]:
    """(3, 3): turn about x, then y, then z."""
    a, b, c = np.radians(degrees)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(z @ y @ x)


def joined(boxes: list[Box]) -> Box:
    """Smallest box around boxes."""
    return np.array([np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)])


def transformed(points: Points, matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> Points:
    """Matrix @ (points - offset), array by array."""
    x, y, z = (p - float(o) for p, o in zip(points, offset, strict=True))
    m = matrix.astype(float).tolist()
    rows = [x * r[0] + y * r[1] + z * r[2] for r in m]
    return rows[0], rows[1], rows[2]


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid, turned about its centre."""

    center: Vec
    radii: Vec
    turn: Vec = (0.0, 0.0, 0.0)

    @property
    def box(self) -> Box:
        """See `Solid`."""
        half = np.linalg.norm(rotation(self.turn) * np.asarray(self.radii), axis=1)
        return np.array([self.center - half, self.center + half])

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        if any(self.turn):
            x, y, z = transformed(points, rotation(self.turn).T, np.asarray(self.center))
        else:
            x, y, z = (p - c for p, c in zip(points, self.center, strict=True))
        a, b, c = (1 / r for r in self.radii)
        x, y, z = x * a, y * b, z * c
        k0 = np.sqrt(x * x + y * y + z * z + 1e-6)
        x, y, z = x * a, y * b, z * c
        k1 = np.sqrt(x * x + y * y + z * z + 1e-6 * max(a, b, c) ** 2)
        return np.asarray(k0 * (k0 - 1) / k1)


@dataclass(frozen=True)
class Tube:
    """A chain of rounded cones through points (mm), with a radius (mm) at each.

    Pieces further than `reach_mm` from all points asked for are left out; a fillet with another solid
    needs at least its radius.
    """

    points: tuple[Vec, ...]
    radii: tuple[float, ...]
    reach_mm: float = 10.0

    @property
    def box(self) -> Box:
        """See `Solid`."""
        centers, radii = np.asarray(self.points), np.asarray(self.radii)[:, None]
        return np.array([(centers - radii).min(0), (centers + radii).max(0)])

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        low = np.array([p.min() for p in points])
        high = np.array([p.max() for p in points])
        lows, highs = self._piece_boxes
        best: Array | None = None
        for n in np.flatnonzero(((lows <= high) & (highs >= low)).all(axis=1)):
            d = _cone(points, (self.points[n], self.points[n + 1]), (self.radii[n], self.radii[n + 1]))
            best = d if best is None else np.minimum(best, d)
        return np.full_like(points[0], FAR_MM) if best is None else best

    @cached_property
    def _piece_boxes(self) -> tuple[Box, Box]:
        """(n, 3) lower and upper corners of what each piece can reach."""
        points, radii = np.asarray(self.points), np.asarray(self.radii)
        reach = (np.maximum(radii[:-1], radii[1:]) + self.reach_mm)[:, None]
        return np.minimum(points[:-1], points[1:]) - reach, np.maximum(points[:-1], points[1:]) + reach


def rounded_tube(points: tuple[Vec, ...], radii: tuple[float, ...], *, reach_mm: float = 10.0) -> Tube:
    """A tube through points without kinks: a Catmull-Rom curve in four pieces between neighbours."""
    knots = np.column_stack([np.asarray(points, dtype=float), radii])
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = np.linspace(0, 1, 4, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    dense = np.vstack([*pieces, knots[-1:]])
    least = min(radii) * 0.8
    return Tube(
        tuple((float(x), float(y), float(z)) for x, y, z, _ in dense),
        tuple(max(float(r), least) for r in dense[:, 3]),
        reach_mm,
    )


def _cone(points: Points, ends: tuple[Vec, Vec], radii: tuple[float, float]) -> Array:
    a, b = ends
    axis = [q - p for p, q in zip(a, b, strict=True)]
    length2 = max(sum(c * c for c in axis), 1e-9)
    x, y, z = (p - c for p, c in zip(points, a, strict=True))
    t = (x * (axis[0] / length2) + y * (axis[1] / length2) + z * (axis[2] / length2)).clip(0, 1)
    x, y, z = x - t * axis[0], y - t * axis[1], z - t * axis[2]
    return np.asarray(np.sqrt(x * x + y * y + z * z) - (t * (radii[1] - radii[0]) + radii[0]))


@dataclass(frozen=True)
class HalfSpace:
    """Everything on the side of a plane that its normal points away from; its box is without end."""

    normal: Vec
    offset: float

    @property
    def box(self) -> Box:
        """See `Solid`."""
        return np.array([[-FAR_MM] * 3, [FAR_MM] * 3])

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        a, b, c = (float(v) for v in np.asarray(self.normal) / np.linalg.norm(self.normal))
        return np.asarray(points[0] * a + points[1] * b + points[2] * c - self.offset)


@dataclass(frozen=True)
class Barrel:
    """A cylinder along x with rounded rims, its waist narrower by `waist` mm: a pulley."""

    center: Vec
    radius: float
    half_length: float
    rim: float
    waist: float = 0.0

    @property
    def box(self) -> Box:
        """See `Solid`."""
        half = np.array([self.half_length, self.radius, self.radius])
        return np.array([self.center - half, self.center + half])

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        x, y, z = (p - c for p, c in zip(points, self.center, strict=True))
        waist = self.waist * np.maximum(1 - (x * (1.6 / self.half_length)) ** 2, 0)
        u = np.sqrt(y * y + z * z) - (self.radius - self.rim) + waist
        v = np.abs(x) - (self.half_length - self.rim)
        outside = np.sqrt(np.maximum(u, 0) ** 2 + np.maximum(v, 0) ** 2)
        return np.asarray(np.minimum(np.maximum(u, v), 0) + outside - self.rim)


@dataclass(frozen=True)
class Blend:
    """Union of solids with fillets."""

    parts: tuple[Solid, ...]
    radius_mm: float

    @cached_property
    def box(self) -> Box:
        """See `Solid`."""
        return joined([p.box for p in self.parts])

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        total = self.parts[0].distance(points)
        for part in self.parts[1:]:
            total = smooth_min(total, part.distance(points), self.radius_mm)
        return total


@dataclass(frozen=True)
class Carved:
    """A solid less others, edges rounded; with `keep` the others are instead what is kept."""

    body: Solid
    tools: tuple[Solid, ...]
    radius_mm: float
    keep: bool = False

    @property
    def box(self) -> Box:
        """See `Solid`."""
        return self.body.box

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        total = self.body.distance(points)
        for tool in self.tools:
            d = tool.distance(points)
            total = smooth_max(total, d if self.keep else -d, self.radius_mm)
        return total


@dataclass(frozen=True)
class Placed:
    """A solid turned, scaled along its own axes and moved: point = turn @ (scale * local) + offset."""

    solid: Solid
    offset: Vec
    turn: Vec = (0.0, 0.0, 0.0)
    scale: Vec = (1.0, 1.0, 1.0)

    @cached_property
    def box(self) -> Box:
        """See `Solid`."""
        return moved_box(self.solid.box, rotation(self.turn) * np.asarray(self.scale), np.asarray(self.offset))

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        inverse = (rotation(self.turn) / np.asarray(self.scale)).T
        local = transformed(points, inverse, np.asarray(self.offset))
        return np.asarray(self.solid.distance(local) * float(np.prod(self.scale) ** (1 / 3)))


def moved_box(box: Box, matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> Box:
    """Box around a box after point = matrix @ local + offset."""
    corners = np.array([[box[i][0], box[j][1], box[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    points = corners @ matrix.T + offset
    return np.array([points.min(0), points.max(0)])
