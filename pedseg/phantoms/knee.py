"""The knee: distal femur, proximal fibula, patella and proximal tibia, with the soft tissue of thigh and calf.

Origin at the middle of the joint line of an adult of average size.
"""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.frames import HERE, Frame, Framed, turned_about
from pedseg.phantoms.growth import Growth, draw_growth, jittered, shaped
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.scene import Bone, Fill, Muscle, Scene
from pedseg.phantoms.solids import Blend, Carved, Ellipsoid, HalfSpace, Placed, Solid, Tube, Vec

KNEE_AXIS: Vec = (0.0, -8.0, 20.0)
"""Where the tibia turns about the condyles."""
TROCHLEA: Vec = (0.0, 6.0, 28.0)
"""What the patella slides around."""


def draw_knee(patient: Patient) -> Scene:
    """Draw the anatomy of one knee: labels 1 femur, 2 fibula, 3 patella, 4 tibia."""
    rng = patient.rng("anatomy")
    growth = draw_growth(patient, rng)
    flexion = float(rng.uniform(2, 38))
    whole = turned_about((0.0, 0.0, 0.0), (jittered(rng, 0, 7), jittered(rng, 0, 6), jittered(rng, 0, 18)))
    thigh = whole @ turned_about(KNEE_AXIS, (flexion * 0.5, 0.0, 0.0))
    shank = whole @ turned_about(KNEE_AXIS, (-flexion * 0.5, jittered(rng, -2, 4), jittered(rng, 0, 9)))
    glide = thigh @ turned_about(TROCHLEA, (-flexion * 0.72, 0.0, jittered(rng, 0, 6)))
    bones = (
        _femur(rng, growth, thigh),
        _patella(rng, growth, glide),
        _tibia(rng, growth, shank),
        _fibula(rng, growth, shank),
    )
    outline, soft = _soft_tissue(rng, thigh, shank, glide)
    focus = whole.at((jittered(rng, 0, 3), -8.0, jittered(rng, 4, 14)))
    return Scene(growth.scale, outline, jittered(rng, 1.7, 0.3), soft, bones, focus_mm=focus)


def _femur(rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    wide = jittered(rng, 22, 1.5)
    solid = Carved(
        Blend((
            Ellipsoid((-wide, -9.0, 20.0), (14.5, jittered(rng, 23, 1.5), 21.5), (0.0, 0.0, 8.0)),
            Ellipsoid((wide, -6.0, 20.0), (15.0, jittered(rng, 25, 1.5), 20.5), (0.0, 0.0, -6.0)),
            Ellipsoid((15.0, 15.0, 26.0), (13.0, jittered(rng, 14, 1.5), 18.0), (0.0, 0.0, 15.0)),
            Ellipsoid((-12.0, 11.0, 25.0), (13.0, jittered(rng, 13, 1.5), 17.0), (0.0, 0.0, -15.0)),
            Ellipsoid((0.0, 2.0, 36.0), (jittered(rng, 33, 2), 19.0, 21.0)),
            Tube(((1.0, 3.0, 44.0), (1.0, 4.0, 84.0), (0.0, 8.0, 130.0), (-4.0, 12.0, 260.0)), (22.0, 15.5, 13.0, 13.5)),
        ), 9.0),
        (Tube(((0.0, -44.0, 16.0), (0.0, -16.0, 10.0), (0.0, 2.0, -3.0)), (10.5, 10.0, 7.0)),
         Tube(((1.0, 26.0, -4.0), (1.0, 34.0, 20.0), (1.0, 36.0, 44.0)), (9.0, 10.0, 10.0))),
        5.0,
    )
    articular = Blend((Ellipsoid((-wide, -10, 9), (20, 27, 19)), Ellipsoid((wide, -8, 9), (20, 28, 19)),
                       Ellipsoid((1, 22, 24), (28, 16, 22))), 6.0)
    physis = _wavy(jittered(rng, 37, 2.5), rng)
    return Bone("femur", shaped(solid, rng, 0.06), articular, frame, label=1, physes=(physis,),
                cartilage_mm=growth.cartilage_mm + 0.5, unossified_mm=growth.unossified_mm, physis_mm=growth.physis_mm,
                cortex_mm=(0.7, 3.0), clear_mm=growth.clear_mm, marrow=jittered(rng, 1.0, 0.06))


def _wavy(height: float, rng: np.random.Generator) -> Solid:
    """A growth plate with the W of the distal femur."""
    base = HalfSpace((jittered(rng, 0, 0.03), jittered(rng, 0.04, 0.06), 1.0), height)
    humps = (Ellipsoid((0.0, 2.0, height + 4.0), (9.0, 30.0, 8.0)),)
    return Carved(Blend((base, Ellipsoid((-20.0, -3.0, height - 2.0), (12.0, 20.0, 5.0)),
                         Ellipsoid((20.0, -2.0, height - 2.0), (12.0, 20.0, 5.0))), 5.0), humps, 5.0)


def _patella(rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    x, y, z = jittered(rng, 3, 2.5), jittered(rng, 42, 1.5), jittered(rng, 32, 3)
    solid = Carved(
        Blend((Ellipsoid((x, y, z + 2), (21.0, 9.5, 18.0), (8.0, 0.0, 0.0)), Ellipsoid((x, y + 1, z - 13), (9.0, 6.5, 11.0), (12.0, 0.0, 0.0))), 6.0),
        (HalfSpace((0.35, -1.0, 0.0), 7.0 + 0.35 * x - y), HalfSpace((-0.45, -1.0, 0.0), 7.0 - 0.45 * x - y)),
        3.0, keep=True,
    )
    articular = Ellipsoid((x, y - 11, z + 2), (22.0, 10.0, 17.0))
    return Bone("patella", shaped(solid, rng, 0.09, (x, y, z)), articular, frame, label=3, cartilage_mm=growth.cartilage_mm + 0.7,
                unossified_mm=growth.unossified_mm, cortex_mm=(0.6, 1.2), clear_mm=growth.clear_mm + 0.8,
                marrow=jittered(rng, 1.06, 0.07))


def _tibia(rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    solid = Carved(
        Blend((
            Ellipsoid((-18.0, -11.0, -17.0), (19.5, jittered(rng, 24, 1.5), 15.0)),
            Ellipsoid((18.0, -10.0, -17.0), (19.0, jittered(rng, 21.5, 1.5), 15.0)),
            Ellipsoid((0.0, -6.0, -20.0), (30.0, 19.0, 16.0)),
            Tube(((0.0, -8.0, -24.0), (-1.0, -9.0, -58.0), (-2.0, -10.0, -110.0), (-3.0, -12.0, -260.0)), (25.0, 15.5, 12.0, 11.0)),
            Tube(((1.0, 8.0, -32.0), (1.0, 7.0, -52.0), (0.0, 0.0, -90.0)), (7.5, 7.5, 6.0)),
        ), 8.0),
        (HalfSpace((0.0, 0.10, 1.0), -5.5),), 4.0, keep=True,
    )
    spine = Ellipsoid((0.0, -11.0, -5.0), (6.5, 9.0, jittered(rng, 5.5, 1)))
    articular = Blend((Ellipsoid((-19, -11, -2), (22, 26, 9)), Ellipsoid((19, -11, -2), (22, 25, 9))), 4.0)
    physis = Blend((HalfSpace((0.0, 0.0, -1.0), jittered(rng, 21, 2)),), 1.0)
    top = Carved(HalfSpace((0.0, 0.0, -1.0), 20.0), (), 1.0)
    del physis, top
    plate = Blend((Placed(HalfSpace((jittered(rng, 0, 0.04), 0.0, -1.0), 0.0), (0.0, 0.0, -jittered(rng, 20, 2))),
                   Ellipsoid((1.0, 19.0, -26.0), (13.0, 12.5, 27.0), (-8.0, 0.0, 0.0))), 6.0)
    return Bone("tibia", shaped(Blend((solid, spine), 4.0), rng, 0.06), articular, frame, label=4, physes=(plate,),
                cartilage_mm=growth.cartilage_mm + 0.6, unossified_mm=growth.unossified_mm, physis_mm=growth.physis_mm,
                cortex_mm=(0.7, 2.8), clear_mm=growth.clear_mm + 1.0, marrow=jittered(rng, 0.98, 0.06))


def _fibula(rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    x, y, z = jittered(rng, 34, 2), jittered(rng, -31, 3), jittered(rng, -28, 3)
    solid = Blend((
        Ellipsoid((x, y, z), (9.5, 11.0, 11.0), (0.0, -15.0, 0.0)),
        Ellipsoid((x + 1.0, y - 4.0, z + 9.0), (5.0, 5.5, 7.0)),
        Tube(((x, y, z - 6.0), (x - 3.0, y - 1.0, z - 36.0), (x - 4.0, y + 2.0, z - 100.0), (x - 4.0, y + 2.0, z - 230.0)), (7.5, 5.8, 6.2, 6.5)),
    ), 5.0)
    end = Ellipsoid((x - 3.0, y, z + 11.0), (14.0, 14.0, 11.0))
    return Bone("fibula", shaped(solid, rng, 0.06, (x, y, z)), end, frame, label=2, physes=(HalfSpace((0.0, 0.0, -1.0), -(z - 6.0)),),
                cartilage_mm=growth.cartilage_mm * 0.7, unossified_mm=growth.unossified_mm, physis_mm=growth.physis_mm,
                cortex_mm=(0.6, 2.0), clear_mm=growth.clear_mm, marrow=jittered(rng, 1.0, 0.08))


def _soft_tissue(rng: np.random.Generator, thigh: Frame, shank: Frame, glide: Frame) -> tuple[Solid, tuple[Fill | Muscle, ...]]:
    fat = jittered(rng, 4.0, 3.0)
    outline = Blend((
        Framed(Tube(((0.0, -6.0, 18.0), (-2.0, -10.0, 60.0), (-6.0, -8.0, 130.0), (-8.0, -6.0, 260.0)),
                    (50.0 + fat, 52.0 + fat, 62.0 + fat, 74.0 + 2 * fat)), thigh),
        Framed(Tube(((0.0, -8.0, -4.0), (0.0, -17.0, -50.0), (0.0, -26.0, -120.0), (0.0, -24.0, -260.0)),
                    (46.0 + fat, 45.0 + fat, 50.0 + fat, 40.0 + fat)), shank),
        Framed(Ellipsoid((3.0, 30.0, 28.0), (34.0, 24.0 + 0.5 * fat, 34.0)), glide),
    ), 22.0)
    soft: list[Fill | Muscle] = [
        *(Muscle(solid, along, seed=n, frame=thigh) for n, (solid, along) in enumerate(_thigh_muscles(fat), start=11)),
        *(Muscle(solid, along, seed=n, frame=shank) for n, (solid, along) in enumerate(_calf_muscles(), start=31)),
        Fill(Ellipsoid((0.0, -40.0, 10.0), (18.0, 18.0, 42.0)), "fat", blur_mm=6.0),
        Fill(Ellipsoid((2.0, 24.0, 4.0), (24.0, 18.0, 24.0), (-20.0, 0.0, 0.0)), "fat", shank, blur_mm=3.0),
        Fill(Ellipsoid((1.0, 26.0, 58.0), (16.0, 7.0, 16.0), (-12.0, 0.0, 0.0)), "fat", thigh, blur_mm=2.0),
        Fill(Ellipsoid((0.0, -8.0, 0.0), (42.0, 28.0, 10.0)), "synovium", shank, blur_mm=6.0),
        *_joint(thigh, shank),
        *_tendons(rng, thigh, shank, glide),
        *_vessels(thigh, shank),
    ]
    return outline, tuple(soft)


def _thigh_muscles(fat: float) -> list[tuple[Solid, Vec]]:
    del fat
    return [
        (Tube(((-30.0, 6.0, 56.0), (-34.0, 10.0, 110.0), (-32.0, 16.0, 260.0)), (14.0, 26.0, 30.0)), (0.1, 0.0, 1.0)),
        (Tube(((30.0, 8.0, 66.0), (32.0, 12.0, 120.0), (32.0, 16.0, 260.0)), (10.0, 25.0, 32.0)), (-0.1, 0.0, 1.0)),
        (Tube(((1.0, 30.0, 92.0), (0.0, 36.0, 140.0), (0.0, 40.0, 260.0)), (7.0, 17.0, 24.0)), (0.0, 0.1, 1.0)),
        (Tube(((0.0, 22.0, 74.0), (0.0, 24.0, 260.0)), (7.0, 18.0)), (0.0, 0.0, 1.0)),
        (Tube(((30.0, -36.0, 14.0), (26.0, -38.0, 70.0), (20.0, -42.0, 260.0)), (8.0, 17.0, 25.0)), (0.0, 0.0, 1.0)),
        (Tube(((-26.0, -40.0, 20.0), (-24.0, -42.0, 80.0), (-18.0, -42.0, 260.0)), (10.0, 19.0, 27.0)), (0.0, 0.0, 1.0)),
        (Tube(((-44.0, -24.0, 0.0), (-46.0, -20.0, 60.0), (-44.0, -8.0, 260.0)), (5.0, 8.0, 16.0)), (0.0, 0.1, 1.0)),
        (Tube(((-22.0, -20.0, 110.0), (-20.0, -14.0, 260.0)), (8.0, 26.0)), (0.0, 0.0, 1.0)),
    ]


def _calf_muscles() -> list[tuple[Solid, Vec]]:
    return [
        (Tube(((-20.0, -36.0, 22.0), (-22.0, -48.0, -40.0), (-22.0, -52.0, -110.0), (-12.0, -46.0, -260.0)), (7.0, 18.0, 23.0, 14.0)), (0.05, 0.1, 1.0)),
        (Tube(((20.0, -36.0, 22.0), (20.0, -48.0, -40.0), (20.0, -52.0, -100.0), (10.0, -46.0, -260.0)), (7.0, 15.0, 20.0, 12.0)), (-0.05, 0.1, 1.0)),
        (Tube(((10.0, -30.0, -34.0), (4.0, -38.0, -110.0), (0.0, -38.0, -260.0)), (10.0, 21.0, 20.0)), (0.1, 0.0, 1.0)),
        (Tube(((-2.0, -28.0, -28.0), (-10.0, -26.0, -60.0)), (9.0, 8.0)), (0.9, 0.1, 0.6)),
        (Tube(((20.0, -2.0, -40.0), (18.0, -4.0, -100.0), (16.0, -4.0, -260.0)), (8.0, 15.0, 15.0)), (0.0, 0.0, 1.0)),
        (Tube(((38.0, -22.0, -56.0), (36.0, -20.0, -120.0), (32.0, -22.0, -260.0)), (7.0, 12.0, 11.0)), (0.0, 0.0, 1.0)),
        (Tube(((6.0, -24.0, -70.0), (4.0, -24.0, -260.0)), (8.0, 13.0)), (0.0, 0.0, 1.0)),
    ]


def _joint(thigh: Frame, shank: Frame) -> tuple[Fill, ...]:
    """Menisci as wedges round the rims of the plateaus, and the cruciate and collateral ligaments."""
    menisci = []
    for side, reach, width in ((-1.0, 20.0, 17.0), (1.0, 18.0, 16.0)):
        ring = []
        for degrees in np.linspace(-150, 150, 13):
            a = np.radians(degrees)
            ring.append((side * (19.0 + width * np.cos(a)), -11.0 + (reach + 1.0) * np.sin(a), -1.0))
        menisci.append(Fill(Tube(tuple(ring), (4.2,) * 13), "meniscus", shank))
    anterior = (shank.at((1.0, 4.0, -4.0)), thigh.at((6.0, -20.0, 24.0)))
    posterior = (shank.at((0.0, -32.0, -10.0)), thigh.at((-5.0, -4.0, 12.0)))
    lateral = (shank.at((38.0, -28.0, -22.0)), thigh.at((38.0, -10.0, 24.0)))
    medial = (shank.at((-36.0, -4.0, -50.0)), thigh.at((-39.0, -6.0, 26.0)))
    return (
        *menisci,
        Fill(Tube(anterior, (4.2, 4.0)), "ligament"),
        Fill(Tube(posterior, (4.8, 4.4)), "ligament"),
        Fill(Tube(lateral, (2.0, 2.0)), "tendon"),
        Fill(Tube(medial, (2.2, 2.2)), "tendon"),
    )


def _tendons(rng: np.random.Generator, thigh: Frame, shank: Frame, glide: Frame) -> tuple[Fill, ...]:
    apex, base = glide.at((3.0, 43.0, 14.0)), glide.at((3.0, 43.0, 50.0))
    thick = jittered(rng, 2.8, 0.4)
    fills = []
    for x in (-7.0, -2.0, 3.0, 8.0):
        up = (glide.at((x + 1, 43.0, 48.0)), thigh.at((x, 37.0, 74.0)), thigh.at((x, 39.0, 110.0)))
        down = (glide.at((x + 1, 42.0, 18.0)), shank.at((x * 0.8, 17.0, -38.0)), shank.at((x * 0.6, 14.0, -54.0)))
        fills += [Fill(Tube(up, (thick, thick, 1.2)), "tendon"), Fill(Tube(down, (thick, thick, 1.6)), "tendon")]
    del apex, base
    hamstrings = [((-36.0, -40.0, 90.0), (-38.0, -42.0, 10.0), (-30.0, -8.0, -48.0)),
                  ((32.0, -40.0, 90.0), (36.0, -40.0, 10.0), (35.0, -34.0, -24.0))]
    fills += [Fill(Tube((thigh.at(a), shank.at(b), shank.at(c)), (2.6, 2.4, 2.0)), "tendon") for a, b, c in hamstrings]
    return tuple(fills)


def _vessels(thigh: Frame, shank: Frame) -> tuple[Fill, ...]:
    paths = [((-16.0, -18.0, 200.0), (-4.0, -32.0, 70.0), (2.0, -36.0, 4.0), (2.0, -34.0, -60.0), (4.0, -32.0, -200.0)),
             ((-18.0, -24.0, 200.0), (-2.0, -40.0, 70.0), (4.0, -43.0, 4.0), (5.0, -40.0, -60.0), (8.0, -36.0, -200.0)),
             ((-48.0, -34.0, 200.0), (-50.0, -40.0, 60.0), (-46.0, -40.0, 0.0), (-42.0, -30.0, -80.0), (-36.0, -10.0, -200.0)),
             ((10.0, -70.0, 60.0), (8.0, -62.0, 10.0), (4.0, -66.0, -30.0), (2.0, -76.0, -90.0), (0.0, -72.0, -200.0))]
    radii = ((3.6, 3.4, 3.2, 2.8, 2.2), (4.4, 4.2, 4.0, 3.4, 2.6), (2.0,) * 5, (1.6,) * 5)
    tubes = [((*(thigh.at(p) for p in path[:2]), *(shank.at(p) for p in path[2:])), r) for path, r in zip(paths, radii, strict=True)]
    walls = [Fill(Tube(path, r), "wall") for path, r in tubes]
    lumens = [Fill(Tube(path, tuple(0.72 * v for v in r)), "blood") for path, r in tubes]
    nerve = (thigh.at((12.0, -42.0, 200.0)), thigh.at((14.0, -46.0, 60.0)), shank.at((18.0, -44.0, 4.0)), shank.at((34.0, -38.0, -40.0)))
    return (*walls, *lumens, Fill(Tube(nerve, (4.0, 3.6, 3.0, 2.4)), "nerve"), Fill(Tube((HERE.at(nerve[0]), nerve[1]), (3.4, 3.0)), "nerve"))
