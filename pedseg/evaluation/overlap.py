"""Overlap of two label maps, every label from one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHUNK = 1 << 20


def confusion(prediction: NDArray[Any], reference: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """(C, C) voxel counts: rows the prediction's label, columns the reference's.

    Args:
        prediction: labels 0..n_classes-1, any shape.
        reference: labels of the same shape.
        n_classes: C, background included.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"need one shape, got {prediction.shape} and {reference.shape}")
    if min(prediction.min(), reference.min()) < 0 or max(prediction.max(), reference.max()) >= n_classes:
        raise ValueError(f"labels must lie in 0..{n_classes - 1}")
    counts = np.zeros(n_classes * n_classes, dtype=np.int64)
    a, b = _alike_flat(prediction, reference)
    for start in range(0, a.size, _CHUNK):
        p, q = a[start : start + _CHUNK], b[start : start + _CHUNK]
        at = np.flatnonzero((p != 0) | (q != 0))
        counts += np.bincount(p[at].astype(np.int64) * n_classes + q[at], minlength=counts.size)
    counts[0] += a.size - counts.sum()
    return counts.reshape(n_classes, n_classes)


def dice(prediction: NDArray[Any], reference: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """(C - 1,) Dice of labels 1..C-1: 2 |A and B| / (|A| + |B|).

    Absent from both: nan, for nothing was there to find; means leave it out. Absent from one: 0.
    """
    return dice_of(confusion(prediction, reference, n_classes))


def dice_of(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(C - 1,) Dice of labels 1..C-1 from `confusion`."""
    both = np.diag(counts)[1:].astype(np.float64)
    total = (counts.sum(axis=0) + counts.sum(axis=1))[1:].astype(np.float64)
    scores = np.full(both.shape, np.nan)
    np.divide(2 * both, total, out=scores, where=total > 0)
    return scores


def _alike_flat(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as (n,) in the memory order of the first, so that at least that one need not be copied."""
    order = sorted(range(a.ndim), key=lambda axis: -abs(a.strides[axis]))
    return a.transpose(order).ravel(), b.transpose(order).ravel()
