"""Trainings of a fold, in order."""

from __future__ import annotations

import pytest

from pedseg.domains import load_domains
from pedseg.plan import DomainPlan, Fold, Plan
from pedseg_train.stages import stages

JOINTS = ("ankle", "knee", "shoulder")
EXAMS = {d: (f"{d}_1",) for d in JOINTS}
FOLD = Fold(test={"ankle": ("ankle_2",)}, validation=EXAMS, train=EXAMS)


def _plan(**network: str) -> Plan:
    parts = tuple(DomainPlan(domain=d, plane="axial", spacing_mm=0.5, window=32) for d in load_domains(JOINTS))
    return Plan(domains=parts, network=network, objective={"name": "ce"})


@pytest.mark.parametrize("scheme", ["dsl", "shared", "individual"])
def test_most_schemes_take_one_training(scheme: str) -> None:
    (stage,) = stages(_plan(scheme=scheme), FOLD, "main")
    assert (stage.run, stage.plan, stage.fold, stage.pretrained) == ("main", _plan(scheme=scheme), FOLD, "")


def test_transfer_takes_single_domains_then_a_run_a_source() -> None:
    first, *others = stages(_plan(scheme="transfer"), FOLD, "main")
    assert (first.run, first.plan, first.fold) == ("main_individual", _plan(scheme="individual"), FOLD)
    assert [s.run for s in others] == [f"main_from_{d}" for d in JOINTS]
    for source, stage in zip(JOINTS, others, strict=True):
        assert stage.plan == _plan(scheme="transfer", source=source)
        assert stage.pretrained == "main_individual"
        assert set(stage.fold.train) == set(JOINTS) - {source}
        assert (stage.fold.test, stage.fold.validation) == (FOLD.test, FOLD.validation)
    pairs = {(s.plan.network.source, target) for s in others for target in s.fold.train}
    assert len(pairs) == 6  # every ordered pair once


def test_all_trainings_are_equally_long() -> None:
    assert len({s.plan.schedule for s in stages(_plan(scheme="transfer"), FOLD, "main")}) == 1
    assert len({s.plan.digest for s in stages(_plan(scheme="transfer"), FOLD, "main")}) == 4


def test_a_plan_that_names_its_source_has_that_run_alone() -> None:
    made = stages(_plan(scheme="transfer", source="knee"), FOLD, "x")
    assert [s.run for s in made] == ["x_individual", "x_from_knee"]
    assert made[0].plan.network.source == ""
