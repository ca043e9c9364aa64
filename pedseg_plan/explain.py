"""Findings and decisions as tables a person reads."""

from __future__ import annotations

from collections.abc import Sequence

from pedseg.plan import Plan
from pedseg.report.decisions import decisions
from pedseg_plan.check import Finding
from pedseg_plan.table import text_table


def findings_table(findings: Sequence[Finding]) -> str:
    """One line a finding."""
    rows = [(f.domain, f.case, f.code, f"{f.what}: {f.advice}" if f.advice else f.what) for f in findings]
    return text_table(("domain", "case", "code", "what is wrong: what to do"), rows)


def decisions_table(plan: Plan) -> str:
    """Every decision with its value and its reason."""
    return text_table(("decision", "value", "why"), decisions(plan))
