"""The shoulder: humerus and scapula against the chest wall of a child.

Origin at the centre of the humeral head of an adult of average size. The scapula's own frame: x from
the glenoid to the medial border, y up, z backwards out of the blade.
"""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.chest import chest_ribs, spine
from pedseg.phantoms.frames import Frame, Framed, moved, turned_about
from pedseg.phantoms.growth import Growth, draw_growth, jittered, shaped
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.plates import GrowthPlate, Sheet
from pedseg.phantoms.scene import Bone, Scene
from pedseg.phantoms.shoulder_tissue import shoulder_tissue
from pedseg.phantoms.solids import Blend, Carved, Ellipsoid, HalfSpace, Solid, Vec, rotation, rounded_tube

BLADE_MM = (2.7, 2.95)
"""Thickness of the scapular blade, in the child's own millimetres."""


def draw_shoulder(patient: Patient) -> Scene:
    """Draw the anatomy of one shoulder: labels 1 humerus, 2 scapula."""
    rng = patient.rng("anatomy")
    growth = draw_growth(patient, rng)
    palsy = patient.deformed
    arm = turned_about(
        (0.0, 0.0, 0.0), (jittered(rng, 0, 10), -jittered(rng, 14, 12), jittered(rng, -30 if palsy else -8, 24))
    )
    blade = _blade_frame(rng, palsy)
    head = _head_offset(rng, palsy)
    humerus = _humerus(rng, growth, moved(head) @ arm, palsy)
    scapula = _scapula(rng, growth, blade, palsy)
    bones = (humerus, scapula, _clavicle(rng, growth, blade), *chest_ribs(rng, growth), *spine(rng, growth))
    outline, soft = shoulder_tissue(rng, moved(head) @ arm, blade)
    covered = max(147.0 / growth.scale, 168.0)
    pose = turned_about((0.0, 0.0, 0.0), (jittered(rng, 0, 7), jittered(rng, 0, 6), jittered(rng, 0, 14)))
    focus = (-42.0, jittered(rng, -10, 6), 60.0 - covered / 2)
    return Scene(
        growth.scale, outline, jittered(rng, 1.7, 0.3), soft, bones, pose=pose, focus_mm=focus, depth_mm=covered * 0.91
    )


def _blade_frame(rng: np.random.Generator, palsy: bool) -> Frame:
    """From the scapula's frame into the limb: x medial, turned back by the scapular plane."""
    plane = jittered(rng, 38, 6)
    upward = jittered(rng, 12 if palsy else 2, 6)
    tip = jittered(rng, 12, 5)
    axes = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    turn = rotation((0.0, 0.0, plane)) @ rotation((tip, -upward, 0.0)) @ axes
    return Frame(turn, np.array([-25.5, -3.0, jittered(rng, 6 if palsy else 0, 4)]))


def _head_offset(rng: np.random.Generator, palsy: bool) -> Vec:
    """The palsied head sits further back."""
    return jittered(rng, 0, 1.5), jittered(rng, -6 if palsy else 0, 2.5), jittered(rng, 0, 2)


def _humerus(rng: np.random.Generator, growth: Growth, frame: Frame, palsy: bool) -> Bone:
    small = jittered(rng, 0.84, 0.06) if palsy else jittered(rng, 1.0, 0.05)
    flat = jittered(rng, 0.78, 0.08) if palsy else 1.0
    r = 23.0 * small
    solid = Carved(
        Blend(
            (
                Ellipsoid((-2.0, 0.0, 0.0), (r * flat, r, r * (1.0 if palsy else 1.02)), (0.0, 35.0, 0.0)),
                Ellipsoid((13.0, 2.0, -3.0), (10.0 * small, 14.0 * small, 17.0)),
                Ellipsoid((2.0, 16.0 * small, -6.0), (8.0, 7.5, 12.0)),
                rounded_tube(
                    ((2.0, 0.0, -8.0), (4.0, 0.0, -36.0), (5.0, 0.0, -70.0), (4.0, 2.0, -240.0)),
                    (19.0 * small, 13.5, jittered(rng, 10.8, 0.8), 10.0),
                ),
            ),
            7.0,
        ),
        (rounded_tube(((10.0, 21.0 * small, 8.0), (9.0, 20.0 * small, -14.0), (8.0, 15.0, -46.0)), (3.6, 3.4, 2.4)),),
        2.5,
    )
    articular = Ellipsoid((-7.0, 0.0, 8.0), (28.0, 30.0, 26.0), (0.0, 35.0, 0.0))
    plate = GrowthPlate(-jittered(rng, 17, 2), (0.2, 0.0), ((0.0, -2.0, 11.0, jittered(rng, 7, 1.5)),), above=True)
    return Bone(
        "humerus",
        shaped(solid, rng, 0.05),
        articular,
        frame,
        label=1,
        physes=(plate,),
        cartilage_mm=growth.cartilage_mm,
        unossified_mm=growth.unossified_mm,
        physis_mm=growth.physis_mm,
        cortex_mm=(0.6, 2.4),
        clear_mm=growth.clear_mm,
        marrow=jittered(rng, 1.0, 0.07),
    )


def _scapula(rng: np.random.Generator, growth: Growth, frame: Frame, palsy: bool) -> Bone:
    small = jittered(rng, 0.82, 0.06) if palsy else jittered(rng, 1.0, 0.06)
    long, tall = 98.0 * small, jittered(rng, 100.0, 8) * small
    thick = float(rng.uniform(*BLADE_MM)) / growth.scale
    bend = (jittered(rng, 9e-4, 4e-4), jittered(rng, 0, 5e-4), jittered(rng, 7e-4, 4e-4))
    solid = Blend(
        (
            *_plates(rng, (long, tall), thick, bend),
            _glenoid(rng, small, palsy),
            rounded_tube(
                ((8.0, -12.0, 0.0), (28.0, -48.0, 2.0), (long * 0.66, -tall + 4.0, 6.0)), (5.0 * small, 3.6, 2.6)
            ),
            *_processes(rng, small),
        ),
        3.0,
    )
    articular = Ellipsoid((-3.0, 0.0, 0.0), (11.0, 22.0, 17.0))
    coracoid_plate = Ellipsoid((4.0, 36.0, -24.0), (17.0, 14.0, 15.0))
    acromion_plate = HalfSpace((1.0, 0.0, 0.0), -32.0)
    return Bone(
        "scapula",
        solid,
        articular,
        frame,
        label=2,
        physes=(coracoid_plate, acromion_plate),
        cartilage_mm=growth.cartilage_mm,
        unossified_mm=growth.unossified_mm,
        physis_mm=0.7 * growth.physis_mm,
        cortex_mm=(0.25, 0.25),
        clear_mm=growth.clear_mm,
        marrow=jittered(rng, 1.45, 0.07),
    )


def _plates(rng: np.random.Generator, size: tuple[float, float], thick: float, bend: Vec) -> tuple[Solid, ...]:
    """The blade, a triangle with a curved surface, and the spine that stands on it."""
    long, tall = size
    low = long * jittered(rng, 0.70, 0.04)
    outline = (
        (6.0, 14.0),
        (long * 0.5, 34.0),
        (long * 0.88, 44.0),
        (long, 16.0),
        (long * 0.93, -30.0),
        (low + 6, -tall),
        (low - 6, -tall),
        (24.0, -34.0),
        (6.0, -14.0),
    )
    blade = Sheet(outline, thick, bend)
    rise = jittered(rng, 22, 3)
    crest = ((4.0, -2.0), (long * 0.96, -2.0), (long * 0.9, 5.0), (40.0, rise * 0.85), (-2.0, rise + 4), (-8.0, rise))
    spine = Framed(
        Sheet(crest, 3.4, (0.0, 0.0, 0.0), rim=1.0),
        Frame(rotation((90.0, 0.0, 0.0)) @ np.diag([1.0, 1.0, -1.0]), np.array([0.0, 22.0, 0.0])),
    )
    return blade, spine


def _glenoid(rng: np.random.Generator, small: float, palsy: bool) -> Solid:
    """The socket on its neck; palsied, it faces back and is flat or doubly faced."""
    version = jittered(rng, 22, 8) if palsy else jittered(rng, 4, 5)
    socket = Ellipsoid((3.5, -1.0, 0.0), (6.5, 18.0 * small, 12.5 * small), (0.0, version, 0.0))
    neck = rounded_tube(((6.0, 0.0, 0.0), (20.0, 0.0, 0.0)), (9.5 * small, 4.5))
    hollow = Ellipsoid((-25.0 if not palsy else -26.5, 0.0, 0.0), (25.5, 30.0, 27.0))
    return Carved(Blend((socket, neck), 5.0), (hollow,), 2.0)


def _processes(rng: np.random.Generator, small: float) -> tuple[Solid, ...]:
    """Coracoid, hooked forwards, and acromion, the roof over the head."""
    reach = jittered(rng, 34, 3) * small
    coracoid = rounded_tube(
        ((10.0, 12.0, -3.0), (6.0, 26.0, -10.0), (3.0, 31.0, -22.0), (-8.0, 28.0, -reach)), (7.5, 6.5, 5.5, 4.5)
    )
    high = jittered(rng, 33, 2)
    acromion = Blend(
        (
            rounded_tube(((2.0, 24.0, 22.0), (-16.0, high, 26.0), (-32.0, high + 1, 16.0)), (4.0, 4.5, 4.5)),
            Ellipsoid((-32.0, high + 1.5, 4.0), (11.0, 4.6, 16.0), (0.0, 20.0, 8.0)),
        ),
        5.0,
    )
    return coracoid, acromion


def _clavicle(rng: np.random.Generator, growth: Growth, blade: Frame) -> Bone:
    tip = blade.at((-18.0, 37.0, -8.0))
    path = (
        tip,
        (tip[0] - 26, tip[1] + 6, tip[2] + 3),
        (tip[0] - 62, tip[1] + 22, tip[2] + 4),
        (tip[0] - 100, tip[1] + 38, tip[2] - 2),
        (tip[0] - 130, tip[1] + 36, tip[2] - 6),
    )
    whole = Ellipsoid(path[0], (10.0, 10.0, 10.0))
    return Bone(
        "clavicle",
        rounded_tube(path, (6.5, 5.5, 5.2, 6.0, 8.0)),
        whole,
        cartilage_mm=0.8,
        unossified_mm=0.5 * growth.unossified_mm,
        cortex_mm=(0.7, 1.4),
        clear_mm=growth.clear_mm,
        marrow=jittered(rng, 1.0, 0.08),
    )
