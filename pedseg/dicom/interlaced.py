"""Volumes that lie between each other's slices under one UID: what grey values tell where headers do not decide.

In one volume a slice is most like its neighbours. Of two volumes, each slice is more like the one after the
next. Correlation is blind to gain and offset, so that slices made darker by their neighbours' excitation
(cross-talk) count as what they are: slices of one volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.dicom.frame import Frame
from pedseg.dicom.pixels import read_grey
from pedseg.dicom.series import Series, projections
from pedseg.errors import Notice, PedsegError

LEAST_SLICES = 4
"""Fewer slices are no volume: two volumes have eight, three have twelve."""
MOST_VOLUMES = 4
WARNED, REFUSED = 0.8, 0.5
"""Dissimilarity of slices n apart over that of neighbours. Right stacks and pieces of 8 slices, with gain,
noise and cross-talk put on, reach down to 0.98."""
UNLIKE = 0.02
"""Neighbours that differ less than this (1 - correlation) are slices of one volume."""
BRIGHTER = 1.75
"""Cross-talk takes up to 30 % of the grey values of every second slice: a factor of 1.43."""
_SIDE, _LEAST_POINTS = 48, 256
"""Points looked at along rows and columns, and how many they must be."""
_LOOKED_AT = 24
"""Slices from the middle that are read to judge what headers suspect."""
_COUNTED = {"acquisition": "acquisition", "trigger_time": "trigger time"}
"""What may alternate in one volume and in two: slices acquired in packages, or volumes of their own."""


@dataclass(frozen=True)
class Lacing:
    """How slices resemble others.

    Args:
        volumes: distance in slices, from 2, at which they resemble each other most: so many volumes.
        ratio: their dissimilarity over that of neighbours; 1 and more in one volume.
        factor: by which every second slice is brighter than the others; 1 in one volume.
    """

    volumes: int = 2
    ratio: float = 1.0
    factor: float = 1.0


def interlaced_notices(array: NDArray[Any]) -> tuple[Notice, ...]:
    """A warning where the slices of an image (I, J, K) look like those of several volumes."""
    lacing = lacing_of(sampled(array))
    advice = "look at it; if that is so, export each on its own"
    if lacing.ratio < WARNED:
        text = f"slices are less like their neighbours than like those {lacing.volumes} away"
        return (Notice("PS-W26", f"{text}, as of {lacing.volumes} volumes between each other's slices: {advice}"),)
    if lacing.factor > BRIGHTER:
        text = f"every second slice is {lacing.factor:.1f} times as bright as the others"
        return (Notice("PS-W26", f"{text}, as of 2 volumes between each other's slices: {advice}"),)
    return ()


def split_interlaced(part: Series) -> list[Series]:
    """The volumes of a candidate whose acquisitions alternate, where its grey values say that they are several.

    Slices acquired in packages alternate too and stay together.
    """
    if part.first.orientation is None:
        return [part]
    along = projections(part.frames)
    ordered = [part.frames[int(i)] for i in np.argsort(along, kind="stable")]
    for name, word in _COUNTED.items():
        values = [getattr(frame.phase, name) for frame in ordered]
        if _alternate(values) and _is_laced(ordered, len(set(values))):
            return [
                replace(
                    part,
                    frames=tuple(f for f, v in zip(ordered, values, strict=True) if v == value),
                    phase=n,
                    phase_text=f"{word} {value:g}",
                )
                for n, value in enumerate(sorted(set(values)), start=1)
            ]
    return [part]


def sampled(array: NDArray[Any]) -> NDArray[np.float32]:
    """(I, J, K) -> (K, points): a grid of points of each slice."""
    columns, rows, slices = array.shape
    points = array[:: max(1, columns // _SIDE), :: max(1, rows // _SIDE)]
    return points.transpose(2, 1, 0).reshape(slices, -1).astype(np.float32)


def lacing_of(points: NDArray[np.float32]) -> Lacing:
    """Compare slices with their neighbours and with those farther on.

    Args:
        points: (K, points) grey values.

    Returns:
        1 - sum of covariances / sum of products of standard deviations, over pairs of slices: strong slices
        count more, and empty ones not at all.
    """
    n_slices, n_points = points.shape
    if n_slices < 2 * LEAST_SLICES or n_points < _LEAST_POINTS:
        return Lacing()
    with np.errstate(over="ignore", invalid="ignore"):
        centred = points - points.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.einsum("kp,kp->k", centred, centred))
    if not spread.any() or not np.isfinite(spread).all():
        return Lacing()
    centred, spread = centred / spread.max(), spread / spread.max()
    neighbours = _unlike(centred, spread, 1)
    if neighbours < UNLIKE:
        return Lacing(factor=_factor(spread))
    most = min(MOST_VOLUMES, n_slices // LEAST_SLICES)
    ratios = {n: _unlike(centred, spread, n) / neighbours for n in range(2, most + 1)}
    volumes = min(ratios, key=lambda n: (round(ratios[n], 2), n))
    return Lacing(volumes, ratios[volumes], _factor(spread))


def _unlike(centred: NDArray[np.float32], spread: NDArray[np.float32], apart: int) -> float:
    """1: unlike, also where fewer than four pairs of slices carry the sum."""
    weights = spread[:-apart] * spread[apart:]
    if weights.sum() ** 2 < LEAST_SLICES * (weights @ weights) or not weights.any():
        return 1.0
    return 1.0 - float(np.einsum("kp,kp->", centred[:-apart], centred[apart:]) / weights.sum())


def _factor(spread: NDArray[np.float32]) -> float:
    """Median step up or down from both neighbours to every second slice; faint slices do not count."""
    strong = spread > 0.1 * np.median(spread)
    counts = strong[:-2] & strong[1:-1] & strong[2:]
    if np.count_nonzero(counts) < LEAST_SLICES:
        return 1.0
    height = np.log(np.where(strong, spread, 1.0))
    up = (height[1:-1] - (height[:-2] + height[2:]) / 2) * (-1.0) ** np.arange(len(height) - 2)
    return float(np.exp(abs(np.median(up[counts]))))


def _alternate(values: Sequence[float | None]) -> bool:
    """Whether 1, 2, 1, 2 or 1, 2, 3, 1, 2, 3: at least four rounds."""
    n = len(set(values))
    if None in values or not 1 < n <= MOST_VOLUMES or len(values) < n * LEAST_SLICES:
        return False
    return all(value == values[k % n] for k, value in enumerate(values)) and len(set(values[:n])) == n


def _is_laced(ordered: Sequence[Frame], volumes: int) -> bool:
    """Whether the grey values of the middle slices leave no doubt; what cannot be read is refused elsewhere."""
    start = max(0, (len(ordered) - _LOOKED_AT) // 2)
    try:
        points = np.concatenate([sampled(read_grey([f])) for f in ordered[start : start + _LOOKED_AT]])
    except PedsegError:
        return False
    lacing = lacing_of(points)
    return lacing.volumes == volumes and lacing.ratio < REFUSED
