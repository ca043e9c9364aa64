"""The dataset check: everything that is wrong with the exams, as one list of findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pedseg.errors import PedsegError
from pedseg.plan.fingerprint import ExamFacts
from pedseg_plan.measure import Measured

GAPS_REFUSED = 0.2
"""Share of unlabelled slices between labelled ones past which an exam is refused.

A single run of them is anatomy more often than omission: two legs in one sagittal exam.
"""
SHOWN_COMPONENTS = 5
CHOICES = {"PS-A20": "series", "PS-A25": "echo", "PS-A26": "phase"}
"""Refusals that ask for a choice, and the key of `case.json` that makes it."""


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong.

    Args:
        domain: of the exam.
        case: the exam.
        code: "PS-A.." for what stops planning, "PS-W.." for what does not.
        what: is wrong.
        advice: what to do.
    """

    domain: str
    case: str
    code: str
    what: str
    advice: str

    @property
    def is_error(self) -> bool:
        """Whether planning stops."""
        return self.code.startswith("PS-A")


def find_faults(measured: Sequence[Measured], *, allow_gaps: bool = False) -> tuple[Finding, ...]:
    """Everything wrong with a dataset, by domain and exam.

    Args:
        measured: every exam, in the order of the plan.
        allow_gaps: labels on some of the slices only warn.
    """
    findings: list[Finding] = []
    for exam in measured:
        findings += [_from_error(exam.domain, exam.case, error) for error in exam.faults]
        if exam.facts:
            findings += _from_facts(exam.domain, exam.case, exam.facts, allow_gaps)
    findings += _duplicates(measured)
    order = {(m.domain, m.case): i for i, m in enumerate(measured)}
    return tuple(sorted(findings, key=lambda f: (order[f.domain, f.case], not f.is_error, f)))


def faulty(findings: Iterable[Finding]) -> frozenset[tuple[str, str]]:
    """Domain and case of exams that cannot be used."""
    return frozenset((f.domain, f.case) for f in findings if f.is_error)


def _from_error(domain: str, case: str, error: PedsegError) -> Finding:
    message = error.message.removeprefix(f"{case}: ")
    if key := CHOICES.get(error.code):
        return Finding(domain, case, error.code, message, f'give "{key}" in its case.json')
    what, _, advice = message.rpartition(": ")
    return Finding(domain, case, error.code, what or advice, advice if what else "")


def _from_facts(domain: str, case: str, facts: ExamFacts, allow_gaps: bool) -> list[Finding]:
    found = [_missing(facts), *_components(facts), _gaps(facts, allow_gaps)]
    found += [(code, text, "") for code, text in facts.warnings]
    return [Finding(domain, case, *item) for item in found if item]


def _missing(facts: ExamFacts) -> tuple[str, str, str] | None:
    if not facts.missing:
        return None
    return "PS-W74", f"{', '.join(facts.missing)} declared absent", "the network learns that none is there"


def _components(facts: ExamFacts) -> list[tuple[str, str, str]]:
    found = []
    for name, part in facts.structures.items():
        if part.n_components > 1:
            shown = ", ".join(f"{v:.0f}" if v >= 10 else f"{v:.1f}" for v in part.components_mm3[:SHOWN_COMPONENTS])
            more = ", ..." if part.n_components > SHOWN_COMPONENTS else ""
            what = f"{name} has {part.n_components} components ({shown}{more} mm3)"
            found.append(("PS-W75", what, "erase specks; leave real parts"))
    return found


def _gaps(facts: ExamFacts, allowed: bool) -> tuple[str, str, str] | None:
    axes = range(3) if facts.slice_axis is None else [facts.slice_axis]
    axis = max(axes, key=lambda a: facts.gaps[a])
    gaps, labelled = facts.gaps[axis], facts.slices_with_bone[axis]
    if not gaps:
        return None
    what = f"{gaps} of {gaps + labelled} slices (array axis {axis}) between labelled ones hold no label"
    sparse = facts.gap_runs[axis] > 1 and gaps > GAPS_REFUSED * (gaps + labelled)
    if sparse and not allowed:
        return "PS-A76", what, "label every slice, or accept them as background with --allow-gaps"
    return "PS-W76", what, "label every slice unless they are background"


def _duplicates(measured: Sequence[Measured]) -> list[Finding]:
    """Equal grey values under two names: one exam could train and test at once."""
    first: dict[str, Measured] = {}
    found = []
    for exam in measured:
        if exam.facts is None:
            continue
        known = first.setdefault(exam.facts.content, exam)
        if known is not exam:
            what = f"the same image as {known.domain}/{known.case}"
            found.append(Finding(exam.domain, exam.case, "PS-A81", what, "keep one of the two"))
    return found
