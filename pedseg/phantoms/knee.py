"""The knee: distal femur, proximal fibula, patella and proximal tibia, with the soft tissue of thigh and calf.

Origin at the middle of the joint line of an adult of average size.
"""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.frames import Frame, turned_about
from pedseg.phantoms.growth import Growth, draw_growth, jittered, shaped
from pedseg.phantoms.knee_tissue import knee_tissue
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.plates import GrowthPlate
from pedseg.phantoms.scene import Bone, Scene
from pedseg.phantoms.solids import Blend, Carved, Ellipsoid, HalfSpace, Vec, rounded_tube

KNEE_AXIS: Vec = (0.0, -8.0, 20.0)
"""Where the tibia turns about the condyles."""
TROCHLEA: Vec = (0.0, 6.0, 28.0)
"""What the patella slides around."""


def draw_knee(patient: Patient) -> Scene:
    """Draw the anatomy of one knee: labels 1 femur, 2 fibula, 3 patella, 4 tibia."""
    rng = patient.rng("anatomy")
    growth = draw_growth(patient, rng)
    flexion = float(rng.uniform(2, 38))
    pose = turned_about((0.0, 0.0, 0.0), (jittered(rng, 0, 7), jittered(rng, 0, 6), jittered(rng, 0, 18)))
    thigh = turned_about(KNEE_AXIS, (flexion * 0.5, 0.0, 0.0))
    shank = turned_about(KNEE_AXIS, (-flexion * 0.5, jittered(rng, -2, 4), jittered(rng, 0, 9)))
    glide = thigh @ turned_about(TROCHLEA, (-flexion * 0.72, 0.0, jittered(rng, 0, 6)))
    bones = (
        _femur(rng, growth, thigh),
        _patella(rng, growth, glide),
        _tibia(rng, growth, shank),
        _fibula(rng, growth, shank),
    )
    outline, soft = knee_tissue(rng, thigh, shank, glide)
    focus = (jittered(rng, 0, 3), -8.0, jittered(rng, 4, 14))
    return Scene(growth.scale, outline, jittered(rng, 1.7, 0.3), soft, bones, pose=pose, focus_mm=focus)


def _femur(rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    wide = jittered(rng, 22, 1.5)
    solid = Carved(
        Blend(
            (
                Ellipsoid((-wide, -9.0, 20.0), (14.5, jittered(rng, 23, 1.5), 21.5), (0.0, 0.0, 8.0)),
                Ellipsoid((wide, -6.0, 20.0), (15.0, jittered(rng, 25, 1.5), 20.5), (0.0, 0.0, -6.0)),
                Ellipsoid((15.0, 15.0, 26.0), (13.0, jittered(rng, 14, 1.5), 18.0), (0.0, 0.0, 15.0)),
                Ellipsoid((-12.0, 11.0, 25.0), (13.0, jittered(rng, 13, 1.5), 17.0), (0.0, 0.0, -15.0)),
                Ellipsoid((0.0, 2.0, 36.0), (jittered(rng, 33, 2), 19.0, 21.0)),
                rounded_tube(
                    ((1.0, 3.0, 44.0), (1.0, 4.0, 84.0), (0.0, 8.0, 130.0), (-4.0, 12.0, 260.0)),
                    (22.0, 15.5, 13.0, 13.5),
                ),
            ),
            9.0,
        ),
        (
            rounded_tube(((0.0, -44.0, 16.0), (0.0, -16.0, 10.0), (0.0, 2.0, -3.0)), (10.5, 10.0, 7.0)),
            rounded_tube(((1.0, 26.0, -4.0), (1.0, 34.0, 20.0), (1.0, 36.0, 44.0)), (9.0, 10.0, 10.0)),
        ),
        5.0,
    )
    articular = Blend(
        (
            Ellipsoid((-wide, -10, 9), (20, 27, 19)),
            Ellipsoid((wide, -8, 9), (20, 28, 19)),
            Ellipsoid((1, 22, 24), (28, 16, 22)),
        ),
        6.0,
    )
    physis = GrowthPlate(
        jittered(rng, 36, 2.5),
        (jittered(rng, 0, 0.03), -0.05),
        ((-wide, -4.0, 13.0, 4.0), (wide, -4.0, 13.0, 4.0), (0.0, 4.0, 12.0, jittered(rng, -4, 1.5))),
    )
    return Bone(
        "femur",
        shaped(solid, rng, 0.07),
        articular,
        frame,
        label=1,
        physes=(physis,),
        cartilage_mm=growth.cartilage_mm + 0.5,
        unossified_mm=growth.unossified_mm,
        physis_mm=growth.physis_mm,
        cortex_mm=(0.7, 3.0),
        clear_mm=growth.clear_mm,
        marrow=jittered(rng, 1.0, 0.06),
    )


def _patella(rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    x, y, z = jittered(rng, 3, 2.5), jittered(rng, 44, 1.5), jittered(rng, 32, 3)
    solid = Carved(
        Blend(
            (
                Ellipsoid((x, y, z + 2), (22.0, 11.0, 18.5), (8.0, 0.0, 0.0)),
                Ellipsoid((x, y + 1, z - 13), (9.0, 6.5, 11.0), (12.0, 0.0, 0.0)),
            ),
            6.0,
        ),
        (HalfSpace((0.35, -1.0, 0.0), 10.0 + 0.35 * x - y), HalfSpace((-0.45, -1.0, 0.0), 10.0 - 0.45 * x - y)),
        3.0,
        keep=True,
    )
    articular = Ellipsoid((x, y - 11, z + 2), (22.0, 10.0, 17.0))
    return Bone(
        "patella",
        shaped(solid, rng, 0.12, (x, y, z)),
        articular,
        frame,
        label=3,
        cartilage_mm=growth.cartilage_mm + 0.7,
        unossified_mm=growth.unossified_mm,
        cortex_mm=(0.6, 1.2),
        clear_mm=growth.clear_mm + 0.8,
        marrow=jittered(rng, 1.06, 0.07),
    )


def _tibia(rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    solid = Carved(
        Blend(
            (
                Ellipsoid((-18.0, -11.0, -17.0), (19.5, jittered(rng, 24, 1.5), 15.0)),
                Ellipsoid((18.0, -10.0, -17.0), (19.0, jittered(rng, 21.5, 1.5), 15.0)),
                Ellipsoid((0.0, -6.0, -20.0), (30.0, 19.0, 16.0)),
                rounded_tube(
                    ((0.0, -8.0, -24.0), (-1.0, -9.0, -58.0), (-2.0, -10.0, -110.0), (-3.0, -12.0, -260.0)),
                    (25.0, 15.5, 12.0, 11.0),
                ),
                rounded_tube(((1.0, 8.0, -32.0), (1.0, 7.0, -52.0), (0.0, 0.0, -90.0)), (7.5, 7.5, 6.0)),
            ),
            8.0,
        ),
        (HalfSpace((0.0, 0.10, 1.0), -5.5),),
        4.0,
        keep=True,
    )
    spine = Ellipsoid((0.0, -11.0, -5.0), (6.5, 9.0, jittered(rng, 5.5, 1)))
    articular = Blend((Ellipsoid((-19, -11, -2), (22, 26, 9)), Ellipsoid((19, -11, -2), (22, 25, 9))), 4.0)
    plate = Blend(
        (
            GrowthPlate(-jittered(rng, 20, 2), (jittered(rng, 0, 0.04), 0.0), ((0.0, -8.0, 14.0, 2.0),), above=True),
            Ellipsoid((1.0, 19.0, -26.0), (13.0, 12.5, 27.0), (-8.0, 0.0, 0.0)),
        ),
        6.0,
    )
    return Bone(
        "tibia",
        shaped(Blend((solid, spine), 4.0), rng, 0.07),
        articular,
        frame,
        label=4,
        physes=(plate,),
        cartilage_mm=growth.cartilage_mm + 0.6,
        unossified_mm=growth.unossified_mm,
        physis_mm=growth.physis_mm,
        cortex_mm=(0.7, 2.8),
        clear_mm=growth.clear_mm + 1.0,
        marrow=jittered(rng, 0.98, 0.06),
    )


def _fibula(rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    x, y, z = jittered(rng, 34, 2), jittered(rng, -31, 3), jittered(rng, -28, 3)
    solid = Blend(
        (
            Ellipsoid((x, y, z), (9.5, 11.0, 11.0), (0.0, -15.0, 0.0)),
            Ellipsoid((x + 1.0, y - 4.0, z + 9.0), (5.0, 5.5, 7.0)),
            rounded_tube(
                (
                    (x, y, z - 6.0),
                    (x - 3.0, y - 1.0, z - 36.0),
                    (x - 4.0, y + 2.0, z - 100.0),
                    (x - 4.0, y + 2.0, z - 230.0),
                ),
                (7.5, 5.8, 6.2, 6.5),
            ),
        ),
        5.0,
    )
    end = Ellipsoid((x - 3.0, y, z + 11.0), (14.0, 14.0, 11.0))
    return Bone(
        "fibula",
        shaped(solid, rng, 0.06, (x, y, z)),
        end,
        frame,
        label=2,
        physes=(HalfSpace((0.0, 0.0, -1.0), -(z - 6.0)),),
        cartilage_mm=growth.cartilage_mm * 0.7,
        unossified_mm=growth.unossified_mm,
        physis_mm=growth.physis_mm,
        cortex_mm=(0.6, 2.0),
        clear_mm=growth.clear_mm,
        marrow=jittered(rng, 1.0, 0.08),
    )
