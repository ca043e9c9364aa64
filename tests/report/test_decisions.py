"""A plan's decisions as rows."""

from __future__ import annotations

from pedseg.domains import load_domains
from pedseg.plan import DomainPlan, ObjectiveSpec, Plan
from pedseg.report.decisions import decisions


def test_every_decision_has_its_value_and_its_reason() -> None:
    (knee,) = load_domains(["knee"])
    part = DomainPlan(
        domain=knee, plane="sagittal", spacing_mm=0.625, cases={"a": "p", "b": "p"}, why={"plane": "as acquired"}
    )
    why = {"network": "a wish", "training_memory": "3 GiB"}
    plan = Plan(domains=(part,), objective=ObjectiveSpec(name="ce"), why=why)
    rows = decisions(plan)
    assert ("knee plane", "sagittal", "as acquired") in rows
    assert ("knee spacing", "0.625 mm", "") in rows
    assert ("knee cases", "2 exams, 1 patients", "") in rows
    assert ("network", "att_unet, dsl", "a wish") in rows
    assert ("training memory", "", "3 GiB") in rows
    assert ("epochs", "6", "") in rows  # a plan written by hand gives no reasons, and is told all the same
    assert not any(what == "prior" for what, *_ in rows)
    assert len({what for what, *_ in rows}) == len(rows)
