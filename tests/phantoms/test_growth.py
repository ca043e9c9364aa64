"""What age does to a joint, and what sets one child apart from the next."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pedseg.phantoms.growth import draw_growth, jittered, shaped
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.solids import Ellipsoid


def test_the_young_have_more_cartilage_and_open_plates() -> None:
    def grown(age: float) -> list[float]:
        drawn = [
            draw_growth(Patient("shoulder", age, "left", False, 0, i), np.random.default_rng(i)) for i in range(20)
        ]
        return np.mean([dataclasses.astuple(g) for g in drawn], axis=0).tolist()  # type: ignore[no-any-return]

    young, old = grown(5.0), grown(17.0)
    names = [
        f.name
        for f in dataclasses.fields(draw_growth(Patient("knee", 15, "left", False, 0, 0), np.random.default_rng(0)))
    ]
    change = {n: o - y for n, y, o in zip(names, young, old, strict=True)}
    assert change["scale"] > 0.3
    assert change["unossified_mm"] < -2
    assert change["physis_mm"] < -1.5
    assert change["cartilage_mm"] < 0


def test_shaping_keeps_the_volume_and_the_pivot() -> None:
    """An ellipsoid's volume goes with the product of its axes; its middle stays where the pivot is."""
    pivot = (10.0, -4.0, 6.0)
    solid = shaped(Ellipsoid(pivot, (8.0, 8.0, 8.0)), np.random.default_rng(0), 0.15, pivot)
    low, high = solid.box
    assert np.prod(high - low) == pytest.approx(16**3)
    np.testing.assert_allclose((low + high) / 2, pivot, atol=1e-9)
    assert np.ptp(high - low) > 0.5


def test_jitter_stays_within_its_spread() -> None:
    values = [jittered(np.random.default_rng(i), 5.0, 2.0) for i in range(200)]
    assert min(values) >= 3
    assert max(values) <= 7
    assert max(values) - min(values) > 3.5
