"""An exam as the network sees it: the one way for training and prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedseg.errors import Notice
from pedseg.plan import DomainPlan
from pedseg.volumes import Volume
from pedseg.volumes.intensity import normalise
from pedseg.volumes.slices import SliceGrid, choose_slice_axis, iter_windows, plan_slices


@dataclass(frozen=True, eq=False)
class Prepared:
    """A normalised exam and how its slices lie.

    Args:
        grid: slices and windows on the exam's grid.
        values: (I, J, K) float32, zero mean and unit variance.
        notices: what was unusual.
    """

    grid: SliceGrid
    values: NDArray[np.float32]
    notices: tuple[Notice, ...]

    def windows(self) -> Iterator[NDArray[np.float16]]:
        """Slice by slice (T, W, W), in the cache's precision, so that prediction sees what training saw."""
        return (tiles.astype(np.float16) for tiles in iter_windows(self.values, self.grid))


def prepare(volume: Volume, plan: DomainPlan) -> Prepared:
    """Normalise an exam and lay slices over it, as the domain's plan says (METHODS, section 2).

    Raises:
        InputError: PS-A65 constant image, PS-A66 NaN or infinite values.
    """
    axis, turned = choose_slice_axis(volume, plan.plane)
    grid = plan_slices(volume.geometry, slice_axis=axis, spacing_mm=plan.spacing_mm, window=plan.window)
    values = normalise(volume.array, clip_percentiles=plan.normalisation.clip_percentiles)
    return Prepared(grid, values, (*((turned,) if turned else ()), *grid.notices))
