"""Thin curved bones, and the surfaces of growth plates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedseg.phantoms.solids import FAR_MM, Array, Box, Points, Vec, smooth_max


@dataclass(frozen=True)
class Sheet:
    """A curved plate: z within thickness / 2 of a quadratic surface, over an outline in (x, y).

    Args:
        outline: (n, 2) corners in mm, in order.
        thickness_mm: across the surface, the same everywhere.
        bend: surface z = bend[0] x^2 + bend[1] x y + bend[2] y^2, in 1/mm.
        rim: radius by which corners of the outline are rounded outwards, mm.
    """

    outline: tuple[tuple[float, float], ...]
    thickness_mm: float
    bend: Vec = (0.0, 0.0, 0.0)
    rim: float = 2.0

    @property
    def box(self) -> Box:
        """See `Solid`."""
        corners = np.asarray(self.outline)
        low, high = corners.min(0) - self.rim, corners.max(0) + self.rim
        x, y = (g.ravel() for g in np.meshgrid(*np.linspace(low, high, 9).T))
        z = self.bend[0] * x * x + self.bend[1] * x * y + self.bend[2] * y * y
        half = self.thickness_mm / 2 + 1
        return np.array([[*low, z.min() - half], [*high, z.max() + half]])

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        x, y, z = points
        a, b, c = self.bend
        slope_x, slope_y = x * (2 * a) + y * b, x * b + y * (2 * c)
        height = np.abs(z - (x * slope_x + y * slope_y) * 0.5)
        across = height / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y) - self.thickness_mm / 2
        return smooth_max(np.asarray(across), _polygon(x, y, self.outline) - self.rim, 1.0)


def _polygon(x: Array, y: Array, corners: tuple[tuple[float, float], ...]) -> Array:
    """Signed distance in the plane to a polygon."""
    nearest = np.full_like(x, FAR_MM**2)
    inside = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey = bx - ax, by - ay
        px, py = x - ax, y - ay
        t = ((px * ex + py * ey) * (1 / (ex * ex + ey * ey))).clip(0, 1)
        dx, dy = px - t * ex, py - t * ey
        np.minimum(nearest, dx * dx + dy * dy, out=nearest)
        if ey != 0:
            inside ^= ((y >= ay) != (y >= by)) & (px < py * (ex / ey))
    root = np.sqrt(nearest)
    return np.where(inside, -root, root)


@dataclass(frozen=True)
class GrowthPlate:
    """A waved, nearly level surface; the epiphysis is its inside.

    Args:
        height: z of the surface at the axis, mm.
        tilt: rise of the surface along x and y, mm per mm.
        bumps: (x, y, radius, rise) of each hill or hollow, mm.
        above: the epiphysis lies above the surface.
    """

    height: float
    tilt: tuple[float, float] = (0.0, 0.0)
    bumps: tuple[tuple[float, float, float, float], ...] = ()
    above: bool = False

    @property
    def box(self) -> Box:
        """Without end."""
        return np.array([[-FAR_MM] * 3, [FAR_MM] * 3])

    def distance(self, points: Points) -> Array:
        """See `Solid`."""
        x, y, z = points
        height = z - self.height - x * self.tilt[0] - y * self.tilt[1]
        for at_x, at_y, radius, rise in self.bumps:
            height = height - rise * np.exp(((x - at_x) ** 2 + (y - at_y) ** 2) * (-1 / radius**2))
        return np.asarray(-height if self.above else height)
