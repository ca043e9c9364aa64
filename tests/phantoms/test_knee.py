"""The knee's bones where they should be, on either side."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.phantoms import Patient, draw_patient, make_exam


def _middles(patient: Patient, *labels: int) -> list[np.ndarray]:
    """RAS mm of each label's middle."""
    volume = make_exam(patient, matrix=48).labels
    return [volume.geometry.to_mm(np.argwhere(volume.array == v)).mean(0) for v in labels]


def test_femur_stands_on_tibia_and_the_patella_before_it() -> None:
    femur, patella, tibia = _middles(draw_patient("knee", 0, 1), 1, 3, 4)
    assert femur[2] > patella[2] > tibia[2]
    assert patella[1] > femur[1]


@pytest.mark.parametrize("index", range(3))
def test_the_fibula_lies_outward_of_the_tibia(index: int) -> None:
    """Right knees are mirror images of left ones: to the patient's right (+R) in right knees."""
    patient = draw_patient("knee", 0, index)
    fibula, tibia = _middles(patient, 2, 4)
    assert (fibula[0] > tibia[0]) == (patient.side == "right")
