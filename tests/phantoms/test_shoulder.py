"""The shoulder's bones: a thin blade beside the head, on either side."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.phantoms import Patient, draw_patient, make_exam
from pedseg.phantoms.exam import make_stage
from pedseg.phantoms.shoulder import draw_shoulder


def _middles(patient: Patient, *labels: int) -> list[np.ndarray]:
    """RAS mm of each label's middle."""
    volume = make_exam(patient, matrix=48).labels
    return [volume.geometry.to_mm(np.argwhere(volume.array == v)).mean(0) for v in labels]


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


@pytest.mark.parametrize("index", range(3))
def test_the_scapula_lies_inward_of_the_humerus(index: int) -> None:
    patient = draw_patient("shoulder", 0, index)
    humerus, scapula = _middles(patient, 1, 2)
    assert (humerus[0] > scapula[0]) == (patient.side == "right")


def test_a_palsied_head_is_smaller_and_flatter() -> None:
    """Obstetrical palsy: least over largest radius of the head's solid, and its size, against the healthy."""
    size: dict[bool, list[float]] = {True: [], False: []}
    for index in range(12):
        patient = draw_patient("shoulder", 0, index)
        humerus = draw_shoulder(patient).bones[0]
        z = np.linspace(-40, 40, 801, dtype=np.float32)
        width = [
            (humerus.solid.distance(line) < 0).sum() * 0.1
            for line in ((z, 0 * z, 0 * z + 6), (0 * z - 4, z, 0 * z + 6))
        ]
        size[patient.deformed].append(float(np.prod(width)))
    assert np.mean(size[True]) < 0.85 * np.mean(size[False])
