"""Whether labels lie where the image has edges: a header that mirrors or moves them shows nowhere else."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.errors import Notice

MAX_SIDE = 128
"""Voxels along an axis that are looked at; every n-th of more."""
MIN_SURFACE = 500
"""Voxels of surface below which chance decides."""
MIRRORED = (0.01, 0.3)
MOVED = (0.02, 1.0)
"""How much more of the edges another place must have: a share, and a part that falls with the root of the surface.

36 phantoms of three joints: right labels lie 0.02 above the best of all mirrored and moved places.
"""
ON_EDGES = 0.65
"""A better place has at least this much of the edges: chance gives 0.5, phantoms have 0.79 and more."""
NEAR_MM = 3.0
"""A shift that annotators may make."""
FAR = 4
"""A shift is at most this part of the image."""
Array = NDArray[Any]


def check_placement(image: Array, labels: Array, spacing_mm: tuple[float, float, float]) -> Notice | None:
    """Compare where labels lie with where they would lie mirrored or moved.

    A place is as good as the mean rank, 0..1, of the image's gradient on the surface of the labels. Ranks, since the
    skin's edge is many times stronger than a bone's.

    Args:
        image: (I, J, K) grey values.
        labels: (I, J, K) labels on its grid.
        spacing_mm: along (I, J, K).

    Returns:
        PS-W70 where another place is clearly better; never where the surface is small.
    """
    steps = [-(-n // MAX_SIDE) for n in image.shape]
    thin = tuple(slice(None, None, step) for step in steps)
    spacing = np.multiply(spacing_mm, steps)
    surface = _surface(labels[thin]).astype(np.float32)
    n = int(surface.sum())
    if n < MIN_SURFACE or min(surface.shape) < 2:
        return None
    ranks = _ranks(_gradient(image[thin], spacing))
    here = float((ranks * surface).sum()) / n
    axes, mirrored = _best_mirrored(ranks, surface, n)
    shift_mm, moved = _best_moved(ranks, surface, spacing)
    if mirrored > max(ON_EDGES, here + _margin(MIRRORED, n), moved - MOVED[0]):
        where, there = f"mirrored along array axis {axes}", mirrored
    elif moved > max(ON_EDGES, here + _margin(MOVED, n)) and np.linalg.norm(shift_mm) > NEAR_MM:
        where, there = f"moved by ({', '.join(f'{x:.0f}' for x in shift_mm)}) mm along its axes", moved
    else:
        return None
    text = f"labels fit the image better {where}: on {there:.2f} of its edges, as they are on {here:.2f}"
    return Notice("PS-W70", f"{text}; look at both, a header may be wrong")


def _margin(share: tuple[float, float], n: int) -> float:
    return share[0] + share[1] / math.sqrt(n)


def _surface(labels: Array) -> NDArray[np.bool_]:
    """Voxels beside one of another label."""
    found = np.zeros(labels.shape, bool)
    for axis in range(3):
        moved, rows = np.moveaxis(labels, axis, 0), np.moveaxis(found, axis, 0)
        step = moved[1:] != moved[:-1]
        rows[1:] |= step
        rows[:-1] |= step
    return found


def _gradient(image: Array, spacing: Array) -> Array:
    """Squared, (grey values / mm)^2."""
    grey, total = image.astype(np.float32), np.zeros(image.shape, np.float32)
    for axis in range(3):
        total += np.square(np.gradient(grey, float(spacing[axis]), axis=axis))
    return total


def _ranks(values: Array) -> Array:
    """0 for the smallest, 1 for the largest."""
    ranks = np.empty(values.size, np.float32)
    ranks[np.argsort(values, axis=None, kind="stable")] = np.linspace(0, 1, values.size, dtype=np.float32)
    return ranks.reshape(values.shape)


def _best_mirrored(ranks: Array, surface: Array, n: int) -> tuple[str, float]:
    """Which axes to mirror, and how good the place is then."""
    found = []
    for flips in list(product((1, -1), repeat=3))[1:]:
        place = surface[tuple(slice(None, None, flip) for flip in flips)]
        found.append((float((ranks * place).sum()) / n, " and ".join(str(a) for a in range(3) if flips[a] < 0)))
    best, axes = max(found)
    return axes, best


def _best_moved(ranks: Array, surface: Array, spacing: Array) -> tuple[Array, float]:
    """The best shift in mm, and how good the place is then: all shifts at once, by a correlation."""
    axes = (0, 1, 2)
    both = np.fft.rfftn(ranks, axes=axes) * np.conj(np.fft.rfftn(surface, axes=axes))
    sums = np.fft.irfftn(both, s=ranks.shape, axes=axes)
    for axis, n in enumerate(sums.shape):
        far = np.abs(np.fft.fftfreq(n, 1 / n)) > n / FAR
        np.moveaxis(sums, axis, 0)[far] = -1
    peak = np.unravel_index(int(sums.argmax()), sums.shape)
    index = [int(np.fft.fftfreq(n, 1 / n)[p]) for n, p in zip(sums.shape, peak, strict=True)]
    return np.multiply(index, spacing), float(sums[peak] / surface.sum())
