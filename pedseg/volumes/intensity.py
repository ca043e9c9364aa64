"""Grey values to zero mean and unit variance, an exam at a time.

Memory: one float32 copy of the exam and a histogram.
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
    """Percentiles as `np.percentile` gives them, from a histogram for whole numbers and float32."""
    flat = _flat(array)
    ranks = np.asarray(percentiles, dtype=np.float64) / 100 * (flat.size - 1)
    floor = np.floor(ranks)
    wanted = np.concatenate([floor, np.minimum(floor + 1, flat.size - 1)]).astype(np.int64)
    values = _sorted_values_at(flat, wanted)
    if values is None:
        values = np.partition(flat, np.unique(wanted))[wanted]
    values = values.astype(np.float64)
    low, high = values[:2] + (values[2:] - values[:2]) * (ranks - floor)
    return float(low), float(high)


def _sorted_values_at(flat: NDArray[Any], ranks: NDArray[np.int64]) -> NDArray[Any] | None:
    """What stands at some ranks of the sorted voxels, without sorting them; None for types it cannot do."""
    if flat.dtype == np.float32:
        return _floats_at(flat, ranks)
    if not np.issubdtype(flat.dtype, np.integer):
        return None
    first, last = int(flat.min()), int(flat.max())
    if last - first >= MAX_BINS:
        return None
    counts = np.zeros(last - first + 1, dtype=np.int64)
    for part in _parts(flat.size):
        counts += np.bincount(flat[part].astype(np.int64) - first, minlength=counts.size)
    return first + np.searchsorted(np.cumsum(counts), ranks, side="right")


def _floats_at(flat: NDArray[np.float32], ranks: NDArray[np.int64]) -> NDArray[np.float32]:
    """Only voxels that share their upper 16 bits with a wanted value are sorted."""
    counts = np.zeros(1 << 16, dtype=np.int64)
    for part in _parts(flat.size):
        counts += np.bincount(_upper_bits(flat[part]), minlength=counts.size)
    # As bit patterns negative numbers come after the positive ones, the lowest last.
    rising = np.concatenate([np.arange((1 << 16) - 1, (1 << 15) - 1, -1), np.arange(1 << 15)])
    upto = np.cumsum(counts[rising])
    bins = np.unique(np.searchsorted(upto, ranks, side="right"))
    chosen = np.zeros(1 << 16, dtype=bool)
    chosen[rising[bins]] = True
    parts = (flat[part] for part in _parts(flat.size))
    values: NDArray[np.float32] = np.concatenate([part[chosen[_upper_bits(part)]] for part in parts])
    values.sort()
    # Ranks among the chosen: those of all voxels less the voxels of bins that were passed over.
    passed = np.cumsum(np.where(chosen[rising], 0, counts[rising]))
    at: NDArray[np.float32] = values[ranks - passed[np.searchsorted(upto, ranks, side="right")]]
    return at


def _upper_bits(part: NDArray[np.float32]) -> NDArray[np.uint32]:
    bits: NDArray[np.uint32] = np.ascontiguousarray(part).view(np.uint32) >> np.uint32(16)
    return bits


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
