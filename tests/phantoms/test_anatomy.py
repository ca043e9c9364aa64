"""Bones where and as they should be: thin blades, joint spaces, sides, growth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from pedseg.phantoms import draw_patient, make_exam
from pedseg.phantoms.exam import make_stage
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.protocol import PROTOCOLS

DOMAINS = ("ankle", "knee", "shoulder")


def _blade_mm(patient: Patient) -> list[float]:
    """Thickness of the scapular blade in slices of a fine raster: area over length, less the slant of the cut."""
    stage, grid = make_stage(patient, matrix=900)
    bone = next(b for b in stage.scene.bones if b.name == "scapula")
    pixel_mm2 = grid.spacing_mm[0] * grid.spacing_mm[1]
    found = []
    for k in range(0, grid.shape[2], 6):
        points = stage.points(k)
        near = stage.region(bone, points, k)
        if near is None:
            continue
        local = bone.frame.local(tuple(p[near] for p in points))  # type: ignore[arg-type]
        strip = (local[0] > 42) & (local[0] < 62) & (local[1] > -32) & (local[1] < 2)
        inside = strip & (bone.solid.distance(local) < 0)
        if inside.sum() < 60:
            continue
        across = np.argwhere(inside) * grid.spacing_mm[:2]
        across = across - across.mean(0)
        length = np.ptp(across @ np.linalg.svd(across, full_matrices=False)[2][0])
        if length < 8:
            continue
        slices_normal = stage.affine[:3, 2] / np.linalg.norm(stage.affine[:3, 2])
        slant = np.sqrt(1 - float(bone.frame.turn[:, 2] @ slices_normal) ** 2)
        found.append(float(inside.sum() * pixel_mm2 / length * slant))
    return found


@pytest.mark.parametrize("index", range(6))
def test_scapular_blade_is_a_thin_plate(index: int) -> None:
    thickness = _blade_mm(draw_patient("shoulder", 0, index))
    assert len(thickness) >= 2
    assert 1.5 <= np.median(thickness) <= 3.0


@pytest.mark.parametrize("name", DOMAINS)
def test_bones_leave_a_joint_space(name: str) -> None:
    """No two bones touch: between them lies cartilage."""
    exam = make_exam(draw_patient(name, 0, 3), matrix=160)
    labels = exam.labels.array
    for label in range(1, int(labels.max()) + 1):
        around = binary_dilation(labels == label) & (labels != label)
        assert (labels[around] != 0).mean() < 0.002


def test_left_and_right_are_mirror_images_of_one_build() -> None:
    """The fibula lies lateral to the tibia: to the patient's right of it in right knees, left in left."""
    for index in (0, 1, 2):
        patient = draw_patient("knee", 0, index)
        labels = make_exam(patient, matrix=48).labels
        tibia, fibula = (labels.geometry.to_mm(np.argwhere(labels.array == v)).mean(0) for v in (4, 2))
        assert (fibula[0] > tibia[0]) == (patient.side == "right")


def test_bones_stand_in_anatomical_order() -> None:
    """Femur above tibia, patella in front; tibia above talus above calcaneus; scapula medial to humerus."""
    patient = draw_patient("knee", 0, 1)
    labels = make_exam(patient, matrix=64).labels
    femur, _, patella, tibia = (labels.geometry.to_mm(np.argwhere(labels.array == v)).mean(0) for v in (1, 2, 3, 4))
    assert femur[2] > patella[2] > tibia[2]
    assert patella[1] > femur[1]
    labels = make_exam(draw_patient("ankle", 0, 0), matrix=64).labels
    calcaneus, talus, tibia = (labels.geometry.to_mm(np.argwhere(labels.array == v)).mean(0) for v in (1, 2, 3))
    assert tibia[2] > talus[2] > calcaneus[2]
    patient = draw_patient("shoulder", 0, 0)
    labels = make_exam(patient, matrix=64).labels
    humerus, scapula = (labels.geometry.to_mm(np.argwhere(labels.array == v)).mean(0) for v in (1, 2))
    assert (humerus[0] > scapula[0]) == (patient.side == "right")


def test_equinus_points_the_foot_down() -> None:
    """The long axis of the talus falls towards the toes in equinus, and lies nearly level in the healthy."""
    slopes: dict[bool, list[float]] = {True: [], False: []}
    for index in range(6):
        patient = draw_patient("ankle", 0, index)
        labels = make_exam(patient, matrix=48).labels
        points = labels.geometry.to_mm(np.argwhere(labels.array == 2))
        axis = np.linalg.svd(points - points.mean(0), full_matrices=False)[2][0]
        slopes[patient.deformed].append(float(np.degrees(np.arctan2(axis[2] * np.sign(axis[1]), abs(axis[1])))))
    assert np.mean(slopes[True]) < np.mean(slopes[False]) - 15


@pytest.mark.parametrize("name", DOMAINS)
def test_slices_with_bone_are_as_many_as_in_the_paper(name: str) -> None:
    """METHODS section 1: 86 of 180, 152 of 200, 224 of 245, scaled to the small matrix."""
    protocol = PROTOCOLS[name]
    shares = []
    for index in range(4):
        labels = make_exam(draw_patient(name, 0, index), matrix=48).labels.array
        shares.append((labels > 0).any(axis=(0, 1)).mean())
    assert np.mean(shares) == pytest.approx(protocol.bone_slices / protocol.slices, rel=0.2)


def test_geometry_keeps_to_the_protocol_and_is_oblique() -> None:
    for name in DOMAINS:
        protocol = PROTOCOLS[name]
        unequal = []
        for index in range(8):
            _, grid = make_stage(draw_patient(name, 0, index), matrix=None)
            extent = np.array(grid.shape) * grid.spacing_mm
            np.testing.assert_allclose(extent[:2], protocol.fov_mm, rtol=0.01)
            low, high = protocol.spacing_mm
            assert low * 0.99 <= grid.spacing_mm[0] <= high * 1.01
            assert protocol.slice_mm[0] * 0.99 <= grid.spacing_mm[2] <= protocol.slice_mm[1] * 1.01
            assert grid.plane_of(2) == protocol.plane
            assert np.abs(grid.direction).max() < 1 - 1e-6
            unequal.append(grid.spacing_mm[1] / grid.spacing_mm[0] > 1.05)
        assert any(unequal)
        assert not all(unequal)
