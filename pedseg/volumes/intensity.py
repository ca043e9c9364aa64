"""Grey values to zero mean and unit variance, an exam at a time.

Memory: one float32 copy of the exam and, for whole numbers, a histogram.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.errors import InputError

ROBUST = (0.05, 99.95)
"""Percentiles that the product clips at: a few hot voxels then change nothing."""
MAX_BINS = 1 << 22
_CHUNK = 1 << 20


def normalise(array: NDArray[Any], *, clip_percentiles: tuple[float, float] | None = None) -> NDArray[np.float32]:
    """Z-score over the whole exam.

    Args:
        array: (I, J, K) grey values of any real type.
        clip_percentiles: clip there first (`ROBUST`); None clips nothing (the papers).

    Returns:
        (I, J, K) float32 in the memory order of the array.

    Raises:
        InputError: PS-A66 NaN or infinite values; PS-A65 one value only, clipped ends aside.
    """
    _check_finite(array)
    out = np.empty_like(array, dtype=np.float32)
    flat, result = _flat(array), _flat(out)
    low, high = clip_limits(array, clip_percentiles) if clip_percentiles else (-np.inf, np.inf)
    for part in _parts(flat.size):
        np.clip(flat[part], low, high, out=result[part], casting="unsafe")
    mean, deviation = _moments(result)
    if not deviation > 1e-6 * max(abs(mean), 1e-30):
        raise InputError("PS-A65", f"wanted an image, got the value {mean:g} everywhere: leave this series out")
    for part in _parts(flat.size):
        result[part] -= np.float32(mean)
        result[part] /= np.float32(deviation)
    return out


def clip_limits(array: NDArray[Any], percentiles: tuple[float, float]) -> tuple[float, float]:
    """Percentiles as `np.percentile` gives them, from a histogram where the values are whole numbers."""
    flat = _flat(array)
    ranks = np.asarray(percentiles, dtype=np.float64) / 100 * (flat.size - 1)
    if np.issubdtype(array.dtype, np.integer) and (limits := _whole_number_ranks(flat, ranks)):
        return limits
    low, high = np.percentile(flat, percentiles)
    return float(low), float(high)


def _whole_number_ranks(flat: NDArray[Any], ranks: NDArray[np.float64]) -> tuple[float, float] | None:
    """Values at two fractional ranks of the sorted voxels; None where the range is too wide for a histogram."""
    first, last = int(flat.min()), int(flat.max())
    if last - first >= MAX_BINS:
        return None
    counts = np.zeros(last - first + 1, dtype=np.int64)
    for part in _parts(flat.size):
        counts += np.bincount(flat[part].astype(np.int64) - first, minlength=counts.size)
    below = np.cumsum(counts)
    floor = np.floor(ranks)
    lower = np.searchsorted(below, floor, side="right")
    upper = np.searchsorted(below, np.minimum(floor + 1, flat.size - 1), side="right")
    low, high = first + lower + (upper - lower) * (ranks - floor)
    return float(low), float(high)


def _check_finite(array: NDArray[Any]) -> None:
    if not np.issubdtype(array.dtype, np.floating):
        return
    flat = _flat(array)
    bad = sum(int(np.count_nonzero(~np.isfinite(flat[part]))) for part in _parts(flat.size))
    if bad:
        message = f"wanted finite grey values, got {bad} of {flat.size} NaN or infinite: repair the file"
        raise InputError("PS-A66", message)


def _moments(values: NDArray[np.float32]) -> tuple[float, float]:
    """Mean and standard deviation, summed in float64 a part at a time."""
    parts = list(_parts(values.size))
    mean = sum(float(values[part].sum(dtype=np.float64)) for part in parts) / values.size
    squares = sum(float(np.square(values[part] - np.float64(mean)).sum()) for part in parts)
    return mean, float(np.sqrt(squares / values.size))


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """(n,) in memory order; a view unless the array has gaps."""
    return array.ravel(order="K")


def _parts(n: int) -> Iterator[slice]:
    for start in range(0, n, _CHUNK):
        yield slice(start, min(start + _CHUNK, n))
