"""Findings and decisions as the terminal shows them."""

from __future__ import annotations

import pytest

from pedseg.domains import load_domains
from pedseg.names import ObjectiveName
from pedseg.plan import DomainPlan, ObjectiveSpec, Plan
from pedseg.report.decisions import decisions
from pedseg_plan.check import Finding
from pedseg_plan.explain import decisions_table, findings_table


def test_the_table_has_a_line_for_every_finding() -> None:
    first = Finding("ankle", "a", "PS-A73", "no label file", "add one")
    second = Finding("knee", "long_name", "PS-W79", "q", "")
    lines = findings_table([first, second]).splitlines()
    assert lines[1] == "ankle   a          PS-A73  no label file: add one"
    assert lines[2] == "knee    long_name  PS-W79  q"


def test_without_findings_the_header_stands_alone() -> None:
    assert findings_table([]) == "domain  case  code  what is wrong: what to do"


def test_long_advice_is_wrapped_below_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    advice = "label it, or, where it is not in the image, say so"
    text = findings_table([Finding("ankle", "a", "PS-A74", "no voxel of talus", advice)])
    header, *lines = text.splitlines()
    start = header.index("what is wrong")
    assert len(lines) > 1
    assert all(len(line) <= 60 and not line[:start].strip() for line in lines[1:])
    assert " ".join(line[start:] for line in lines) == f"no voxel of talus: {advice}"


def test_every_decision_has_its_line_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    part = DomainPlan(domain=load_domains(["knee"])[0], plane="axial", spacing_mm=0.5)
    plan = Plan(domains=(part,), objective=ObjectiveSpec(name="ce"), why={"training_memory": "3 GiB"})
    names = [line.split("  ")[0] for line in decisions_table(plan).splitlines()]
    assert names == ["decision", *(name for name, *_ in decisions(plan))]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("ce", "ce "), ("msc", "msc, weight 0.5 "), ("msc+mjap", "msc+mjap, weight 0.5 + 0.1 ")],
)
def test_decisions_show_the_weight_of_every_term(name: ObjectiveName, shown: str) -> None:
    parts = [DomainPlan(domain=d, plane="axial", spacing_mm=0.5) for d in load_domains(("ankle", "knee"))]
    plan = Plan(domains=tuple(parts), objective=ObjectiveSpec(name=name), why={"objective": "because"})
    (line,) = [line for line in decisions_table(plan).splitlines() if line.split()[:1] == ["objective"]]
    assert line.split(maxsplit=1)[1].startswith(shown)
