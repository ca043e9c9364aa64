"""Grids keep to METHODS section 1, and are never level with the patient."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.errors import UsageError
from pedseg.phantoms import draw_patient, make_exam
from pedseg.phantoms.exam import make_stage
from pedseg.phantoms.protocol import PROTOCOLS, draw_slab

DOMAINS = ("ankle", "knee", "shoulder")


def test_geometry_keeps_to_the_protocol_and_is_oblique() -> None:
    for name in DOMAINS:
        protocol = PROTOCOLS[name]
        unequal = []
        for index in range(8):
            stage, grid = make_stage(draw_patient(name, 0, index), matrix=None)
            extent = np.array(grid.shape) * grid.spacing_mm
            size = min(stage.scene.scale, 1.0) if protocol.follows_size else 1.0
            np.testing.assert_allclose(extent[:2], size * np.array(protocol.fov_mm), rtol=0.01)
            low, high = protocol.spacing_mm
            assert low * 0.99 <= grid.spacing_mm[0] <= high * 1.01
            assert protocol.slice_mm[0] * 0.99 <= grid.spacing_mm[2] <= protocol.slice_mm[1] * 1.01
            assert grid.plane_of(2) == protocol.plane
            assert np.abs(grid.direction).max() < 1 - 1e-6
            unequal.append(grid.spacing_mm[1] / grid.spacing_mm[0] > 1.05)
        assert any(unequal)
        assert not all(unequal)


@pytest.mark.parametrize("name", DOMAINS)
def test_slices_with_bone_are_as_many_as_in_the_paper(name: str) -> None:
    """METHODS section 1: 86 of 180, 152 of 200, 224 of 245, scaled to the small matrix."""
    protocol = PROTOCOLS[name]
    shares = []
    for index in range(3):
        labels = make_exam(draw_patient(name, 0, index), matrix=48).labels.array
        shares.append((labels > 0).any(axis=(0, 1)).mean())
    assert np.mean(shares) == pytest.approx(protocol.bone_slices / protocol.slices, rel=0.2)


def test_a_smaller_matrix_has_fewer_slices_over_the_same_slab() -> None:
    slab = draw_slab(draw_patient("knee", 0, 0), focus_mm=np.zeros(3), depth_mm=80.0)
    full, half = slab.grid(None), slab.grid(max(slab.shape[:2]) // 2)
    assert half.shape[2] == pytest.approx(full.shape[2] / 2, abs=1)
    for grid in (full, half):
        np.testing.assert_allclose(np.array(grid.shape) * grid.spacing_mm, slab.size_mm, rtol=1e-9)
        np.testing.assert_allclose(grid.to_mm((np.array(grid.shape) - 1) / 2), slab.center_mm, atol=1e-9)


def test_a_matrix_too_small_is_refused() -> None:
    slab = draw_slab(draw_patient("knee", 0, 0), focus_mm=np.zeros(3), depth_mm=80.0)
    with pytest.raises(UsageError, match="at least 32 is needed, got 31"):
        slab.grid(31)
