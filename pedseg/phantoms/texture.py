"""Textures without end: fat septa between muscle bundles, and the grain of marrow and fat."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from pedseg.phantoms.solids import Array, Points, Vec

SEPTA_TILE = 512
SEPTA_PITCH_MM = 0.25
GRAIN_TILE = 64
GRAIN_PITCH_MM = 0.4


@lru_cache(maxsize=1)
def septa_tile() -> Array:
    """(512, 512) share of fat, 0..1, that repeats without a seam: walls of two sizes of cells."""
    coarse, fine = _walls(34, 0.45, 1), _walls(420, 0.16, 2)
    fade = gaussian_filter(np.random.default_rng(3).standard_normal((SEPTA_TILE,) * 2), 30, mode="wrap")
    fade = np.clip(0.5 + 0.9 * fade / fade.std(), 0, 1)
    tile = np.maximum(coarse * (0.35 + 0.65 * fade), fine * 0.42 * np.roll(fade, 170, axis=0))
    return np.asarray(tile, dtype=np.float32)


def _walls(cells: int, width_mm: float, seed: int) -> NDArray[np.float64]:
    """Soft walls between the nearest-neighbour cells of random points on a torus."""
    size = SEPTA_TILE * SEPTA_PITCH_MM
    seeds = np.random.default_rng(seed).uniform(0, size, (cells, 2))
    axis = np.arange(SEPTA_TILE) * SEPTA_PITCH_MM
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    grid = grid + 2.2 * np.sin(grid[:, ::-1] * (2 * np.pi * 3 / size))
    near = np.asarray(cKDTree(seeds, boxsize=np.full(2, size)).query(grid % size, k=2)[0])
    wall = (near[:, 1] - near[:, 0]).reshape(SEPTA_TILE, SEPTA_TILE)
    return np.asarray(np.exp(-((wall / (2 * width_mm)) ** 2)))


@lru_cache(maxsize=1)
def grain_tile() -> Array:
    """(64, 64, 64) zero mean, unit variance, repeating."""
    noise = np.random.default_rng(4).standard_normal((GRAIN_TILE,) * 3)
    rough, smooth = gaussian_filter(noise, 0.8, mode="wrap"), gaussian_filter(noise, 4.0, mode="wrap")
    mixed = rough / rough.std() + 0.8 * smooth / smooth.std()
    return np.asarray(mixed / mixed.std(), dtype=np.float32)


def septa(points: Points, along: Vec, seed: int) -> Array:
    """Share of fat at points (adult mm) of a muscle whose bundles run along a direction."""
    rng = np.random.default_rng([5, seed])
    w = np.asarray(along) / np.linalg.norm(along)
    u = np.cross(w, [0.31, 0.77, 0.55])
    u = u / np.linalg.norm(u)
    v = np.cross(w, u)
    shift = rng.uniform(0, SEPTA_TILE * SEPTA_PITCH_MM, 2)
    height = sum(p * float(c) for p, c in zip(points, w, strict=True))
    sway = np.sin(height * (1 / 17.0)) * np.float32(1.6)
    i = sum(p * float(c) for p, c in zip(points, u, strict=True)) + sway
    j = sum(p * float(c) for p, c in zip(points, v, strict=True)) - sway
    row = _wrapped(i, shift[0], SEPTA_PITCH_MM, SEPTA_TILE)
    return np.take(septa_tile().ravel(), row * SEPTA_TILE + _wrapped(j, shift[1], SEPTA_PITCH_MM, SEPTA_TILE))


def grain(points: Points, stretch: Vec = (1.0, 1.0, 1.0)) -> Array:
    """Zero-mean, unit-variance texture at points (adult mm)."""
    i, j, k = (_wrapped(p, 0.0, GRAIN_PITCH_MM * s, GRAIN_TILE) for p, s in zip(points, stretch, strict=True))
    return np.take(grain_tile().ravel(), (i * GRAIN_TILE + j) * GRAIN_TILE + k)


def _wrapped(mm: Array, shift_mm: float, pitch_mm: float, size: int) -> NDArray[np.int32]:
    # Far from zero, so that cutting the fraction off is rounding down.
    return (mm * (1 / pitch_mm) + (float(shift_mm / pitch_mm) + 64.0 * size)).astype(np.int32) & (size - 1)
