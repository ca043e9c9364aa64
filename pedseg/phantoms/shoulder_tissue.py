"""The soft tissue of a shoulder: skin, chest wall, rotator cuff, arm, vessels and nerves."""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.chest import CHEST, CHEST_RADII
from pedseg.phantoms.frames import Frame, Framed
from pedseg.phantoms.growth import jittered
from pedseg.phantoms.scene import Fill, Muscle
from pedseg.phantoms.solids import Blend, Carved, Ellipsoid, Solid, Vec, rounded_tube

CUFF_SEPTA = 0.45
"""Fat between the bundles of a child's rotator cuff, which has little; in palsy too at these ages."""


def shoulder_tissue(rng: np.random.Generator, arm: Frame, blade: Frame) -> tuple[Solid, tuple[Fill | Muscle, ...]]:
    """Draw what lies around the bones.

    Args:
        rng: of the patient's anatomy.
        arm: where the humerus has turned.
        blade: the scapula's frame.

    Returns:
        The skin's surface, and tissue in painting order.
    """
    fat = jittered(rng, 3.5, 2.5)
    outline = Blend(
        (
            Ellipsoid((-170.0, -6.0, -165.0), (158.0 + fat, 122.0 + fat, 262.0)),
            Framed(
                rounded_tube(
                    ((2.0, 0.0, 2.0), (6.0, 0.0, -60.0), (6.0, 0.0, -240.0)),
                    (42.0 + fat, 42.0 + fat, 37.0 + fat),
                    reach_mm=26.0,
                ),
                arm,
            ),
            rounded_tube(
                ((-14.0, -8.0, 6.0), (-80.0, -22.0, 30.0), (-150.0, -14.0, 90.0)),
                (37.0 + fat, 44.0 + fat, 52.0),
                reach_mm=26.0,
            ),
        ),
        24.0,
    )
    soft: list[Fill | Muscle] = [
        Muscle(Ellipsoid((-170.0, -6.0, -165.0), (151.0, 115.0, 254.0)), (0.6, 0.6, 0.5), 0.75, seed=51),
        Muscle(
            rounded_tube(((-20.0, -10.0, 14.0), (-80.0, -24.0, 26.0), (-150.0, -14.0, 86.0)), (24.0, 37.0, 44.0)),
            (1.0, 0.2, 0.2),
            0.75,
            seed=53,
        ),
        Muscle(Ellipsoid(CHEST, CHEST_RADII), (1.0, 0.0, 0.3), 0.5, seed=52),
        Fill(Ellipsoid(CHEST, (CHEST_RADII[0] - 11, CHEST_RADII[1] - 11, CHEST_RADII[2] - 10)), "lung"),
        Fill(Ellipsoid((CHEST[0] - 8, CHEST[1] - 4, CHEST[2] - 50), (44.0, 62.0, 140.0)), "synovium"),
        Fill(rounded_tube(((CHEST[0] + 4, -32.0, 40.0), (CHEST[0] + 12, -30.0, -260.0)), (9.0, 10.0)), "blood"),
        Fill(rounded_tube(((CHEST[0], -66.0, 60.0), (CHEST[0], -66.0, -260.0)), (7.0, 7.0)), "fluid"),
        Fill(Ellipsoid((-44.0, 22.0, -46.0), (15.0, 18.0, 44.0), (0.0, 14.0, 0.0)), "fat", blur_mm=4.0),
        *_cuff(rng, blade),
        *_arm_muscles(arm, blade),
        Fill(Ellipsoid((-6.0, -2.0, 0.0), (29.0, 27.0, 27.0)), "synovium", blur_mm=4.0),
        *_vessels(arm),
    ]
    return outline, tuple(soft)


def _cuff(rng: np.random.Generator, blade: Frame) -> tuple[Muscle, ...]:
    """Supraspinatus, infraspinatus, subscapularis and teres lie on the blade."""
    swell = jittered(rng, 1.0, 0.12)
    solids: list[tuple[Solid, Vec]] = [
        (
            rounded_tube(
                ((88.0, 32.0, 10.0), (50.0, 34.0, 11.0), (10.0, 36.0, 8.0), (-22.0, 24.0, 2.0)),
                (8.0, 13.0 * swell, 11.0, 4.0),
            ),
            (1.0, 0.1, 0.0),
        ),
        (
            rounded_tube(
                ((86.0, -30.0, 12.0), (50.0, -14.0, 16.0), (10.0, 2.0, 22.0), (-24.0, 6.0, 22.0)),
                (14.0, 19.0 * swell, 14.0, 5.0),
            ),
            (1.0, -0.3, 0.0),
        ),
        (
            rounded_tube(((62.0, -80.0, 12.0), (34.0, -44.0, 14.0), (4.0, -16.0, 26.0)), (13.0, 13.0, 8.0)),
            (1.0, -1.0, 0.0),
        ),
        (
            rounded_tube(
                ((80.0, -30.0, -10.0), (46.0, -16.0, -15.0), (6.0, -2.0, -22.0), (-14.0, -2.0, -27.0)),
                (12.0, 18.0 * swell, 14.0, 5.0),
            ),
            (1.0, -0.2, 0.0),
        ),
    ]
    return tuple(Muscle(solid, along, CUFF_SEPTA, seed=61 + n, frame=blade) for n, (solid, along) in enumerate(solids))


def _arm_muscles(arm: Frame, blade: Frame) -> tuple[Muscle, ...]:
    shell = Carved(
        Framed(Ellipsoid((4.0, 0.0, -18.0), (39.0, 41.0, 66.0)), arm),
        (Framed(Ellipsoid((-6.0, 0.0, -20.0), (30.0, 27.0, 60.0)), arm),),
        6.0,
    )
    parts: list[tuple[Solid, Vec]] = [
        (
            Framed(rounded_tube(((4.0, 0.0, -70.0), (5.0, 0.0, -110.0), (5.0, 0.0, -240.0)), (14.0, 30.0, 31.0)), arm),
            (0.0, 0.0, 1.0),
        ),
        (shell, (0.1, 0.1, 1.0)),
        (Framed(rounded_tube(((2.0, 24.0, -50.0), (4.0, 22.0, -220.0)), (9.0, 20.0)), arm), (0.0, 0.0, 1.0)),
        (
            Framed(
                rounded_tube(((0.0, -20.0, -30.0), (4.0, -22.0, -120.0), (4.0, -22.0, -220.0)), (9.0, 19.0, 19.0)), arm
            ),
            (0.0, 0.0, 1.0),
        ),
        (
            Framed(
                rounded_tube(((60.0, -102.0, 2.0), (20.0, -70.0, 0.0), (-14.0, -52.0, -6.0)), (14.0, 16.0, 8.0)), blade
            ),
            (1.0, -0.7, 0.0),
        ),
        (
            rounded_tube(((-120.0, 104.0, -90.0), (-60.0, 76.0, -60.0), (-8.0, 34.0, -56.0)), (14.0, 17.0, 8.0)),
            (1.0, -0.5, 0.3),
        ),
        (
            rounded_tube(((-110.0, -86.0, 60.0), (-70.0, -60.0, 50.0), (-24.0, -26.0, 42.0)), (14.0, 13.0, 7.0)),
            (1.0, 0.5, -0.3),
        ),
    ]
    return tuple(Muscle(solid, along, 0.85, seed=71 + n) for n, (solid, along) in enumerate(parts))


def _vessels(arm: Frame) -> tuple[Fill, ...]:
    paths = [
        (
            (-110.0, 46.0, 24.0),
            (-60.0, 36.0, -6.0),
            (-44.0, 22.0, -40.0),
            arm.at((-24.0, 8.0, -90.0)),
            arm.at((-18.0, 6.0, -220.0)),
        ),
        (
            (-112.0, 54.0, 16.0),
            (-62.0, 46.0, -14.0),
            (-44.0, 32.0, -44.0),
            arm.at((-26.0, 16.0, -92.0)),
            arm.at((-20.0, 12.0, -220.0)),
        ),
    ]
    fills: list[Fill] = []
    for path in paths:
        fills += [
            Fill(rounded_tube(path, (5.0, 4.6, 4.2, 3.4, 2.8)), "wall"),
            Fill(rounded_tube(path, (3.8, 3.4, 3.0, 2.4, 1.9)), "blood"),
        ]
    for shift in (-7.0, 0.0, 6.0):
        nerve = tuple((x - 2.0 + shift * 0.4, y - 9.0 + shift * 0.6, z + shift) for x, y, z in paths[0])
        fills.append(Fill(rounded_tube(nerve, (2.4, 2.4, 2.2, 2.0, 1.8)), "nerve"))
    return tuple(fills)
