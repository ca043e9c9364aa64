"""How a network's embeddings lie: alike within domains and between them (B, table 5), and in the plane (figure 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain

PAIRS = 100_000
"""Random pairs of slices, of each domain and of each two (B section 3.5)."""
COMPONENTS = 50
"""Wider embeddings are brought down to as many principal components before t-SNE (B section 3.5)."""
PERPLEXITY = 30.0
LEARNING_RATE = 200.0
"""Both of B section 3.5, by scikit-learn's definition: other programs call this learning rate 800."""
GENTLE = 50.0
"""Learning rate of few points, scikit-learn's own lowest."""
START = 1e-4
"""Standard deviation of the points t-SNE starts from, small beside where they end (van der Maaten and Hinton)."""
Plane = NDArray[np.float32]
"""(N, 2)."""


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """Slices of one domain and where the network looks (B, figure 7).

    Args:
        domain: theirs.
        images: (E, W, W) normalised.
        maps: (E, W, W) in 0..1.
        places: exam and slice of each.
    """

    domain: Domain
    images: NDArray[np.floating]
    maps: NDArray[np.floating]
    places: Sequence[str]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Masks of one domain and what an auto-encoder gives back.

    Args:
        domain: structures and their colours.
        labels: (E, W, W).
        rebuilt: (E, W, W).
        places: exam and slice of each.
    """

    domain: Domain
    labels: NDArray[np.integer]
    rebuilt: NDArray[np.integer]
    places: Sequence[str]


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


def tsne(
    embeddings: Sequence[NDArray[np.floating]],
    *,
    perplexity: float = PERPLEXITY,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
) -> list[Plane]:
    """Points of all domains in one plane, neighbours beside neighbours (t-SNE; B section 3.5 and figure 8).

    Starts from the first two principal components and runs on one thread: the same points and seed give the same
    bytes again on one machine.

    Args:
        embeddings: one (N_k, d) a domain.
        perplexity: lowered where points are few, see `settings_for`.
        learning_rate: of the descent; the same.
        seed: of what is random in it.

    Returns:
        (N_k, 2) a domain; all zero where all points are one.

    Raises:
        ValueError: fewer than 4 points.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    points = np.concatenate(embeddings).astype(np.float64)
    perplexity, learning_rate = settings_for(
        len(points), perplexity=perplexity, learning_rate=learning_rate
    )
    with threadpool_limits(1):
        (reduced,) = principal_components([points], COMPONENTS)
        spread = float(reduced[:, 0].std())
        if spread <= np.finfo(np.float32).eps:
            return _split(np.zeros((len(points), 2), np.float32), embeddings)
        start = (reduced[:, :2] * (START / spread)).astype(np.float32)
        model = TSNE(perplexity=perplexity, learning_rate=learning_rate, init=start, random_state=seed, n_jobs=1)
        return _split(model.fit_transform(reduced.astype(np.float32)), embeddings)


def settings_for(
    n_points: int, *, perplexity: float = PERPLEXITY, learning_rate: float = LEARNING_RATE
) -> tuple[float, float]:
    """Perplexity and learning rate for a number of points: those asked for, unless points are few.

    The perplexity is a third of the other points at most; where that lowers it, so few points fly apart at the
    papers' learning rate, and theirs is `GENTLE` at most.

    Raises:
        ValueError: fewer than 4 points, which have no neighbourhoods.
    """
    if n_points < 4:
        raise ValueError(f"t-SNE needs 4 points at least, got {n_points}: embed more slices")
    highest = (n_points - 1) / 3
    return (perplexity, learning_rate) if perplexity <= highest else (highest, min(learning_rate, GENTLE))


def principal_components(groups: Sequence[NDArray[np.floating]], count: int = 2) -> list[NDArray[np.float64]]:
    """Points of all groups along the directions of their largest variance.

    Args:
        groups: (N_k, d) each.
        count: of directions; a direction points to where its largest entry is positive.

    Returns:
        (N_k, m) each, m = min(count, d, N) but two at least; a column there is no direction for is zero.
    """
    points = np.concatenate(groups).astype(np.float64)
    points = points - points.mean(0)
    _, _, directions = np.linalg.svd(points, full_matrices=False)
    axes = directions[:count]
    largest = np.abs(axes).argmax(1)
    axes = axes * np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)[:, None]
    found = points @ axes.T
    wide = np.zeros((len(points), max(2, len(axes))))
    wide[:, : len(axes)] = found
    return _split(wide, groups)


def separation(embeddings: Sequence[NDArray[np.floating]]) -> float:
    """Mean silhouette of slices by domain, from cosine distances: 1 apart and dense, 0 mixed, below 0 misplaced.

    Args:
        embeddings: one (N_k, d) of unit length a domain, before any t-SNE.

    Returns:
        nan where fewer than two domains have slices, or none has two.
    """
    from sklearn.metrics import silhouette_score

    sizes = [len(points) for points in embeddings if len(points)]
    if len(sizes) < 2 or max(sizes) < 2:
        return float("nan")
    domain = np.repeat(np.arange(len(embeddings)), [len(points) for points in embeddings])
    return float(silhouette_score(np.concatenate(embeddings).astype(np.float64), domain, metric="cosine"))


def _split(points: NDArray[Any], groups: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    return np.split(points, np.cumsum([len(group) for group in groups])[:-1])
