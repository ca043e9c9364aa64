"""Thin plates and the surfaces of growth plates against hand-worked heights."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.phantoms.plates import GrowthPlate, Sheet


def _at(plate: GrowthPlate, *points: tuple[float, float, float]) -> list[float]:
    x, y, z = (np.array(c, dtype=np.float32) for c in zip(*points, strict=True))
    return [float(d) for d in plate.distance((x, y, z))]


def test_sheet_is_as_thick_as_it_says_where_it_is_bent() -> None:
    sheet = Sheet(((-40.0, -40.0), (40.0, -40.0), (40.0, 40.0), (-40.0, 40.0)), 2.0, (4e-3, 0.0, 0.0))
    x = 20.0
    height, slope = 4e-3 * x * x, 2 * 4e-3 * x
    along = np.linspace(-4, 4, 8001)
    normal = np.array([-slope, 0.0, 1.0]) / np.hypot(slope, 1)
    line = np.array([x, 0.0, height]) + along[:, None] * normal
    inside = sheet.distance(tuple(line.T.astype(np.float32))) < 0  # type: ignore[arg-type]
    assert inside.sum() * 0.001 == pytest.approx(2.0, abs=0.05)


def test_growth_plate_has_its_epiphysis_inside() -> None:
    below = GrowthPlate(10.0, (0.1, 0.0), ((5.0, 0.0, 4.0, 3.0),))
    assert _at(below, (0, 0, 9), (10, 0, 13)) == pytest.approx(
        [-1 - 3 * np.exp(-25 / 16), 2 - 3 * np.exp(-25 / 16)], abs=1e-4
    )
    assert _at(GrowthPlate(10.0, above=True), (0, 0, 12)) == pytest.approx([-2], abs=1e-5)


def test_a_sheet_ends_at_its_outline() -> None:
    sheet = Sheet(((0.0, 0.0), (20.0, 0.0), (20.0, 10.0), (0.0, 10.0)), 2.0, rim=1.0)
    x = np.array([10, 21.5, 10, 10, -5], dtype=np.float32)
    y = np.array([5, 5, 5, 12, 5], dtype=np.float32)
    z = np.array([0, 0, 1.5, 0, 0], dtype=np.float32)
    assert sheet.distance((x, y, z)) == pytest.approx([-1, 0.5, 0.5, 1, 4], abs=0.05)
