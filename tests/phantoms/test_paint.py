"""The fast painter against a slow one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pedseg.phantoms import draw_patient
from pedseg.phantoms.exam import make_stage
from pedseg.phantoms.paint import LEAST_FAT_MM, Stage, paint_slice
from pedseg.phantoms.solids import smooth_max


def _slow_labels(stage: Stage, k: int) -> NDArray[np.uint8]:
    """Every bone on every pixel: no boxes, no coarse look, the skin at full resolution."""
    points = stage.points(k)
    covered = stage.scene.outline.distance(points) + (stage.scene.skin_mm + LEAST_FAT_MM + 1.0)
    taken = np.full(points[0].shape, 1e3, dtype=np.float32)
    labels = np.zeros(points[0].shape, dtype=np.uint8)
    for bone in stage.scene.bones:
        local = bone.frame.local(points)
        anlage = smooth_max(bone.solid.distance(local), bone.clear_mm - taken, 1.0)
        anlage = np.maximum(anlage, covered)
        taken = np.minimum(taken, anlage)
        weight = np.sqrt((bone.articular.distance(local) * (-1 / 6.0)).clip(0, 1))
        if bone.label:
            labels[anlage + weight * bone.unossified_mm < 0] = bone.label
    return labels


@pytest.mark.parametrize("name", ["ankle", "knee", "shoulder"])
def test_labels_are_those_of_a_painter_without_short_cuts(name: str) -> None:
    stage, grid = make_stage(draw_patient(name, 1, 1), matrix=128)
    for share in (0.4, 0.5, 0.6):
        k = int(grid.shape[2] * share)
        fast, slow = paint_slice(stage, k)[1], _slow_labels(stage, k)
        assert (slow > 0).sum() > 100
        assert (fast != slow).mean() < 2e-4


def test_brightness_stays_between_the_tissues() -> None:
    stage, grid = make_stage(draw_patient("knee", 1, 0), matrix=96)
    grey, _ = paint_slice(stage, grid.shape[2] // 2)
    assert grey.min() >= 0
    assert grey.max() < 1.4 * max(stage.tones.values())
    assert (grey == stage.tones["air"]).mean() > 0.1
