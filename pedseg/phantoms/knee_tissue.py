"""The soft tissue of a knee: skin, muscles of thigh and calf, menisci, ligaments, tendons, vessels."""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.frames import Frame, Framed
from pedseg.phantoms.growth import jittered
from pedseg.phantoms.scene import Fill, Muscle
from pedseg.phantoms.solids import Blend, Ellipsoid, Placed, Solid, Tube, Vec, rounded_tube


def knee_tissue(
    rng: np.random.Generator, thigh: Frame, shank: Frame, glide: Frame
) -> tuple[Solid, tuple[Fill | Muscle, ...]]:
    """Draw what lies around the bones.

    Args:
        rng: of the patient's anatomy.
        thigh: where the femur has turned.
        shank: where tibia and fibula have turned.
        glide: where the patella has turned.

    Returns:
        The skin's surface, and tissue in painting order.
    """
    fat = jittered(rng, 4.0, 3.0)
    soft: list[Fill | Muscle] = [
        *_compartments(thigh, shank),
        *(Muscle(solid, along, seed=n, frame=thigh) for n, (solid, along) in enumerate(_thigh_muscles(), start=11)),
        *(Muscle(solid, along, seed=n, frame=shank) for n, (solid, along) in enumerate(_calf_muscles(), start=31)),
        Fill(Ellipsoid((0.0, -40.0, 10.0), (18.0, 18.0, 42.0)), "fat", blur_mm=6.0),
        Fill(Ellipsoid((2.0, 24.0, 4.0), (24.0, 18.0, 24.0), (-20.0, 0.0, 0.0)), "fat", shank, blur_mm=3.0),
        Fill(Ellipsoid((1.0, 26.0, 58.0), (16.0, 7.0, 16.0), (-12.0, 0.0, 0.0)), "fat", thigh, blur_mm=2.0),
        Fill(Ellipsoid((0.0, -8.0, 0.0), (42.0, 28.0, 10.0)), "synovium", shank, blur_mm=6.0),
        *_joint(thigh, shank),
        *_tendons(rng, thigh, shank, glide),
        *_vessels(thigh, shank),
    ]
    return _outline(fat, thigh, shank, glide), tuple(soft)


def _outline(fat: float, thigh: Frame, shank: Frame, glide: Frame) -> Solid:
    return Blend(
        (
            Framed(
                rounded_tube(
                    ((0.0, -6.0, 18.0), (-2.0, -10.0, 60.0), (-6.0, -8.0, 130.0), (-8.0, -6.0, 260.0)),
                    (50.0 + fat, 52.0 + fat, 62.0 + fat, 74.0 + 2 * fat),
                    reach_mm=26.0,
                ),
                thigh,
            ),
            Framed(
                rounded_tube(
                    ((0.0, -8.0, -4.0), (0.0, -17.0, -50.0), (0.0, -26.0, -120.0), (0.0, -24.0, -260.0)),
                    (46.0 + fat, 45.0 + fat, 50.0 + fat, 40.0 + fat),
                    reach_mm=26.0,
                ),
                shank,
            ),
            Framed(Ellipsoid((3.0, 30.0, 28.0), (34.0, 24.0 + 0.5 * fat, 34.0)), glide),
        ),
        22.0,
    )


def _compartments(thigh: Frame, shank: Frame) -> tuple[Muscle, Muscle]:
    """What fills thigh and calf between the muscles that are drawn one by one."""
    return (
        Muscle(
            rounded_tube(
                ((0.0, 8.0, 66.0), (0.0, 0.0, 92.0), (-4.0, -4.0, 135.0), (-8.0, -6.0, 260.0)), (16.0, 38.0, 55.0, 72.0)
            ),
            (0.0, 0.1, 1.0),
            0.6,
            seed=10,
            frame=thigh,
        ),
        Muscle(
            rounded_tube(
                ((6.0, -30.0, -42.0), (4.0, -30.0, -66.0), (2.0, -28.0, -110.0), (0.0, -26.0, -260.0)),
                (12.0, 30.0, 44.0, 36.0),
            ),
            (0.0, 0.1, 1.0),
            0.6,
            seed=30,
            frame=shank,
        ),
    )


def _thigh_muscles() -> list[tuple[Solid, Vec]]:
    return [
        (
            rounded_tube(((-30.0, 6.0, 56.0), (-34.0, 10.0, 110.0), (-32.0, 16.0, 260.0)), (14.0, 26.0, 30.0)),
            (0.1, 0.0, 1.0),
        ),
        (
            rounded_tube(((30.0, 8.0, 66.0), (32.0, 12.0, 120.0), (32.0, 16.0, 260.0)), (10.0, 25.0, 32.0)),
            (-0.1, 0.0, 1.0),
        ),
        (rounded_tube(((1.0, 30.0, 92.0), (0.0, 36.0, 140.0), (0.0, 40.0, 260.0)), (7.0, 17.0, 24.0)), (0.0, 0.1, 1.0)),
        (rounded_tube(((0.0, 22.0, 74.0), (0.0, 24.0, 260.0)), (7.0, 18.0)), (0.0, 0.0, 1.0)),
        (
            rounded_tube(((30.0, -36.0, 14.0), (26.0, -38.0, 70.0), (20.0, -42.0, 260.0)), (8.0, 17.0, 25.0)),
            (0.0, 0.0, 1.0),
        ),
        (
            rounded_tube(((-26.0, -40.0, 20.0), (-24.0, -42.0, 80.0), (-18.0, -42.0, 260.0)), (10.0, 19.0, 27.0)),
            (0.0, 0.0, 1.0),
        ),
        (
            rounded_tube(((-44.0, -24.0, 0.0), (-46.0, -20.0, 60.0), (-44.0, -8.0, 260.0)), (5.0, 8.0, 16.0)),
            (0.0, 0.1, 1.0),
        ),
        (rounded_tube(((-22.0, -20.0, 110.0), (-20.0, -14.0, 260.0)), (8.0, 26.0)), (0.0, 0.0, 1.0)),
    ]


def _calf_muscles() -> list[tuple[Solid, Vec]]:
    return [
        (
            rounded_tube(
                ((-20.0, -36.0, 22.0), (-22.0, -48.0, -40.0), (-22.0, -52.0, -110.0), (-12.0, -46.0, -260.0)),
                (7.0, 18.0, 23.0, 14.0),
            ),
            (0.05, 0.1, 1.0),
        ),
        (
            rounded_tube(
                ((20.0, -36.0, 22.0), (20.0, -48.0, -40.0), (20.0, -52.0, -100.0), (10.0, -46.0, -260.0)),
                (7.0, 15.0, 20.0, 12.0),
            ),
            (-0.05, 0.1, 1.0),
        ),
        (
            rounded_tube(((10.0, -30.0, -34.0), (4.0, -38.0, -110.0), (0.0, -38.0, -260.0)), (10.0, 21.0, 20.0)),
            (0.1, 0.0, 1.0),
        ),
        (rounded_tube(((-2.0, -28.0, -28.0), (-10.0, -26.0, -60.0)), (9.0, 8.0)), (0.9, 0.1, 0.6)),
        (
            rounded_tube(((20.0, -2.0, -40.0), (18.0, -4.0, -100.0), (16.0, -4.0, -260.0)), (8.0, 15.0, 15.0)),
            (0.0, 0.0, 1.0),
        ),
        (
            rounded_tube(((38.0, -22.0, -56.0), (36.0, -20.0, -120.0), (32.0, -22.0, -260.0)), (7.0, 12.0, 11.0)),
            (0.0, 0.0, 1.0),
        ),
        (rounded_tube(((6.0, -24.0, -70.0), (4.0, -24.0, -260.0)), (8.0, 13.0)), (0.0, 0.0, 1.0)),
    ]


def _joint(thigh: Frame, shank: Frame) -> tuple[Fill, ...]:
    """Menisci as wedges round the rims of the plateaus, and the cruciate and collateral ligaments."""
    menisci = []
    for side, reach, width in ((-1.0, 20.0, 17.0), (1.0, 18.0, 16.0)):
        ring = []
        for degrees in np.linspace(-150, 150, 13):
            a = np.radians(degrees)
            ring.append((side * (19.0 + width * np.cos(a)), -11.0 + (reach + 1.0) * np.sin(a), -1.0))
        wedge = Placed(Tube(tuple(ring), (5.0,) * 13), (0.0, 0.0, -0.4), scale=(1.0, 1.0, 0.62))
        menisci.append(Fill(wedge, "meniscus", shank))
    anterior = (shank.at((1.0, 4.0, -4.0)), thigh.at((6.0, -20.0, 24.0)))
    posterior = (shank.at((0.0, -32.0, -10.0)), thigh.at((-5.0, -4.0, 12.0)))
    lateral = (shank.at((38.0, -28.0, -22.0)), thigh.at((38.0, -10.0, 24.0)))
    medial = (shank.at((-36.0, -4.0, -50.0)), thigh.at((-39.0, -6.0, 26.0)))
    return (
        *menisci,
        Fill(rounded_tube(anterior, (4.2, 4.0)), "ligament"),
        Fill(rounded_tube(posterior, (4.8, 4.4)), "ligament"),
        Fill(rounded_tube(lateral, (2.0, 2.0)), "tendon"),
        Fill(rounded_tube(medial, (2.2, 2.2)), "tendon"),
    )


def _tendons(rng: np.random.Generator, thigh: Frame, shank: Frame, glide: Frame) -> tuple[Fill, ...]:
    thick = jittered(rng, 2.8, 0.4)
    fills = []
    for x in (-7.0, -2.0, 3.0, 8.0):
        up = (glide.at((x + 1, 43.0, 48.0)), thigh.at((x, 37.0, 74.0)), thigh.at((x, 39.0, 110.0)))
        down = (glide.at((x + 1, 42.0, 18.0)), shank.at((x * 0.8, 17.0, -38.0)), shank.at((x * 0.6, 14.0, -54.0)))
        fills += [
            Fill(rounded_tube(up, (thick, thick, 1.2)), "tendon"),
            Fill(rounded_tube(down, (thick, thick, 1.6)), "tendon"),
        ]
    hamstrings = [
        ((-36.0, -40.0, 90.0), (-38.0, -42.0, 10.0), (-30.0, -8.0, -48.0)),
        ((32.0, -40.0, 90.0), (36.0, -40.0, 10.0), (35.0, -34.0, -24.0)),
    ]
    fills += [
        Fill(rounded_tube((thigh.at(a), shank.at(b), shank.at(c)), (2.6, 2.4, 2.0)), "tendon") for a, b, c in hamstrings
    ]
    return tuple(fills)


def _vessels(thigh: Frame, shank: Frame) -> tuple[Fill, ...]:
    paths = [
        ((-16.0, -18.0, 200.0), (-4.0, -32.0, 70.0), (2.0, -36.0, 4.0), (2.0, -34.0, -60.0), (4.0, -32.0, -200.0)),
        ((-18.0, -24.0, 200.0), (-2.0, -40.0, 70.0), (4.0, -43.0, 4.0), (5.0, -40.0, -60.0), (8.0, -36.0, -200.0)),
        (
            (-48.0, -34.0, 200.0),
            (-50.0, -40.0, 60.0),
            (-46.0, -40.0, 0.0),
            (-42.0, -30.0, -80.0),
            (-36.0, -10.0, -200.0),
        ),
        ((10.0, -70.0, 60.0), (8.0, -62.0, 10.0), (4.0, -66.0, -30.0), (2.0, -76.0, -90.0), (0.0, -72.0, -200.0)),
    ]
    radii = ((3.6, 3.4, 3.2, 2.8, 2.2), (4.4, 4.2, 4.0, 3.4, 2.6), (2.0,) * 5, (1.6,) * 5)
    tubes = [
        ((*(thigh.at(p) for p in path[:2]), *(shank.at(p) for p in path[2:])), r)
        for path, r in zip(paths, radii, strict=True)
    ]
    walls = [Fill(rounded_tube(path, r), "wall") for path, r in tubes]
    lumens = [Fill(rounded_tube(path, tuple(0.72 * v for v in r)), "blood") for path, r in tubes]
    nerve = (
        thigh.at((12.0, -42.0, 200.0)),
        thigh.at((14.0, -46.0, 60.0)),
        shank.at((18.0, -44.0, 4.0)),
        shank.at((34.0, -38.0, -40.0)),
    )
    return (
        *walls,
        *lumens,
        Fill(rounded_tube(nerve, (4.0, 3.6, 3.0, 2.4)), "nerve"),
        Fill(rounded_tube((nerve[0], nerve[1]), (3.4, 3.0)), "nerve"),
    )
