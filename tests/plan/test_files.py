from __future__ import annotations

import json
from pathlib import Path

import pytest

from pedseg.domains import load_domains
from pedseg.errors import UsageError
from pedseg.plan import DomainPlan, Plan, embed_plan, load_plan, save_plan
from pedseg.workspace import PlanFiles


@pytest.fixture
def plan() -> Plan:
    domains = load_domains(["ankle", "knee"])
    parts = tuple(DomainPlan(domain=d, plane="sagittal", spacing_mm=0.61, why={"plane": "so"}) for d in domains)
    return Plan(name="one", domains=parts, why={"batch": "because"})


def test_a_plan_comes_back_as_it_was(tmp_path: Path, plan: Plan):
    save_plan(plan, PlanFiles(tmp_path))
    assert load_plan(tmp_path) == plan
    assert load_plan(tmp_path / "plan.json") == plan
    assert json.loads((tmp_path / "plan.json").read_text())["domains"] == ["ankle", "knee"]


def test_an_embedded_plan_needs_no_files_beside_it(tmp_path: Path, plan: Plan):
    embed_plan(plan, tmp_path / "run" / "plan.json")
    assert load_plan(tmp_path / "run") == plan


def test_a_person_may_edit_a_domain(tmp_path: Path, plan: Plan):
    save_plan(plan, PlanFiles(tmp_path))
    values = json.loads((tmp_path / "knee.json").read_text())
    (tmp_path / "knee.json").write_text(json.dumps({**values, "spacing_mm": 0.7}))
    edited = load_plan(tmp_path)
    assert edited.domain_plan("knee").spacing_mm == 0.7
    assert edited.digest != plan.digest


def test_faults_are_named_with_their_place(tmp_path: Path, plan: Plan):
    with pytest.raises(UsageError, match=r"PS-A125: .*plan\.json is missing: run pedseg_plan first"):
        load_plan(tmp_path)
    save_plan(plan, PlanFiles(tmp_path))
    values = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**values, "schedule": {"epochs": 0}}))
    with pytest.raises(UsageError, match=r"PS-A96: plan\.json:1: schedule\.epochs: .*greater than or equal to 1"):
        load_plan(tmp_path)
    (tmp_path / "plan.json").write_text(json.dumps({**values, "epoch": 3}))
    with pytest.raises(UsageError, match=r"PS-A96: plan\.json:1: epoch: no such key"):
        load_plan(tmp_path)
    (tmp_path / "knee.json").unlink()
    with pytest.raises(UsageError, match=r"PS-A125: .*knee\.json is missing: run pedseg_plan again"):
        load_plan(tmp_path)
