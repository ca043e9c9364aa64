"""The ceiling: what labels lose on their way through the slices."""

from __future__ import annotations

import numpy as np

from pedseg.domains import load_domains
from pedseg.evaluation.ceiling import ceiling
from pedseg.plan import DomainPlan
from pedseg.volumes import Volume

(SHOULDER,) = load_domains(["shoulder"])


def labels() -> Volume:
    array = np.zeros((40, 40, 4), np.uint8)
    array[6:26, 8:28, 1:3] = 1
    array[30:33, 10:30, 2] = 2
    return Volume(array, np.diag([-1.0, -1.0, 3.0, 1.0]), slice_axis=2)


def plan(spacing_mm: float, window: int = 48) -> DomainPlan:
    values = {"domain": SHOULDER, "plane": "axial", "spacing_mm": spacing_mm, "window": window}
    return DomainPlan.model_validate(values)


def test_at_its_own_spacing_nothing_is_lost() -> None:
    assert ceiling(labels(), plan(1.0)) == {"humerus": 1.0, "scapula": 1.0}


def test_coarser_pixels_cost_a_thin_plate_more_than_a_compact_bone() -> None:
    coarse, coarser = ceiling(labels(), plan(3.0, 32)), ceiling(labels(), plan(7.0, 32))
    assert 1 > (coarse["humerus"] or 0) > 0.9
    assert (coarse["scapula"] or 0) < (coarse["humerus"] or 0)
    assert (coarser["humerus"] or 0) < (coarse["humerus"] or 0)


def test_a_square_that_fills_whole_coarse_pixels_survives_and_what_is_absent_has_no_score() -> None:
    """20 x 20 voxels from index 6: whole pixels of 2 mm, for a window's middle is that of 40 voxels."""
    array = np.zeros((40, 40, 4), np.uint8)
    array[6:26, 8:28, 1:3] = 1
    assert ceiling(labels().with_array(array), plan(2.0, 32)) == {"humerus": 1.0, "scapula": None}
