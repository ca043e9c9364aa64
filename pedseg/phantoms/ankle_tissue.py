"""The soft tissue of a foot and ankle: skin, muscles, tendons, vessels."""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.frames import Frame, Framed
from pedseg.phantoms.growth import jittered
from pedseg.phantoms.scene import Fill, Muscle
from pedseg.phantoms.solids import Blend, Ellipsoid, Solid, Vec, rounded_tube


def ankle_tissue(rng: np.random.Generator, heel: Frame, foot: Frame) -> tuple[Solid, tuple[Fill | Muscle, ...]]:
    """Draw what lies around the bones.

    Args:
        rng: of the patient's anatomy.
        heel: where the calcaneus has turned.
        foot: where the forefoot has turned.

    Returns:
        The skin's surface, and tissue in painting order.
    """
    fat = jittered(rng, 3.5, 2.0)
    achilles = _through(
        heel,
        [(2.0, -38.0, 140.0), (0.0, -34.0, 40.0), (-3.0, -38.0, 10.0)],
        [(-5.0, -62.0, -26.0), (-5.0, -68.0, -40.0)],
    )
    soft: list[Fill | Muscle] = [
        *_muscles(heel, foot),
        Fill(Ellipsoid((0.0, -2.0, -4.0), (25.0, 24.0, 8.0)), "synovium", blur_mm=3.0),
        Fill(Ellipsoid((0.0, 28.0, -42.0), (17.0, 8.0, 11.0)), "synovium", foot, blur_mm=3.0),
        Fill(rounded_tube(achilles, (6.0, 4.6, 3.8, 3.6, 3.2)), "tendon"),
        Fill(
            rounded_tube(((-6.0, -50.0, -64.0), (-6.0, 20.0, -86.0), (-4.0, 90.0, -130.0)), (1.8, 1.6, 1.2)),
            "tendon",
            heel,
        ),
        *_tendons(heel, foot),
        *_vessels(),
    ]
    return _outline(fat, heel, foot), tuple(soft)


def _outline(fat: float, heel: Frame, foot: Frame) -> Solid:
    leg = rounded_tube(
        ((1.0, -10.0, -16.0), (2.0, -14.0, 40.0), (3.0, -17.0, 140.0)),
        (33.0 + fat, 33.0 + fat, 43.0 + fat),
        reach_mm=26.0,
    )
    sole = Framed(
        Blend(
            (
                Ellipsoid((-2.0, -44.0, -46.0), (31.0 + fat, 40.0 + 0.5 * fat, 33.0 + fat), (10.0, 0.0, 4.0)),
                rounded_tube(((0.0, -30.0, -46.0), (-2.0, 18.0, -50.0)), (29.0 + fat, 33.0 + fat), reach_mm=26.0),
            ),
            14.0,
        ),
        heel,
    )
    front = Framed(
        Blend(
            (
                rounded_tube(
                    ((-4.0, 18.0, -46.0), (-4.0, 62.0, -74.0), (0.0, 120.0, -118.0)),
                    (32.0 + fat, 28.0 + fat, 21.0),
                    reach_mm=26.0,
                ),
                rounded_tube(((12.0, 20.0, -58.0), (18.0, 100.0, -116.0)), (24.0 + fat, 17.0), reach_mm=26.0),
            ),
            14.0,
        ),
        foot,
    )
    return Blend((leg, sole, front), 16.0)


def _muscles(heel: Frame, foot: Frame) -> tuple[Muscle, ...]:
    """Calf, peronei and extensors above; the short muscles of the sole and of the back of the foot below."""
    return (
        Muscle(rounded_tube(((8.0, -14.0, 66.0), (4.0, -16.0, 150.0)), (16.0, 42.0)), (0.05, 0.0, 1.0), 0.6, seed=9),
        Muscle(rounded_tube(((3.0, -18.0, 34.0), (4.0, -20.0, 140.0)), (13.0, 28.0)), (0.05, 0.0, 1.0), seed=1),
        Muscle(
            rounded_tube(((2.0, -20.0, 2.0), (8.0, -18.0, 60.0), (9.0, -18.0, 140.0)), (9.0, 13.0, 15.0)),
            (0.1, 0.0, 1.0),
            seed=2,
        ),
        Muscle(rounded_tube(((8.0, 20.0, 34.0), (14.0, 14.0, 140.0)), (8.0, 15.0)), (0.0, 0.05, 1.0), seed=3),
        Muscle(rounded_tube(((30.0, -14.0, 24.0), (30.0, -10.0, 140.0)), (7.0, 12.0)), (0.0, 0.0, 1.0), seed=4),
        Muscle(
            rounded_tube(((-8.0, -44.0, -68.0), (-14.0, 20.0, -76.0), (-20.0, 70.0, -100.0)), (6.0, 10.0, 9.0)),
            (0.0, 1.0, -0.4),
            seed=5,
            frame=heel,
        ),
        Muscle(
            rounded_tube(((2.0, -40.0, -68.0), (2.0, 20.0, -80.0), (2.0, 80.0, -116.0)), (6.0, 9.0, 8.0)),
            (0.0, 1.0, -0.4),
            seed=6,
            frame=heel,
        ),
        Muscle(
            rounded_tube(((14.0, -36.0, -66.0), (22.0, 20.0, -78.0), (26.0, 70.0, -106.0)), (6.0, 9.0, 7.0)),
            (0.0, 1.0, -0.4),
            seed=7,
            frame=heel,
        ),
        Muscle(
            rounded_tube(((14.0, 8.0, -34.0), (10.0, 50.0, -44.0)), (6.0, 5.0)), (0.2, 1.0, -0.4), seed=8, frame=foot
        ),
    )


def _tendons(heel: Frame, foot: Frame) -> tuple[Fill, ...]:
    front = [
        ((-10.0, 22.0, 120.0), (-12.0, 25.0, 20.0), (-20.0, 34.0, -8.0), (-24.0, 52.0, -44.0)),
        ((0.0, 24.0, 120.0), (-2.0, 27.0, 20.0), (-4.0, 36.0, -6.0), (-8.0, 62.0, -44.0)),
        ((10.0, 22.0, 120.0), (9.0, 25.0, 16.0), (12.0, 34.0, -10.0), (14.0, 60.0, -54.0)),
    ]
    inner = [
        ((-22.0, -16.0, 90.0), (-25.0, -14.0, 10.0), (-27.0, -6.0, -18.0), (-24.0, 30.0, -44.0)),
        ((-16.0, -22.0, 90.0), (-21.0, -21.0, 8.0), (-24.0, -10.0, -28.0), (-16.0, 20.0, -56.0)),
        ((-6.0, -27.0, 70.0), (-10.0, -28.0, 0.0), (-18.0, -14.0, -40.0), (-12.0, 30.0, -66.0)),
    ]
    outer = [
        ((28.0, -22.0, 90.0), (27.0, -25.0, 4.0), (27.0, -17.0, -28.0), (28.0, 22.0, -66.0)),
        ((31.0, -24.0, 90.0), (30.0, -27.0, 4.0), (29.0, -22.0, -34.0), (22.0, 6.0, -64.0)),
    ]
    fills = []
    for group, radius in ((front, 2.4), (inner, 2.3), (outer, 2.2)):
        for a, b, c, d in group:
            path = (a, b, heel.at(c), foot.at(d))
            fills.append(Fill(rounded_tube(path, (radius, radius, radius, radius * 0.9)), "tendon"))
    return tuple(fills)


def _vessels() -> tuple[Fill, ...]:
    paths = [
        ((-14.0, -26.0, 120.0), (-17.0, -26.0, 20.0), (-22.0, -20.0, -20.0), (-18.0, -4.0, -50.0)),
        ((-11.0, -28.0, 120.0), (-14.0, -29.0, 20.0), (-20.0, -24.0, -20.0), (-20.0, -8.0, -52.0)),
        ((-30.0, 16.0, 120.0), (-32.0, 16.0, 10.0), (-32.0, 24.0, -20.0), (-26.0, 50.0, -40.0)),
        ((4.0, 26.0, 110.0), (4.0, 30.0, 10.0), (4.0, 40.0, -12.0), (0.0, 60.0, -40.0)),
    ]
    walls = tuple(Fill(rounded_tube(p, (2.6, 2.4, 2.2, 1.8)), "wall") for p in paths)
    lumens = tuple(Fill(rounded_tube(p, (1.7, 1.6, 1.4, 1.1)), "blood") for p in paths)
    return walls + lumens


def _through(frame: Frame, fixed: list[Vec], moving: list[Vec]) -> tuple[Vec, ...]:
    return (*fixed, *(frame.at(p) for p in moving))
