"""Distances between the surfaces of two masks: computed once, reduced many times.

A surface voxel is a voxel of the mask with a face neighbour outside the mask or beyond the grid. From each, the
distance to the nearest surface voxel of the other mask is taken in mm, from voxel centre to voxel centre.

| here | elsewhere |
|---|---|
| `assd_mm` | MONAI's `SurfaceDistanceMetric(symmetric=True)`, to float32 |
| `mssd_mm` | MONAI's `HausdorffDistanceMetric()`, to float32 |
| `hd95_mm` | MONAI's `HausdorffDistanceMetric(percentile=95)`, to float32 |
| `surface_dice` | MONAI's `compute_surface_dice(use_subvoxels=False)` |

SimpleITK's `HausdorffDistanceImageFilter` takes all voxels of both masks, not their surfaces: a voxel of one mask
that is inside the other is at distance 0 there, but as far as the other's surface is here. The two agree where the
farthest surface voxel lies outside the other mask, and differ where it lies inside, as the wall of a hollow does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pedseg.volumes.geometry import Geometry, Matrix

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]

NEAR = 120
"""Neighbours of a voxel that are looked at one by one, nearest first, before a tree is asked for what is farther."""
SLACK_MM = 1e-6
"""So that a voxel at the tolerance itself is within it, whatever rounding says."""


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """From each surface voxel of one mask to the nearest of the other, both ways.

    Where one mask is empty, the other's surface voxels are at `longest_mm`; where both are, every value is NaN.

    Args:
        to_reference_mm: (|S_P|,), one value a surface voxel of the prediction.
        to_prediction_mm: (|S_GT|,), one value a surface voxel of the reference.
        longest_mm: the longest distance in the grid, from corner voxel centre to corner voxel centre.
    """

    to_reference_mm: Numbers
    to_prediction_mm: Numbers
    longest_mm: float

    @cached_property
    def assd_mm(self) -> float:
        """Average symmetric surface distance: sum of both directed sums over |S_GT| + |S_P| (METHODS 8)."""
        return self._of_all(np.mean)

    @cached_property
    def mssd_mm(self) -> float:
        """Maximum symmetric surface distance, the Hausdorff distance of the surfaces."""
        return self._of_all(np.max)

    @cached_property
    def hd95_mm(self) -> float:
        """The larger of the two directed 95th percentiles, linear between ranks."""
        ways = [np.percentile(way, 95) for way in (self.to_reference_mm, self.to_prediction_mm) if way.size]
        return float(max(ways)) if ways else float("nan")

    def surface_dice(self, tolerance_mm: float) -> float:
        """Share of both masks' surface voxels that lie within a tolerance of the other surface; 0 if one is empty."""
        if not self.to_reference_mm.size or not self.to_prediction_mm.size:
            return 0.0 if self._all.size else float("nan")
        return float(np.mean(self._all <= tolerance_mm + SLACK_MM))

    @cached_property
    def _all(self) -> Numbers:
        return np.concatenate((self.to_reference_mm, self.to_prediction_mm))

    def _of_all(self, reduce: Callable[[Numbers], np.float64]) -> float:
        return float(reduce(self._all)) if self._all.size else float("nan")


def surface_distances(prediction: Mask, reference: Mask, geometry: Geometry) -> SurfaceDistances:
    """Surface distances of two masks on one grid.

    Most surface voxels lie within a voxel or two of the other surface: their neighbours are looked at in order of
    distance, all voxels at a time, and the first that is of the other surface is the nearest. Only voxels farther
    out go through a k-d tree.

    Args:
        prediction: (I, J, K) bool.
        reference: (I, J, K) bool.
        geometry: of both; its affine may hold shear.
    """
    if not prediction.shape == reference.shape == geometry.shape:
        raise ValueError(f"need one grid, got {prediction.shape}, {reference.shape} and {geometry.shape}")
    longest = longest_mm(geometry)
    # slowest axis first, so that boxes are cut and copied in the order of memory
    order = sorted(range(3), key=lambda axis: -abs(prediction.strides[axis]))
    matrix = geometry.affine[:3, :3][:, order]
    pair = prediction.transpose(order), reference.transpose(order)
    box = box_of(pair[0] | pair[1])
    neighbours = _neighbours(matrix)
    pad = np.maximum(np.abs(neighbours[0]).max(axis=0), 1)
    ours, theirs = (_Surface(mask[box], pad, matrix) for mask in pair)
    if not ours.at.size or not theirs.at.size:
        return SurfaceDistances(np.full(ours.at.size, longest), np.full(theirs.at.size, longest), longest)
    return SurfaceDistances(ours.distances_to(theirs, *neighbours), theirs.distances_to(ours, *neighbours), longest)


def longest_mm(geometry: Geometry) -> float:
    """The longest distance between two voxel centres of a grid: its longest diagonal."""
    return max(float(np.linalg.norm(a - b)) for a, b in combinations(geometry.corners_mm(), 2))


def box_of(mask: Mask) -> tuple[slice, ...]:
    """The smallest box that holds a mask; empty slices where the mask is empty."""
    box: tuple[slice, ...] = ()
    for axis in range(mask.ndim):
        # each axis is searched within the box of those before it
        part = mask[box]
        found = np.flatnonzero(part.any(axis=tuple(i for i in range(mask.ndim) if i != axis)))
        box += (slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 0),)
    return box


class _Surface:
    """Surface voxels of a mask in a padded box.

    Args:
        mask: (I, J, K).
        pad: (3,), background on either side, so that a step to a near neighbour stays in the box.
        matrix: (3, 3), index to mm.
    """

    def __init__(self, mask: Mask, pad: NDArray[np.intp], matrix: Matrix) -> None:
        padded = np.pad(mask, [(int(n), int(n)) for n in pad])
        self.shape = padded.shape
        self.matrix = matrix
        self.flags = _edges(padded)
        self.at = np.flatnonzero(self.flags)

    def distances_to(self, other: _Surface, steps: NDArray[np.intp], lengths_mm: Numbers) -> Numbers:
        """(n,) mm from each voxel of this surface to the nearest of another."""
        distances = np.zeros(self.at.size)
        left = np.flatnonzero(~other.flags[self.at])
        at = self.at[left]
        strides = np.array([self.shape[1] * self.shape[2], self.shape[2], 1])
        for stride, length in zip(steps @ strides, lengths_mm, strict=True):
            hit = other.flags[at + stride]
            distances[left[hit]] = length
            left, at = left[~hit], at[~hit]
        if left.size:
            distances[left] = other.tree_query(self.points_mm(at))
        return distances

    def tree_query(self, points_mm: Numbers) -> Numbers:
        """(n,) mm from each point to the nearest voxel of this surface."""
        tree = cKDTree(self.points_mm(self.at), compact_nodes=False, balanced_tree=False)
        return np.asarray(tree.query(points_mm)[0], dtype=np.float64)

    def points_mm(self, at: NDArray[np.intp]) -> Numbers:
        """(n,) flat indices -> (n, 3) mm, from the box's corner."""
        return np.stack(np.unravel_index(at, self.shape), axis=1) @ self.matrix.T


def _edges(padded: Mask) -> Mask:
    """(n,) flat: voxels of a mask with a face neighbour outside it; the box's border is background."""
    mask = padded.ravel()
    inside = mask.copy()
    for stride in (padded.shape[1] * padded.shape[2], padded.shape[2], 1):
        inside[stride:] &= mask[:-stride]
        inside[:-stride] &= mask[stride:]
    return np.greater(mask, inside)


def _neighbours(matrix: Matrix) -> tuple[NDArray[np.intp], Numbers]:
    """The `NEAR` nearest neighbours of a voxel, nearest first: (n, 3) index steps and (n,) mm.

    All within a ball of about twice their volume are sorted, so that none nearer than the last is left out.
    """
    radius = (2 * NEAR * abs(np.linalg.det(matrix)) * 3 / (4 * np.pi)) ** (1 / 3)
    reach = np.floor(radius * np.linalg.norm(np.linalg.inv(matrix), axis=1)).astype(int)
    steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(steps @ matrix.T, axis=1)
    nearest = np.argsort(lengths, kind="stable")
    nearest = nearest[lengths[nearest] <= radius][1 : NEAR + 1]
    return steps[nearest], lengths[nearest]
