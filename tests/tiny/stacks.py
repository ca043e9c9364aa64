"""Where the target pixels of a slice grid lie, worked out from its axes, flips and sizes."""

from __future__ import annotations

import numpy as np

from pedseg.volumes import Geometry
from pedseg.volumes.slice_grid import SliceGrid


def stack_geometry(grid: SliceGrid) -> Geometry:
    """The grid of the whole target stack (N, rows, columns), windows put together."""
    rows, columns = grid.pairs
    to_source = np.zeros((4, 4))
    to_source[3, 3] = 1
    starts = (0.0, rows.source_index[0], columns.source_index[0])
    steps = (1.0, *(grid.spacing_mm / pair.spacing_mm for pair in (rows, columns)))
    for column, (axis, flip) in enumerate(zip(grid.axes, grid.flips, strict=True)):
        sign = -1.0 if flip else 1.0
        to_source[axis, column] = sign * steps[column]
        to_source[axis, 3] = starts[column] if not flip else grid.geometry.shape[axis] - 1 - starts[column]
    return Geometry((grid.n_slices, *grid.size), grid.geometry.affine @ to_source)
