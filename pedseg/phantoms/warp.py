"""A smooth displacement of a limb: no two patients are alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pedseg.phantoms.solids import Array


@dataclass(frozen=True, eq=False)
class Warp:
    """Cubic B-splines over the field of view, so the same field at every matrix.

    Args:
        coefficients: (3, a, b, c) displacement of the control points in adult mm.
    """

    coefficients: NDArray[np.float64]

    @property
    def reach_mm(self) -> float:
        """No point moves further (B-splines stay in the hull of their coefficients)."""
        return float(np.linalg.norm(self.coefficients, axis=0).max())

    def at_slice(self, shape: tuple[int, int, int], k: int) -> Array:
        """(3, I, J) displacement of the pixels of slice k of a grid over the field of view."""
        _, a, b, c = self.coefficients.shape
        rows, columns = basis(shape[0], a), basis(shape[1], b)
        plane = self.coefficients @ basis(shape[2], c)[k]
        return np.stack([rows @ p @ columns.T for p in plane]).astype(np.float32)


def draw_warp(rng: np.random.Generator, shape: tuple[int, int, int], amplitude_mm: float) -> Warp:
    """A random warp with control points of the given standard deviation."""
    return Warp(rng.normal(0, amplitude_mm, (3, *shape)).clip(-2.5 * amplitude_mm, 2.5 * amplitude_mm))


def basis(n: int, controls: int) -> NDArray[np.float64]:
    """(n, controls) uniform cubic B-splines at n cell centres across the span."""
    t = (np.arange(n) + 0.5) / n * (controls - 3)
    first = np.minimum(t.astype(int), controls - 4)
    u = t - first
    weights = np.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3]) / 6
    out = np.zeros((n, controls))
    for m in range(4):
        out[np.arange(n), first + m] = weights[m]
    return out


@lru_cache(maxsize=8)
def hats(n: int, step: int) -> tuple[NDArray[np.int64], Array]:
    """Every step-th of n indices and the last, and (n, nodes) weights that interpolate between them."""
    nodes = np.unique([*range(0, n, step), n - 1])
    weights = [np.interp(np.arange(n), nodes, row) for row in np.eye(len(nodes))]
    return nodes, np.stack(weights, axis=1).astype(np.float32)
