"""Volume <-> stack of 2D windows, exactly invertible.

A slice is turned by its affine to one fixed view of its plane, resampled in-plane to the domain's
spacing (never through-plane), padded around its centre to the window, or, where it is wider,
covered by overlapping windows. Probabilities go back the same way. `slice_grid` plans, this file does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.volumes.resample import UP_GAIN, Operator, down_area, down_cubic, resample, up
from pedseg.volumes.slice_grid import SliceGrid, choose_slice_axis, plan_slices

__all__ = [
    "Restored",
    "SliceGrid",
    "choose_slice_axis",
    "from_windows",
    "iter_onehot",
    "iter_windows",
    "labels_to_windows",
    "plan_slices",
    "stack_to_windows",
    "to_windows",
    "windows_to_onehot",
]

Floats = NDArray[np.float32]
Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Restored:
    """Network output back on the exam's own grid.

    Args:
        labels: (I, J, K) uint8.
        stack: (N, C, rows, columns) float16, the probabilities on the target stack, windows blended.
        grid: how the two lie to each other.
    """

    labels: Labels
    stack: NDArray[np.float16]
    grid: SliceGrid

    def probability(self, label: int, box: tuple[slice, slice, slice]) -> Floats:
        """Probability of one label in a box of the exam's grid; made only there, so memory stays small."""
        index = [_turned(box[axis], *of) for axis, of in zip(self.grid.axes, self.grid.turns, strict=True)]
        rows, columns = (up(pair) for pair in self.grid.pairs)
        rows, columns = rows.outputs(index[1]), columns.outputs(index[2])
        values = [resample(low.astype(np.float32), rows, columns) for low in self.stack[index[0], label]]
        return _to_source_order(np.stack(values), self.grid)


def iter_windows(array: NDArray[Any], grid: SliceGrid) -> Iterator[Floats]:
    """Windows of grey values, (T, W, W) float32 a slice; the padding holds the array's minimum."""
    rows, columns = (down_cubic(pair) for pair in grid.pairs)
    inside = tuple(pair.inside for pair in grid.pairs)
    air = np.float32(array.min())
    for image in _oriented(array, grid):
        low = np.full(grid.size, air, dtype=np.float32)
        low[inside] = resample(np.ascontiguousarray(image, dtype=np.float32), rows, columns)[inside]
        yield _cut(low, grid)


def to_windows(array: NDArray[Any], grid: SliceGrid) -> Floats:
    """(I, J, K) grey values -> (N, T, W, W) float32."""
    return _collect(iter_windows(array, grid), grid, np.float32)


def iter_onehot(labels: NDArray[Any], grid: SliceGrid, n_classes: int) -> Iterator[Floats]:
    """Share of every window pixel that each label covers: (T, C, W, W) float32 a slice, summing to one.

    Padding is background.
    """
    rows, columns = (down_area(pair) for pair in grid.pairs)
    for image in _oriented(labels, grid):
        values = np.ascontiguousarray(image)
        low = np.zeros((n_classes, *grid.size), dtype=np.float32)
        for label in range(1, n_classes):
            mask = values == label
            if mask.any():
                low[label] = resample(mask.astype(np.float32), rows, columns)
        low[0] = 1 - low[1:].sum(axis=0)
        yield _cut(low, grid)


def labels_to_windows(labels: NDArray[Any], grid: SliceGrid, n_classes: int) -> Labels:
    """(I, J, K) labels 0..n_classes-1 -> (N, T, W, W) uint8: the label that covers most of each pixel."""
    shares = (share.argmax(axis=1) for share in iter_onehot(labels, grid, n_classes))
    return _collect(shares, grid, np.uint8)


def windows_to_onehot(windows: NDArray[Any], n_classes: int, *, detail: int = 1) -> Iterator[Floats]:
    """(N, T, d W, d W) labels -> (T, C, W, W) float32 a slice, to go back through `from_windows`.

    Args:
        windows: labels 0..n_classes-1.
        n_classes: C, background included.
        detail: d, labels along each side of a pixel, whose shares are returned.
    """
    classes = np.arange(n_classes)[:, None, None]
    for tiles in windows:
        onehot = (tiles[:, None] == classes).astype(np.float32)
        t, c, rows, columns = onehot.shape
        yield onehot.reshape(t, c, rows // detail, detail, columns // detail, detail).mean(axis=(3, 5))


def stack_to_windows(stack: NDArray[Any], grid: SliceGrid) -> NDArray[Any]:
    """(N, rows, columns) on the target stack -> (N, T, W, W)."""
    return np.stack([_cut(image, grid) for image in stack])


def from_windows(windows: Iterable[NDArray[Any]], grid: SliceGrid) -> Restored:
    """Probabilities -> labels on the exam's own grid, slice by slice.

    Args:
        windows: N times (T, C, W, W) probabilities in slice order; over C they sum to one.
        grid: the grid the windows were made with.

    Returns:
        The most probable label of every voxel (the lower on a tie), and the blended probabilities.
    """
    rows, columns = (up(pair) for pair in grid.pairs)
    weights = _blend_weights(grid)
    labels: Labels | None = None
    stack: NDArray[np.float16] | None = None
    count = 0
    for count, tiles in enumerate(windows, start=1):
        low = _blend(np.asarray(tiles, dtype=np.float32), grid, weights)
        if labels is None or stack is None:
            labels = np.zeros((grid.n_slices, rows.n_outputs, columns.n_outputs), dtype=np.uint8)
            stack = np.empty((grid.n_slices, *low.shape), dtype=np.float16)
        stack[count - 1] = low
        labels[count - 1] = _most_probable(low, rows, columns)
    if labels is None or stack is None or count != grid.n_slices:
        raise ValueError(f"need {grid.n_slices} slices, got {count}")
    return Restored(_to_source_order(labels, grid), stack, grid)


def _oriented(array: NDArray[Any], grid: SliceGrid) -> NDArray[Any]:
    """(I, J, K) as a view (N, rows, columns) in the grid's view."""
    if array.shape != grid.geometry.shape:
        raise ValueError(f"array must be {grid.geometry.shape}, got {array.shape}")
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in grid.flips)
    return np.transpose(array, grid.axes)[steps]


def _to_source_order(stack: NDArray[Any], grid: SliceGrid) -> NDArray[Any]:
    """(N, rows, columns) as a view (I, J, K)."""
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in grid.flips)
    return np.transpose(stack[steps], np.argsort(grid.axes))


def _turned(part: slice, n: int, flip: bool) -> slice:
    """A range of source indices along an axis, as a range of the view's."""
    start, stop, _ = part.indices(n)
    return slice(n - stop, n - start) if flip else slice(start, stop)


def _cut(low: Floats, grid: SliceGrid) -> Floats:
    """(..., rows, columns) -> (T, ..., W, W)."""
    w = grid.window
    return np.stack([low[..., r : r + w, c : c + w] for r, c in grid.offsets])


def _collect(tiles: Iterable[NDArray[Any]], grid: SliceGrid, dtype: type) -> NDArray[Any]:
    shape = (grid.n_slices, len(grid.offsets), grid.window, grid.window)
    out: NDArray[Any] = np.empty(shape, dtype=dtype)
    for n, tile in enumerate(tiles):
        out[n] = tile
    return out


def _span(hits: NDArray[Any], axis: int) -> slice:
    """From the first to the last index along an axis that holds a hit; empty without any."""
    at = np.flatnonzero(hits.any(axis=1 - axis))
    return slice(int(at[0]), int(at[-1]) + 1) if at.size else slice(0, 0)


def _blend_weights(grid: SliceGrid) -> Floats:
    """(T, W, W): each window's say in every pixel, falling towards its border; one in all over the windows."""
    tent = np.minimum(np.arange(1, grid.window + 1), np.arange(grid.window, 0, -1)).astype(np.float32)
    total = np.zeros(grid.size, dtype=np.float32)
    w = grid.window
    for r, c in grid.offsets:
        total[r : r + w, c : c + w] += tent[:, None] * tent
    weights: Floats = (tent[:, None] * tent) / _cut(total, grid)
    return weights


def _blend(tiles: Floats, grid: SliceGrid, weights: Floats) -> Floats:
    """(T, C, W, W) -> (C, rows, columns): weighted mean where windows overlap."""
    w = grid.window
    if tiles.ndim != 4 or (len(tiles), *tiles.shape[2:]) != (len(grid.offsets), w, w):
        raise ValueError(f"need ({len(grid.offsets)}, C, {w}, {w}) probabilities a slice, got {tiles.shape}")
    if len(tiles) == 1:
        return np.asarray(tiles[0], dtype=np.float32)
    low = np.zeros((tiles.shape[1], *grid.size), dtype=np.float32)
    for tile, weight, (r, c) in zip(tiles, weights, grid.offsets, strict=True):
        low[:, r : r + w, c : c + w] += tile * weight
    return low


def _most_probable(low: Floats, rows: Operator, columns: Operator) -> Labels:
    """(C, rows, columns) -> (n, m) labels.

    A label can only win where it reaches 1/C, and sharpening gains at most UP_GAIN an axis: beyond the
    reach of pixels of 1 / (C UP_GAIN^2) it need not be worked out.
    """
    labels = np.zeros((rows.n_outputs, columns.n_outputs), dtype=np.uint8)
    floor = 0.99 / (len(low) * UP_GAIN**2)
    boxes = {label: _reach(low[label] >= floor, rows, columns) for label in range(1, len(low))}
    boxes = {label: (r, c) for label, (r, c) in boxes.items() if r.start < r.stop}
    if not boxes:
        return labels
    r0, c0 = (min(box[axis].start for box in boxes.values()) for axis in (0, 1))
    r1, c1 = (max(box[axis].stop for box in boxes.values()) for axis in (0, 1))
    best = resample(low[0], rows.outputs(slice(r0, r1)), columns.outputs(slice(c0, c1)))
    for label, (r, c) in boxes.items():
        value = resample(low[label], rows.outputs(r), columns.outputs(c))
        held = best[r.start - r0 : r.stop - r0, c.start - c0 : c.stop - c0]
        won = value > held
        held[won] = value[won]
        labels[r, c][won] = label
    return labels


def _reach(hits: NDArray[np.bool_], rows: Operator, columns: Operator) -> tuple[slice, slice]:
    """Rows and columns of the source that the hit pixels' box has a say in."""
    return rows.reach(_span(hits, 0)), columns.reach(_span(hits, 1))
