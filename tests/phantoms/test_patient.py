"""Patients are drawn one by one, and small cohorts hold all kinds."""

from __future__ import annotations

import pytest

from pedseg.errors import UsageError
from pedseg.phantoms import draw_patient
from pedseg.phantoms.patient import COHORTS


@pytest.mark.parametrize("domain", sorted(COHORTS))
def test_ages_stay_in_the_cohort_and_spread_over_it(domain: str) -> None:
    low, high = COHORTS[domain].ages
    ages = [draw_patient(domain, 5, i).age for i in range(6)]
    assert all(low <= age <= high for age in ages)
    assert max(ages) - min(ages) > 0.6 * (high - low)


@pytest.mark.parametrize(("domain", "cohort", "deformed"), [("ankle", 17, 7), ("shoulder", 15, 7), ("knee", 17, 0)])
def test_deformed_joints_are_as_many_as_in_the_papers(domain: str, cohort: int, deformed: int) -> None:
    for seed in (0, 1, 2):
        assert sum(draw_patient(domain, seed, i).deformed for i in range(cohort)) == deformed


def test_both_sides_are_scanned() -> None:
    assert {draw_patient("knee", 0, i).side for i in range(8)} == {"left", "right"}


def test_streams_of_a_patient_do_not_disturb_one_another() -> None:
    patient = draw_patient("ankle", 0, 0)
    first = patient.rng("anatomy").random(4).tolist()
    patient.rng("scanner").random(100)
    assert patient.rng("anatomy").random(4).tolist() == first
    assert patient.rng("scanner").random(4).tolist() != first


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(UsageError, match="no phantom of domain 'hip': choose from ankle, knee, shoulder"):
        draw_patient("hip", 0, 0)
    with pytest.raises(UsageError, match="counted from 0, got -1"):
        draw_patient("knee", 0, -1)
