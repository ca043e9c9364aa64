"""Phantoms are not to be had cheaply: no threshold and no copy of another patient finds the bones."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pedseg.phantoms import Exam, draw_patient, make_exam

DOMAINS = ("ankle", "knee", "shoulder")
PATIENTS = 5


@pytest.fixture(scope="module", params=DOMAINS)
def exams(request: pytest.FixtureRequest) -> list[Exam]:
    return [make_exam(draw_patient(request.param, 0, i), matrix=96) for i in range(PATIENTS)]


def _overlaps(parts: NDArray[np.uint32], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(bones,): best Dice of any one component with each bone: an attacker who is told which to take."""
    sizes = np.bincount(parts.ravel())
    found = []
    for label in range(1, int(labels.max()) + 1):
        bone = labels == label
        shared = np.bincount(parts[bone], minlength=len(sizes))
        dice = 2 * shared / (sizes + bone.sum())
        found.append(dice[1:].max(initial=0.0))
    return np.array(found)


@pytest.mark.parametrize("smooth_px", [0.0, 1.0])
def test_no_single_threshold_finds_the_bones(exams: list[Exam], smooth_px: float) -> None:
    best = []
    for exam in exams[:2]:
        image = gaussian_filter(exam.image.array.astype(np.float32), smooth_px)
        tried = []
        for level in np.percentile(image, np.linspace(40, 99, 24)):
            for mask in (image > level, image <= level):
                tried.append(_overlaps(cc3d.connected_components(mask, connectivity=6), exam.labels.array))
        best.append(np.max(tried, axis=0))
    assert np.mean(best) <= 0.6


def _copied(target: Exam, source: Exam, label: int) -> float:
    """Dice of the other's bone moved to the target's centre and scaled to its volume.

    Both are then of one volume, so Dice is the share of the target's voxels that the other covers.
    """
    here, there = target.labels.geometry, source.labels.geometry
    other = source.labels.array == label
    points, others = here.to_mm(np.argwhere(target.labels.array == label)), there.to_mm(np.argwhere(other))
    scale = (len(points) * here.voxel_mm3 / (len(others) * there.voxel_mm3)) ** (1 / 3)
    index = np.rint(there.to_index((points - points.mean(0)) / scale + others.mean(0))).astype(int)
    inside = ((index >= 0) & (index < there.shape)).all(axis=1)
    return float(other[tuple(index[inside].T)].sum() / len(points))


def test_a_copy_of_another_patient_does_not_fit(exams: list[Exam]) -> None:
    n = int(exams[0].labels.array.max())
    pairs = [(a, b) for a in exams for b in exams if a is not b]
    dice = np.array([[_copied(a, b, label) for label in range(1, n + 1)] for a, b in pairs])
    assert dice.mean() <= 0.75


def test_marrow_is_no_brighter_than_all_that_surrounds_it(exams: list[Exam]) -> None:
    """At least a third of the voxels outside are as bright as the middle half of bone, in the band where tissue is."""
    for exam in exams:
        image, bone = exam.image.array, exam.labels.array > 0
        low, high = np.percentile(image[bone], [25, 75])
        band = (image >= low) & (image <= high)
        assert (band & ~bone).sum() > band.sum() / 3
