"""Ribs lie in the wall of the chest."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.phantoms.chest import CHEST, CHEST_RADII, chest_ribs, chest_size, spine
from pedseg.phantoms.growth import Growth
from pedseg.phantoms.solids import Tube

GROWN = Growth(1.0, 0.0, 0.0, 1.0, 2.5)


def test_the_chest_is_widest_at_its_middle_and_closed_above() -> None:
    assert chest_size(CHEST[2]) == pytest.approx(CHEST_RADII[:2])
    assert chest_size(CHEST[2] + 0.8 * CHEST_RADII[2]) == pytest.approx((0.6 * CHEST_RADII[0], 0.6 * CHEST_RADII[1]))
    assert chest_size(CHEST[2] + 2 * CHEST_RADII[2]) == (0, 0)


def test_ribs_stay_within_two_centimetres_of_the_chest_wall() -> None:
    for rib in chest_ribs(np.random.default_rng(0), GROWN):
        assert isinstance(rib.solid, Tube)
        points = np.array(rib.solid.points)
        share = np.linalg.norm((points - CHEST) / CHEST_RADII, axis=1)
        assert np.abs(share - 1).max() * min(CHEST_RADII) < 20
        assert rib.label == 0


def test_vertebrae_follow_one_another_without_touching() -> None:
    boxes = [v.solid.box for v in spine(np.random.default_rng(0), GROWN)]
    middles = [float(b[1][2]) for b in boxes]
    assert middles == sorted(middles, reverse=True)
    assert np.diff(middles).max() < -19
