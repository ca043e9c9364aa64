"""Implicit solids against distances worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.phantoms.plates import Sheet
from pedseg.phantoms.solids import (
    Barrel,
    Blend,
    Carved,
    Ellipsoid,
    HalfSpace,
    Placed,
    Solid,
    Tube,
    rotation,
    rounded_tube,
)

SOLIDS: list[Solid] = [
    Ellipsoid((1.0, 2.0, 3.0), (5.0, 9.0, 7.0), (20.0, -30.0, 50.0)),
    Tube(((0.0, 0.0, 0.0), (10.0, 0.0, 0.0), (10.0, 8.0, 2.0)), (2.0, 3.0, 1.0)),
    rounded_tube(((0.0, 0.0, 0.0), (10.0, 0.0, 0.0), (10.0, 8.0, 2.0)), (2.0, 3.0, 1.0)),
    Barrel((0.0, 1.0, 0.0), 8.0, 6.0, 2.0, 1.0),
    Sheet(((0.0, 0.0), (30.0, 5.0), (10.0, 40.0)), 2.0, (1e-3, 5e-4, -1e-3)),
    Blend((Ellipsoid((0.0, 0.0, 0.0), (5.0, 5.0, 5.0)), Ellipsoid((7.0, 0.0, 0.0), (4.0, 4.0, 4.0))), 3.0),
    Carved(Ellipsoid((0.0, 0.0, 0.0), (9.0, 9.0, 9.0)), (HalfSpace((0.0, 0.0, 1.0), 2.0),), 1.0, keep=True),
    Placed(Ellipsoid((0.0, 0.0, 0.0), (3.0, 4.0, 5.0)), (4.0, 5.0, 6.0), (10.0, 20.0, 30.0), (1.2, 0.9, 1.1)),
]


def _at(solid: Solid, *points: tuple[float, float, float]) -> list[float]:
    x, y, z = (np.array(c, dtype=np.float32) for c in zip(*points, strict=True))
    return [float(d) for d in solid.distance((x, y, z))]


def test_sphere_and_capsule_give_exact_distances() -> None:
    sphere = Ellipsoid((1.0, 0.0, 0.0), (5.0, 5.0, 5.0))
    assert _at(sphere, (1, 0, 9), (1, 3, 0), (6, 0, 0)) == pytest.approx([4, -2, 0], abs=1e-4)
    capsule = Tube(((0.0, 0.0, 0.0), (10.0, 0.0, 0.0)), (2.0, 2.0))
    assert _at(capsule, (5, 5, 0), (-4, 0, 0), (5, 0, 0)) == pytest.approx([3, 2, -2], abs=1e-4)


def test_ellipsoid_is_zero_on_its_surface_with_unit_slope() -> None:
    solid = Ellipsoid((0.0, 0.0, 0.0), (4.0, 8.0, 6.0))
    surface = np.array([4 * 0.6, 8 * 0.64, 6 * 0.48])
    normal = surface / np.array([16.0, 64.0, 36.0])
    normal /= np.linalg.norm(normal)
    below, on, above = (tuple(float(v) for v in surface + s * normal) for s in (-0.1, 0, 0.1))
    assert _at(solid, below, on, above) == pytest.approx([-0.1, 0, 0.1], abs=5e-3)


def test_fillet_only_adds_and_carving_only_takes() -> None:
    a, b = Ellipsoid((0.0, 0.0, 0.0), (5.0, 5.0, 5.0)), Ellipsoid((7.0, 0.0, 0.0), (4.0, 4.0, 4.0))
    points = tuple(np.random.default_rng(0).uniform(-8, 12, (3, 500)).astype(np.float32))
    union = np.minimum(a.distance(points), b.distance(points))  # type: ignore[arg-type]
    assert (Blend((a, b), 3.0).distance(points) <= union + 1e-5).all()  # type: ignore[arg-type]
    assert (Carved(a, (b,), 2.0).distance(points) >= a.distance(points) - 1e-5).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("solid", SOLIDS, ids=lambda s: type(s).__name__)
def test_no_solid_leaves_its_box(solid: Solid) -> None:
    grid = np.meshgrid(*[np.linspace(-60, 60, 61, dtype=np.float32)] * 3, indexing="ij")
    inside = solid.distance((grid[0], grid[1], grid[2])) < 0
    points = np.stack([g[inside] for g in grid], axis=1)
    assert len(points) > 5
    low, high = solid.box
    assert (points >= low - 0.6).all()
    assert (points <= high + 0.6).all()


def test_rotation_turns_x_to_y_about_z() -> None:
    np.testing.assert_allclose(rotation((0.0, 0.0, 90.0)) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation((90.0, 0.0, 0.0)) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
