"""Overlap of two label maps, every label and every measure from one pass.

`confusion` counts; what ends in `_of` takes its counts (..., C, C) and gives (..., C - 1), one value a label 1..C-1.
NaN stands where there is nothing to divide by: `metrics` says what that means, and means leave it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHUNK = 1 << 20

Counts = NDArray[np.int64]
Ratios = NDArray[np.float64]


def confusion(prediction: NDArray[Any], reference: NDArray[Any], n_classes: int) -> Counts:
    """(C, C) voxel counts: rows the prediction's label, columns the reference's.

    Args:
        prediction: labels 0..n_classes-1, any shape.
        reference: labels of the same shape.
        n_classes: C, background included.
    """
    counts = np.zeros(n_classes * n_classes, dtype=np.int64)
    for _, cell in _foreground(prediction, reference, n_classes):
        counts += np.bincount(cell, minlength=counts.size)
    counts[0] += prediction.size - counts.sum()
    return counts.reshape(n_classes, n_classes)


def slice_confusion(prediction: NDArray[Any], reference: NDArray[Any], n_classes: int, *, axis: int) -> Counts:
    """(N, C, C) voxel counts of every slice across an axis of N voxels, in one pass.

    Args:
        prediction: labels 0..n_classes-1, any shape.
        reference: labels of the same shape.
        n_classes: C, background included.
        axis: of the arrays, not negative.
    """
    cells = n_classes * n_classes
    n = prediction.shape[axis]
    order = _memory_order(prediction)
    below = int(np.prod([prediction.shape[i] for i in order[order.index(axis) + 1 :]]))
    counts = np.zeros(n * cells, dtype=np.int64)
    for at, cell in _foreground(prediction, reference, n_classes):
        counts += np.bincount(at // below % n * cells + cell, minlength=counts.size)
    tables = counts.reshape(n, n_classes, n_classes)
    tables[:, 0, 0] += prediction.size // n - tables.sum(axis=(1, 2))
    return tables


def dice(prediction: NDArray[Any], reference: NDArray[Any], n_classes: int) -> Ratios:
    """(C - 1,) Dice of labels 1..C-1: 2 |A and B| / (|A| + |B|).

    Absent from both: nan, for nothing was there to find; means leave it out. Absent from one: 0.
    """
    return dice_of(confusion(prediction, reference, n_classes))


def dice_of(counts: Counts) -> Ratios:
    """Dice: 2 |P and GT| / (|P| + |GT|)."""
    return _ratio(2 * both_of(counts), predicted_of(counts) + referenced_of(counts))


def sensitivity_of(counts: Counts) -> Ratios:
    """TP / (TP + FN): the share of the reference that was found."""
    return _ratio(both_of(counts), referenced_of(counts))


def specificity_of(counts: Counts) -> Ratios:
    """TN / (TN + FP) over the whole grid; NaN where the reference fills it."""
    outside = counts.sum(axis=(-2, -1))[..., None] - referenced_of(counts)
    return _ratio(outside - (predicted_of(counts) - both_of(counts)), outside)


def ravd_of(counts: Counts) -> Ratios:
    """Relative absolute volume difference, ||GT| - |P|| / |GT| (D); 1 where only the reference is empty."""
    predicted, referenced = predicted_of(counts), referenced_of(counts)
    ratio = _ratio(np.abs(referenced - predicted), referenced)
    ratio[(referenced == 0) & (predicted > 0)] = 1
    return ratio


def both_of(counts: Counts) -> Counts:
    """Voxels of a label in both."""
    return np.diagonal(counts, axis1=-2, axis2=-1)[..., 1:]


def predicted_of(counts: Counts) -> Counts:
    """Voxels of a label in the prediction."""
    return np.asarray(counts.sum(axis=-1)[..., 1:])


def referenced_of(counts: Counts) -> Counts:
    """Voxels of a label in the reference."""
    return np.asarray(counts.sum(axis=-2)[..., 1:])


def union_of(counts: Counts) -> Counts:
    """(..., 2, 2): the same counts where all labels are one."""
    union = np.empty((*counts.shape[:-2], 2, 2), dtype=np.int64)
    parts = (slice(0, 1), slice(1, None))
    for i, rows in enumerate(parts):
        for j, columns in enumerate(parts):
            union[..., i, j] = counts[..., rows, columns].sum(axis=(-2, -1))
    return union


def _ratio(part: Counts, whole: Counts) -> Ratios:
    ratio = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _foreground(
    prediction: NDArray[Any], reference: NDArray[Any], n_classes: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]]:
    """Of voxels that are not background in both, chunk by chunk: places in memory order, and cells of `confusion`."""
    if prediction.shape != reference.shape:
        raise ValueError(f"need one shape, got {prediction.shape} and {reference.shape}")
    if min(prediction.min(), reference.min()) < 0 or max(prediction.max(), reference.max()) >= n_classes:
        raise ValueError(f"labels must lie in 0..{n_classes - 1}")
    # in the memory order of the first, so that at least that one need not be copied
    order = _memory_order(prediction)
    a, b = (labels.transpose(order).ravel() for labels in (prediction, reference))
    for start in range(0, a.size, _CHUNK):
        p, q = a[start : start + _CHUNK], b[start : start + _CHUNK]
        at = np.flatnonzero((p != 0) | (q != 0))
        yield at + start, p[at].astype(np.int64) * n_classes + q[at]


def _memory_order(array: NDArray[Any]) -> list[int]:
    """Axes from the slowest to the fastest."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
