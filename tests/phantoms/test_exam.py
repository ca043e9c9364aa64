"""Exams: whole, on one grid, and the same bytes for the same patient."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.domains import load_domains
from pedseg.errors import UsageError
from pedseg.phantoms import draw_patient, make_exam

DOMAINS = ("ankle", "knee", "shoulder")


@pytest.mark.parametrize("name", DOMAINS)
def test_every_structure_of_the_domain_is_there(name: str) -> None:
    exam = make_exam(draw_patient(name, 0, 1), matrix=64)
    (domain,) = load_domains([name])
    assert set(np.unique(exam.labels.array)) == set(range(domain.n_classes))
    assert exam.image.array.dtype == np.uint16
    assert exam.labels.array.dtype == np.uint8
    assert exam.image.geometry.corner_distance_mm(exam.labels.geometry) == 0


@pytest.mark.parametrize("name", DOMAINS)
def test_the_same_patient_gives_the_same_bytes(name: str) -> None:
    first, again = (make_exam(draw_patient(name, 3, 2), matrix=48) for _ in range(2))
    assert first.image.array.tobytes() == again.image.array.tobytes()
    assert first.labels.array.tobytes() == again.labels.array.tobytes()
    assert first.image.affine.tobytes() == again.image.affine.tobytes()


def test_another_seed_is_another_patient() -> None:
    first, other = (make_exam(draw_patient("ankle", seed, 0), matrix=48) for seed in (0, 1))
    assert first.image.array.tobytes() != other.image.array.tobytes()


@pytest.mark.parametrize("name", DOMAINS)
def test_the_matrix_changes_the_voxels_and_not_the_field_of_view(name: str) -> None:
    patient = draw_patient(name, 0, 0)
    small, large = (make_exam(patient, matrix=m).labels for m in (48, 96))
    extent = [np.array(v.shape) * v.spacing_mm for v in (small, large)]
    np.testing.assert_allclose(extent[0], extent[1], rtol=1e-9)
    volumes = [np.bincount(v.array.ravel())[1:] * v.geometry.voxel_mm3 for v in (small, large)]
    np.testing.assert_allclose(volumes[0].sum(), volumes[1].sum(), rtol=0.1)


def test_a_matrix_too_small_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 32"):
        make_exam(draw_patient("ankle", 0, 0), matrix=16)
