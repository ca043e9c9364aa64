"""Bones where and as they should be: thin blades, joint spaces, sides, growth."""

from __future__ import annotations

import pytest
from scipy.ndimage import binary_dilation

from pedseg.phantoms import draw_patient, make_exam

DOMAINS = ("ankle", "knee", "shoulder")


@pytest.mark.parametrize("name", DOMAINS)
def test_bones_leave_a_joint_space(name: str) -> None:
    """No two bones touch: between them lies cartilage."""
    exam = make_exam(draw_patient(name, 0, 3), matrix=160)
    labels = exam.labels.array
    for label in range(1, int(labels.max()) + 1):
        around = binary_dilation(labels == label) & (labels != label)
        assert (labels[around] != 0).mean() < 0.002
