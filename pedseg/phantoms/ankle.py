"""The ankle: talus, calcaneus and distal tibia among the bones and soft tissue of a child's foot.

Origin at the middle of the tibial plafond of an adult of average size. Shapes and places are read
from anatomy: dome, neck and head of the talus; tuber, sustentaculum and anterior process of the
calcaneus; plafond, medial malleolus and shaft of the tibia.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedseg.phantoms.ankle_tissue import ankle_tissue
from pedseg.phantoms.frames import Frame, turned_about
from pedseg.phantoms.growth import Growth, draw_growth, jittered, shaped
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.plates import GrowthPlate
from pedseg.phantoms.scene import Bone, Scene
from pedseg.phantoms.solids import (
    Barrel,
    Blend,
    Carved,
    Ellipsoid,
    HalfSpace,
    Placed,
    Solid,
    Vec,
    rounded_tube,
)

ANKLE_AXIS: Vec = (0.0, -4.0, -20.0)
"""Where the talus turns in the mortise."""
HEEL_AXIS: Vec = (2.0, -8.0, -34.0)
"""Where the calcaneus turns below the talus."""


@dataclass(frozen=True)
class Pose:
    """How the foot is held.

    Args:
        dorsiflexion: of the talus, degrees; negative for a pointed foot.
        subtalar: turn of calcaneus and foot below the talus (flexion, inversion, rotation), degrees.
        forefoot: flexion of the forefoot on the heel, degrees.
    """

    dorsiflexion: float
    subtalar: Vec
    forefoot: float


def draw_ankle(patient: Patient) -> Scene:
    """Draw the anatomy of one ankle: labels 1 calcaneus, 2 talus, 3 tibia."""
    rng = patient.rng("anatomy")
    growth = draw_growth(patient, rng)
    pose = _draw_pose(patient, rng)
    talar = turned_about(ANKLE_AXIS, (pose.dorsiflexion, 0.0, jittered(rng, 0, 5)))
    heel = talar @ turned_about(HEEL_AXIS, pose.subtalar)
    foot = heel @ turned_about((0.0, 20.0, -42.0), (pose.forefoot, 0.0, jittered(rng, 0, 8)))
    bones = (
        _talus(patient, rng, growth, talar),
        _calcaneus(patient, rng, growth, heel),
        _tibia(rng, growth),
        _fibula(rng, growth),
        *_foot_bones(rng, growth, foot),
    )
    outline, soft = ankle_tissue(rng, heel, foot)
    return Scene(
        growth.scale,
        outline,
        jittered(rng, 1.5, 0.3),
        soft,
        bones,
        pose=turned_about((0.0, 0.0, 0.0), (jittered(rng, 0, 9), jittered(rng, 0, 8), jittered(rng, 0, 18))),
        focus_mm=(0.0, -4.0, -16.0),
    )


def _draw_pose(patient: Patient, rng: np.random.Generator) -> Pose:
    """Neutral is 26 degrees up from the pose in which the shapes are written; equinus is pointed."""
    if patient.deformed:
        return Pose(jittered(rng, -12, 10), (jittered(rng, -4, 6), jittered(rng, 8, 10), jittered(rng, 6, 9)), -4)
    return Pose(jittered(rng, 20, 13), (jittered(rng, 2, 7), jittered(rng, 0, 11), jittered(rng, 0, 9)), 0)


def _talus(patient: Patient, rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    flat = 3.5 if patient.deformed else 0.0
    dome = Barrel((jittered(rng, 0, 1), -5.0, -21.5), jittered(rng, 21, 1.5), jittered(rng, 16, 1.5), 4.0, 1.6)
    body = Carved(
        dome,
        (HalfSpace((0.0, 0.3, 1.0), -flat), HalfSpace((0.05, -0.1, -1.0), 33.0), HalfSpace((0.0, -1.0, 0.35), 14.0)),
        4.0,
        keep=True,
    )
    neck = rounded_tube(((-1.0, 10.0, -22.0), (-5.0, 22.0, -33.0)), (12.0, 11.0))
    head = Ellipsoid((-6.0, jittered(rng, 23, 2), -35.0), (13.5, 9.5, 12.0), (-35.0, 0.0, 8.0))
    lateral = Ellipsoid((14.0, -1.0, -24.0), (8.0, 12.0, 8.0), (0.0, 25.0, 0.0))
    posterior = Ellipsoid((-3.0, -23.0, -19.0), (9.0, jittered(rng, 8, 2), 5.0), (-15.0, 0.0, 0.0))
    solid = Carved(
        Blend((body, neck, head, lateral, posterior), 5.0),
        (
            Ellipsoid((4.0, -9.0, -51.0), (24.0, 19.0, 17.5), (0.0, 8.0, -25.0)),
            Ellipsoid((12.0, 15.0, -42.0), (12.0, 8.0, 12.0)),
        ),
        3.0,
    )
    articular = Blend(
        (
            Ellipsoid((0, -6, 2), (24, 26, 16)),
            Ellipsoid((-7, 33, -41), (18, 11, 18)),
            Ellipsoid((2, -10, -40), (24, 24, 13)),
        ),
        6.0,
    )
    return Bone(
        "talus",
        shaped(solid, rng, 0.09, ANKLE_AXIS),
        articular,
        frame,
        label=2,
        clear_mm=growth.clear_mm,
        cartilage_mm=growth.cartilage_mm,
        unossified_mm=growth.unossified_mm,
        marrow=jittered(rng, 1.04, 0.06),
    )


def _calcaneus(patient: Patient, rng: np.random.Generator, growth: Growth, frame: Frame) -> Bone:
    length = 0.9 if patient.deformed else 1.0
    body = Ellipsoid((2.0, -24.0, -41.0), (12.5, 34.0, 19.0), (12.0, 0.0, 8.0))
    tuber = Ellipsoid((-7.0, -51.0, -38.0), (jittered(rng, 15.5, 1.5), 17.0, jittered(rng, 22, 2)), (18.0, 0.0, 4.0))
    plantar = Ellipsoid((-6.0, -54.0, -54.0), (12.0, 13.0, 8.0))
    anterior = Ellipsoid((8.0, 5.0, -47.0), (10.5, 13.0, 10.5), (-8.0, 0.0, 6.0))
    facet = Ellipsoid((4.0, -15.0, -27.0), (14.0, 15.0, 12.0), (-22.0, 12.0, 25.0))
    shelf = Ellipsoid((-13.0, -6.0, -33.0), (jittered(rng, 13, 1.5), 12.0, 7.5), (-15.0, -12.0, 15.0))
    solid = Carved(
        Blend((body, tuber, plantar, anterior, facet, shelf), 6.0),
        (
            Ellipsoid((6.0, 6.0, -28.0), (14.0, 8.0, 9.0), (-20.0, 0.0, 0.0)),
            Ellipsoid((-21.0, -16.0, -46.0), (9.0, 22.0, 11.0)),
        ),
        3.5,
    )
    articular = Blend(
        (
            Ellipsoid((2, -12, -22), (24, 20, 12)),
            Ellipsoid((8, 16, -48), (14, 10, 14)),
            Ellipsoid((-7, -66, -42), (18, 14, 26)),
        ),
        5.0,
    )
    apophysis = Ellipsoid((-7.0, -10.0, -36.0), (60.0, 49.5, 60.0), (8.0, 0.0, 4.0))
    inside_out = Carved(HalfSpace((0.0, 1.0, 0.0), -40.0), (apophysis,), 1.0)
    whole = Placed(shaped(solid, rng, 0.10, HEEL_AXIS), _pivot(HEEL_AXIS, length), scale=(1.0, length, 1.0))
    return Bone(
        "calcaneus",
        whole,
        articular,
        frame,
        label=1,
        physes=(inside_out,),
        physis_mm=0.9 * growth.physis_mm,
        cartilage_mm=growth.cartilage_mm,
        unossified_mm=growth.unossified_mm,
        clear_mm=growth.clear_mm,
        marrow=jittered(rng, 1.03, 0.07),
    )


def _pivot(center: Vec, length: float) -> Vec:
    return 0.0, center[1] * (1 - length), 0.0


def _tibia(rng: np.random.Generator, growth: Growth) -> Bone:
    solid = Carved(
        Blend(
            (
                Placed(Ellipsoid((0.0, 0.0, 0.0), (24.0, 20.5, 15.0)), (-2.0, -2.0, 11.0)),
                rounded_tube(((-1.0, -2.0, 16.0), (1.0, 0.0, 42.0), (2.0, 2.0, 130.0)), (20.0, 13.5, 12.0)),
                rounded_tube(((-21.0, 2.0, 8.0), (-23.0, 3.0, jittered(rng, -7, 2))), (8.0, 6.5)),
            ),
            7.0,
        ),
        (HalfSpace((1.0, 0.35, 0.0), 24.0), HalfSpace((-1.0, 0.0, 0.12), 29.5)),
        3.0,
        keep=True,
    )
    tibia_ends = Ellipsoid((-4.0, -2.0, -7.0), (32.0, 27.0, 14.0))
    physis = GrowthPlate(
        jittered(rng, 14, 2), (-0.05, -0.04), ((-11.0, 4.0, 9.0, jittered(rng, 4, 1.5)), (9.0, -2.0, 11.0, -1.5))
    )
    return Bone(
        "tibia",
        shaped(solid, rng, 0.07),
        tibia_ends,
        label=3,
        physes=(physis,),
        cartilage_mm=growth.cartilage_mm,
        unossified_mm=growth.unossified_mm,
        physis_mm=growth.physis_mm,
        cortex_mm=(0.7, 2.2),
        clear_mm=growth.clear_mm,
        marrow=jittered(rng, 1.0, 0.06),
    )


def _fibula(rng: np.random.Generator, growth: Growth) -> Bone:
    solid = Blend(
        (
            Ellipsoid((26.0, -13.0, -9.0), (7.0, 9.0, 16.5), (0.0, -6.0, 0.0)),
            rounded_tube(((26.0, -13.0, -4.0), (24.5, -14.0, 30.0), (23.0, -12.0, 130.0)), (7.5, 5.6, 6.0)),
        ),
        5.0,
    )
    return Bone(
        "fibula",
        shaped(solid, rng, 0.05),
        Ellipsoid((22.0, -12.0, -14.0), (12.0, 14.0, 16.0)),
        physes=(HalfSpace((0.0, 0.0, 1.0), 1.0),),
        cartilage_mm=growth.cartilage_mm,
        unossified_mm=growth.unossified_mm,
        physis_mm=growth.physis_mm,
        cortex_mm=(0.7, 1.9),
        clear_mm=growth.clear_mm + 0.6,
        marrow=jittered(rng, 1.0, 0.08),
    )


def _foot_bones(rng: np.random.Generator, growth: Growth, frame: Frame) -> tuple[Bone, ...]:
    everywhere = Ellipsoid((0.0, 60.0, -60.0), (90.0, 90.0, 90.0))
    solids: list[tuple[str, Solid]] = [
        ("navicular", Ellipsoid((-8.0, 36.0, -43.0), (19.0, 8.5, 13.0), (-28.0, 0.0, 10.0))),
        ("cuboid", Blend((Ellipsoid((8.0, 22.0, -60.0), (14.0, 17.0, 13.0), (-20.0, 0.0, 8.0)),), 4.0)),
        ("cuneiform_1", Ellipsoid((-20.0, 52.0, -62.0), (8.5, 16.0, 15.0), (-35.0, 0.0, 12.0))),
        ("cuneiform_2", Ellipsoid((-4.0, 50.0, -54.0), (8.5, 12.0, 12.0), (-35.0, 0.0, 5.0))),
        ("cuneiform_3", Ellipsoid((8.0, 45.0, -62.0), (8.5, 14.0, 12.0), (-35.0, 0.0, 5.0))),
    ]
    ends = [
        (-24, 64, -74, -26, 104, -112),
        (-8, 63, -66, -12, 112, -108),
        (3, 60, -70, 1, 110, -112),
        (12, 52, -76, 14, 102, -116),
        (21, 40, -80, 27, 92, -118),
    ]
    radii = [(9.5, 7.0), (7.0, 4.5), (6.8, 4.2), (6.8, 4.2), (7.0, 4.5)]
    for n, ((a, b, c, d, e, f), (near, thin)) in enumerate(zip(ends, radii, strict=True), start=1):
        middle = (a + (d - a) * 0.35, b + (e - b) * 0.35, c + (f - c) * 0.35)
        tip = (float(d), float(e), float(f))
        solids.append(
            (f"metatarsal_{n}", rounded_tube(((float(a), float(b), float(c)), middle, tip), (near, thin, thin + 1.5)))
        )
    return tuple(
        Bone(
            name,
            shaped(solid, rng, 0.05, (0.0, 45.0, -60.0)),
            everywhere,
            frame,
            clear_mm=growth.clear_mm * 0.8,
            cartilage_mm=growth.cartilage_mm * 0.7,
            unossified_mm=growth.unossified_mm * 0.8,
            cortex_mm=(0.6, 1.2),
            marrow=jittered(rng, 1.0, 0.08),
        )
        for name, solid in solids
    )
