"""The ankle's bones where they should be, healthy and in equinus."""

from __future__ import annotations

import numpy as np

from pedseg.phantoms import Patient, draw_patient, make_exam


def _middles(patient: Patient, *labels: int) -> list[np.ndarray]:
    """RAS mm of each label's middle."""
    volume = make_exam(patient, matrix=48).labels
    return [volume.geometry.to_mm(np.argwhere(volume.array == v)).mean(0) for v in labels]


def test_tibia_stands_on_talus_and_talus_on_calcaneus() -> None:
    calcaneus, talus, tibia = _middles(draw_patient("ankle", 0, 0), 1, 2, 3)
    assert tibia[2] > talus[2] > calcaneus[2]
    assert calcaneus[1] < talus[1]


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
