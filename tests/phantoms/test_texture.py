"""Textures repeat, and septa run along their muscle."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.phantoms.texture import SEPTA_TILE, grain_tile, septa, septa_tile


def test_textures_repeat_without_a_seam() -> None:
    tile = septa_tile()
    assert tile.shape == (SEPTA_TILE, SEPTA_TILE)
    assert 0 <= tile.min() < tile.max() <= 1
    steps = np.abs(np.diff(tile, axis=0)).mean()
    assert np.abs(tile[0] - tile[-1]).mean() < 2 * steps
    assert grain_tile().std() == pytest.approx(1, abs=1e-3)


def test_septa_change_across_a_muscle_and_hardly_along_it() -> None:
    line = np.linspace(0, 20, 200, dtype=np.float32)
    still = np.zeros_like(line)
    along, across = septa((still, still, line), (0.0, 0.0, 1.0), 3), septa((line, still, still), (0.0, 0.0, 1.0), 3)
    assert np.abs(np.diff(across)).mean() > 2 * np.abs(np.diff(along)).mean()
