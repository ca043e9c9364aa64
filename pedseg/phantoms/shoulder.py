"""The shoulder: humerus and scapula against the chest wall of a child.

Origin at the centre of the humeral head of an adult of average size. The scapula's own frame: x from
the glenoid to the medial border, y up, z backwards out of the blade.
"""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.frames import Frame, Framed, moved, turned_about
from pedseg.phantoms.growth import Growth, draw_growth, jittered, shaped
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.scene import Bone, Fill, Muscle, Scene
from pedseg.phantoms.solids import Blend, Carved, Ellipsoid, HalfSpace, Sheet, Solid, Tube, Vec, rotation

THORAX: Vec = (-112.0, 8.0, -110.0)
"""Middle of this side's half of the chest."""
BLADE_MM = (1.7, 2.6)
"""Thickness of the scapular blade, in the child's own millimetres."""


def draw_shoulder(patient: Patient) -> Scene:
    """Draw the anatomy of one shoulder: labels 1 humerus, 2 scapula."""
    rng = patient.rng("anatomy")
    growth = draw_growth(patient, rng)
    palsy = patient.deformed
    arm = turned_about((0.0, 0.0, 0.0), (jittered(rng, 0, 10), -jittered(rng, 14, 12), jittered(rng, -30 if palsy else -8, 24)))
    blade = _blade_frame(rng, palsy)
    head = _head_offset(rng, palsy)
    humerus = _humerus(rng, growth, moved(head) @ arm, palsy)
    scapula = _scapula(rng, growth, blade, palsy)
    bones = (humerus, scapula, _clavicle(rng, growth, blade), *_ribs(rng, growth))
    outline, soft = _soft_tissue(rng, moved(head) @ arm, blade)
    focus = (-52.0, jittered(rng, -8, 6), jittered(rng, -62, 8))
    return Scene(growth.scale, outline, jittered(rng, 1.7, 0.3), soft, bones, focus_mm=focus)


def _blade_frame(rng: np.random.Generator, palsy: bool) -> Frame:
    """From the scapula's frame into the limb: x medial, turned back by the scapular plane."""
    plane = jittered(rng, 38, 9)
    upward = jittered(rng, 14 if palsy else 2, 9)
    tip = jittered(rng, 12, 7)
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
        Blend((
            Ellipsoid((-2.0, 0.0, 0.0), (r * flat, r, r * (1.0 if palsy else 1.02)), (0.0, 35.0, 0.0)),
            Ellipsoid((13.0, 2.0, -3.0), (10.0 * small, 14.0 * small, 17.0)),
            Ellipsoid((2.0, 16.0 * small, -6.0), (8.0, 7.5, 12.0)),
            Tube(((2.0, 0.0, -8.0), (4.0, 0.0, -36.0), (5.0, 0.0, -70.0), (4.0, 2.0, -240.0)),
                 (19.0 * small, 13.5, jittered(rng, 10.8, 0.8), 10.0)),
        ), 7.0),
        (Tube(((10.0, 21.0 * small, 8.0), (9.0, 20.0 * small, -14.0), (8.0, 15.0, -46.0)), (3.6, 3.4, 2.4)),),
        2.5,
    )
    articular = Ellipsoid((-7.0, 0.0, 8.0), (28.0, 30.0, 26.0), (0.0, 35.0, 0.0))
    plate = Carved(HalfSpace((0.25, 0.0, -1.0), jittered(rng, 15, 2)), (Ellipsoid((3.0, 0.0, -22.0), (16.0, 18.0, 14.0)),), 6.0)
    return Bone("humerus", shaped(solid, rng, 0.05), articular, frame, label=1, physes=(plate,),
                cartilage_mm=growth.cartilage_mm, unossified_mm=growth.unossified_mm, physis_mm=growth.physis_mm,
                cortex_mm=(0.6, 2.4), clear_mm=growth.clear_mm, marrow=jittered(rng, 1.0, 0.07))


def _scapula(rng: np.random.Generator, growth: Growth, frame: Frame, palsy: bool) -> Bone:
    small = jittered(rng, 0.82, 0.06) if palsy else jittered(rng, 1.0, 0.06)
    long, tall = 98.0 * small, jittered(rng, 100.0, 8) * small
    thick = float(rng.uniform(*BLADE_MM)) / growth.scale
    bend = (jittered(rng, 9e-4, 4e-4), jittered(rng, 0, 5e-4), jittered(rng, 7e-4, 4e-4))
    solid = Carved(
        Blend((
            *_plates(rng, (long, tall), thick, bend),
            _glenoid(rng, small, palsy),
            Tube(((8.0, -12.0, 0.0), (28.0, -48.0, 2.0), (long * 0.66, -tall + 4.0, 6.0)), (5.0 * small, 3.6, 2.6)),
            *_processes(rng, small),
        ), 3.0),
        (), 1.0,
    )
    articular = Ellipsoid((-3.0, 0.0, 0.0), (11.0, 22.0, 17.0))
    coracoid_plate = Ellipsoid((4.0, 36.0, -24.0), (17.0, 14.0, 15.0))
    acromion_plate = HalfSpace((1.0, 0.0, 0.0), -32.0)
    return Bone("scapula", solid, articular, frame, label=2, physes=(coracoid_plate, acromion_plate),
                cartilage_mm=growth.cartilage_mm, unossified_mm=growth.unossified_mm, physis_mm=0.7 * growth.physis_mm,
                cortex_mm=(0.5, 0.6), clear_mm=growth.clear_mm, marrow=jittered(rng, 0.98, 0.07))


def _plates(rng: np.random.Generator, size: tuple[float, float], thick: float, bend: Vec) -> tuple[Solid, ...]:
    """The blade, a triangle with a curved surface, and the spine that stands on it."""
    long, tall = size
    low = long * jittered(rng, 0.70, 0.04)
    outline = ((6.0, 14.0), (long * 0.5, 34.0), (long * 0.88, 44.0), (long, 16.0), (long * 0.93, -30.0), (low + 6, -tall),
               (low - 6, -tall), (24.0, -34.0), (6.0, -14.0))
    blade = Sheet(outline, thick, bend)
    rise = jittered(rng, 22, 3)
    crest = ((4.0, -2.0), (long * 0.96, -2.0), (long * 0.9, 5.0), (40.0, rise * 0.85), (-2.0, rise + 4), (-8.0, rise))
    spine = Framed(Sheet(crest, 3.4, (0.0, 0.0, 0.0), rim=1.0), Frame(rotation((90.0, 0.0, 0.0)) @ np.diag([1.0, 1.0, -1.0]), np.array([0.0, 22.0, 0.0])))
    return blade, spine


def _glenoid(rng: np.random.Generator, small: float, palsy: bool) -> Solid:
    """The socket on its neck; palsied, it faces back and is flat or doubly faced."""
    version = jittered(rng, 22, 8) if palsy else jittered(rng, 4, 5)
    socket = Ellipsoid((3.5, -1.0, 0.0), (6.5, 18.0 * small, 12.5 * small), (0.0, version, 0.0))
    neck = Tube(((6.0, 0.0, 0.0), (20.0, 0.0, 0.0)), (9.5 * small, 4.5))
    hollow = Ellipsoid((-25.0 if not palsy else -26.5, 0.0, 0.0), (25.5, 30.0, 27.0))
    return Carved(Blend((socket, neck), 5.0), (hollow,), 2.0)


def _processes(rng: np.random.Generator, small: float) -> tuple[Solid, ...]:
    """Coracoid, hooked forwards, and acromion, the roof over the head."""
    reach = jittered(rng, 34, 3) * small
    coracoid = Tube(((10.0, 12.0, -3.0), (6.0, 26.0, -10.0), (3.0, 31.0, -22.0), (-8.0, 28.0, -reach)), (7.5, 6.5, 5.5, 4.5))
    high = jittered(rng, 33, 2)
    acromion = Blend((
        Tube(((2.0, 24.0, 22.0), (-16.0, high, 26.0), (-32.0, high + 1, 16.0)), (4.0, 4.5, 4.5)),
        Ellipsoid((-32.0, high + 1.5, 4.0), (11.0, 4.6, 16.0), (0.0, 20.0, 8.0)),
    ), 5.0)
    return coracoid, acromion


def _clavicle(rng: np.random.Generator, growth: Growth, blade: Frame) -> Bone:
    tip = blade.at((-18.0, 37.0, -8.0))
    path = (tip, (tip[0] - 26, tip[1] + 6, tip[2] + 3), (tip[0] - 62, tip[1] + 22, tip[2] + 4), (tip[0] - 100, tip[1] + 38, tip[2] - 2),
            (tip[0] - 130, tip[1] + 36, tip[2] - 6))
    whole = Ellipsoid(path[0], (10.0, 10.0, 10.0))
    return Bone("clavicle", Tube(path, (6.5, 5.5, 5.2, 6.0, 8.0)), whole, cartilage_mm=0.8, unossified_mm=0.5 * growth.unossified_mm,
                cortex_mm=(0.7, 1.4), clear_mm=growth.clear_mm, marrow=jittered(rng, 1.0, 0.08))


def _ribs(rng: np.random.Generator, growth: Growth) -> tuple[Bone, ...]:
    nowhere = Ellipsoid((0.0, 0.0, 900.0), (1.0, 1.0, 1.0))
    ribs = []
    step = jittered(rng, 27, 2)
    for n in range(8):
        z = THORAX[2] + 92.0 - step * n
        size = _chest_size(z)
        angles = np.radians(np.linspace(-150, 100, 15))
        ring = tuple((THORAX[0] + size[0] * float(np.cos(a)), THORAX[1] + size[1] * float(np.sin(a)), z + 14.0 * float(-np.sin(a)))
                     for a in angles)
        ribs.append(Bone(f"rib_{n + 1}", Tube(ring, (5.2,) * len(ring)), nowhere, cortex_mm=(0.8, 0.8), clear_mm=0.5 * growth.clear_mm,
                         cartilage_mm=0.0, marrow=jittered(rng, 0.95, 0.1)))
    return tuple(ribs)


def _chest_size(z: float) -> tuple[float, float]:
    """Half axes of the rib cage at a height."""
    t = max(0.0, 1 - ((z - THORAX[2]) / 150.0) ** 2) ** 0.5
    return 78.0 * t, 92.0 * t


def _soft_tissue(rng: np.random.Generator, arm: Frame, blade: Frame) -> tuple[Solid, tuple[Fill | Muscle, ...]]:
    fat = jittered(rng, 3.5, 2.5)
    torso = Ellipsoid((-125.0, -2.0, -130.0), (122.0 + fat, 118.0 + fat, 230.0))
    outline = Blend((
        torso,
        Framed(Tube(((2.0, 0.0, 2.0), (6.0, 0.0, -60.0), (6.0, 0.0, -240.0)), (43.0 + fat, 43.0 + fat, 38.0 + fat)), arm),
        Tube(((-14.0, -6.0, 10.0), (-90.0, -14.0, 34.0), (-150.0, -10.0, 90.0)), (36.0 + fat, 42.0 + fat, 50.0)),
    ), 26.0)
    chest = Ellipsoid(THORAX, (86.0, 100.0, 158.0))
    lung = Ellipsoid(THORAX, (72.0, 86.0, 142.0))
    soft: list[Fill | Muscle] = [
        Muscle(Ellipsoid((-122.0, -4.0, -130.0), (112.0, 108.0, 220.0)), (0.6, 0.6, 0.5), 0.75, seed=51),
        *_cuff(rng, blade),
        *_arm_muscles(arm, blade),
        Fill(Ellipsoid((-46.0, 24.0, -48.0), (17.0, 17.0, 40.0), (0.0, 14.0, 0.0)), "fat", blur_mm=4.0),
        Fill(Ellipsoid((-8.0, -3.0, 0.0), (30.0, 28.0, 28.0)), "synovium", blur_mm=5.0),
        *_vessels(arm),
        Muscle(chest, (1.0, 0.0, 0.3), 0.5, seed=52),
        Fill(lung, "lung"),
    ]
    return outline, tuple(soft)


def _cuff(rng: np.random.Generator, blade: Frame) -> tuple[Muscle, ...]:
    """Supraspinatus, infraspinatus, subscapularis and teres lie on the blade."""
    swell = jittered(rng, 1.0, 0.12)
    solids: list[tuple[Solid, Vec]] = [
        (Tube(((88.0, 32.0, 10.0), (50.0, 34.0, 11.0), (10.0, 36.0, 8.0), (-22.0, 24.0, 2.0)), (8.0, 13.0 * swell, 11.0, 4.0)), (1.0, 0.1, 0.0)),
        (Tube(((86.0, -30.0, 12.0), (50.0, -14.0, 16.0), (10.0, 2.0, 22.0), (-24.0, 6.0, 22.0)), (14.0, 19.0 * swell, 14.0, 5.0)), (1.0, -0.3, 0.0)),
        (Tube(((62.0, -80.0, 12.0), (34.0, -44.0, 14.0), (4.0, -16.0, 26.0)), (13.0, 13.0, 8.0)), (1.0, -1.0, 0.0)),
        (Tube(((80.0, -30.0, -10.0), (46.0, -16.0, -15.0), (6.0, -2.0, -22.0), (-14.0, -2.0, -27.0)), (12.0, 18.0 * swell, 14.0, 5.0)), (1.0, -0.2, 0.0)),
    ]
    return tuple(Muscle(solid, along, 0.85, seed=61 + n, frame=blade) for n, (solid, along) in enumerate(solids))


def _arm_muscles(arm: Frame, blade: Frame) -> tuple[Muscle, ...]:
    shell = Carved(Framed(Ellipsoid((4.0, 0.0, -18.0), (39.0, 41.0, 66.0)), arm), (Framed(Ellipsoid((-6.0, 0.0, -20.0), (30.0, 27.0, 60.0)), arm),), 6.0)
    parts: list[tuple[Solid, Vec]] = [
        (shell, (0.1, 0.1, 1.0)),
        (Framed(Tube(((2.0, 24.0, -50.0), (4.0, 22.0, -220.0)), (9.0, 20.0)), arm), (0.0, 0.0, 1.0)),
        (Framed(Tube(((0.0, -20.0, -30.0), (4.0, -22.0, -120.0), (4.0, -22.0, -220.0)), (9.0, 19.0, 19.0)), arm), (0.0, 0.0, 1.0)),
        (Framed(Tube(((60.0, -102.0, 2.0), (20.0, -70.0, 0.0), (-14.0, -52.0, -6.0)), (14.0, 16.0, 8.0)), blade), (1.0, -0.7, 0.0)),
        (Tube(((-120.0, 104.0, -90.0), (-60.0, 76.0, -60.0), (-8.0, 34.0, -56.0)), (14.0, 17.0, 8.0)), (1.0, -0.5, 0.3)),
        (Tube(((-110.0, -86.0, 60.0), (-70.0, -60.0, 50.0), (-24.0, -26.0, 42.0)), (14.0, 13.0, 7.0)), (1.0, 0.5, -0.3)),
    ]
    return tuple(Muscle(solid, along, 0.85, seed=71 + n) for n, (solid, along) in enumerate(parts))


def _vessels(arm: Frame) -> tuple[Fill, ...]:
    paths = [((-110.0, 46.0, 24.0), (-60.0, 36.0, -6.0), (-44.0, 22.0, -40.0), arm.at((-24.0, 8.0, -90.0)), arm.at((-18.0, 6.0, -220.0))),
             ((-112.0, 54.0, 16.0), (-62.0, 46.0, -14.0), (-44.0, 32.0, -44.0), arm.at((-26.0, 16.0, -92.0)), arm.at((-20.0, 12.0, -220.0)))]
    fills: list[Fill] = []
    for path in paths:
        fills += [Fill(Tube(path, (5.0, 4.6, 4.2, 3.4, 2.8)), "wall"), Fill(Tube(path, (3.8, 3.4, 3.0, 2.4, 1.9)), "blood")]
    for shift in (-7.0, 0.0, 6.0):
        nerve = tuple((x - 2.0 + shift * 0.4, y - 9.0 + shift * 0.6, z + shift) for x, y, z in paths[0])
        fills.append(Fill(Tube(nerve, (2.4, 2.4, 2.2, 2.0, 1.8)), "nerve"))
    return tuple(fills)
