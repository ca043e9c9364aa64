"""How alike a network's embeddings are within a domain and between domains (B, table 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAIRS = 100_000
"""Random pairs of slices, of each domain and of each two (B section 3.5)."""


@dataclass(frozen=True)
class Similarity:
    """Cosines of many pairs: mean and standard deviation, in -1..1."""

    mean: float
    std: float

    def __str__(self) -> str:
        """Such as `0.98 ± 0.02`."""
        return f"{self.mean:.2f} ± {self.std:.2f}"


@dataclass(frozen=True, eq=False)
class CosineTable:
    """Cosines of pairs of slices, domain by domain.

    Args:
        mean: (K, K), symmetric; the diagonal is of pairs of different slices of one domain.
        std: (K, K), of the same pairs.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @property
    def within(self) -> Similarity:
        """Of pairs of one domain, every domain alike."""
        return self._of(np.eye(len(self.mean), dtype=bool))

    @property
    def between(self) -> Similarity:
        """Of pairs of two domains, every pair of domains alike; nan where there is one domain."""
        return self._of(~np.eye(len(self.mean), dtype=bool))

    def _of(self, cells: NDArray[np.bool_]) -> Similarity:
        if not cells.any():
            return Similarity(float("nan"), float("nan"))
        means, variances = self.mean[cells], self.std[cells] ** 2
        return Similarity(float(means.mean()), float(np.sqrt(variances.mean() + means.var())))


def cosine_table(embeddings: Sequence[NDArray[np.floating]], *, pairs: int = PAIRS, seed: int = 0) -> CosineTable:
    """Cosines of random pairs of slices within and between domains.

    Args:
        embeddings: one (N_k, d) of unit length a domain, two slices at least of each.
        pairs: how many of each domain, and of each two.
        seed: of the draw.

    Raises:
        ValueError: a domain with fewer than two slices, which has no pair.
    """
    if few := [len(points) for points in embeddings if len(points) < 2]:
        raise ValueError(f"two slices a domain at least make a pair, got {few[0]}")
    n = len(embeddings)
    random = np.random.default_rng(seed)
    mean, std = np.zeros((n, n)), np.zeros((n, n))
    for i in range(n):
        for j in range(i, n):
            cosines = _cosines(embeddings[i], None if i == j else embeddings[j], pairs, random)
            mean[i, j] = mean[j, i] = cosines.mean()
            std[i, j] = std[j, i] = cosines.std()
    return CosineTable(mean, std)


def _cosines(
    one: NDArray[np.floating], other: NDArray[np.floating] | None, pairs: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Of random pairs of rows; other None pairs different rows of one."""
    first = random.integers(len(one), size=pairs)
    if other is None:
        other = one
        second = (first + random.integers(1, len(one), size=pairs)) % len(one)
    else:
        second = random.integers(len(other), size=pairs)
    cosines: NDArray[np.float64] = (one[first].astype(np.float64) * other[second]).sum(axis=1)
    return cosines
