"""The plan job: check, measure, decide, write, explain."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pedseg.errors import InputError, Notice, OutputError, UsageError
from pedseg.partials import clear_partials
from pedseg.plan import Plan, load_plan, save_plan
from pedseg.plan.fingerprint import Fingerprint, fingerprint_values, load_fingerprint, save_fingerprint
from pedseg.workspace import PlanFiles, Workspace
from pedseg_plan.check import Finding, faulty, find_faults
from pedseg_plan.decide import choose, decide
from pedseg_plan.explain import decisions_table, findings_table
from pedseg_plan.measure import Measured
from pedseg_plan.options import PlanOptions
from pedseg_plan.rules import trained_on_validation
from pedseg_plan.sources import Source, find_sources
from pedseg_plan.survey import fingerprint, survey

log = logging.getLogger("pedseg.plan")


def make_plan(domains: Sequence[str], workspace: Path | str | None, options: PlanOptions) -> Plan:
    """See `pedseg_plan.pedseg_plan`."""
    space = Workspace.find(workspace)
    files = space.plan(options.name)
    clear_partials(files.plan)  # a plan that a kill has set aside counts as there
    sources = find_sources(domains, space)
    choose([s.domain.name for s in sources], options)  # a wish that cannot be had costs no reading of exams
    measured = survey(sources, _known(files), options.jobs)
    if not files.plan.exists():
        # Kept whatever follows, so that only corrected exams are read again.
        save_fingerprint(fingerprint(sources, measured), files.fingerprint)
    usable = _checked(measured, options)
    facts = fingerprint(sources, usable)
    _refuse_empty(sources, facts)
    plan = decide(sources, facts, options)
    _write(plan, facts, files, space, overwrite=options.overwrite)
    _explain(plan, files)
    return plan


def _known(files: PlanFiles) -> Fingerprint | None:
    try:
        return load_fingerprint(files.fingerprint)
    except UsageError:
        return None  # missing, or not as written: the facts are measured again


def _checked(measured: Sequence[Measured], options: PlanOptions) -> list[Measured]:
    """The exams to plan with; what is wrong is shown, errors stop."""
    findings = find_faults(measured, allow_gaps=options.allow_gaps)
    bad = faulty(findings)
    if bad and not options.skip_faulty:
        raise InputError("PS-A122", _refusal(findings, len(bad), len(measured)))
    if findings:
        log.warning("the check of %d exams found:\n%s", len(measured), findings_table(findings))
    if bad:
        log.warning("planned without %s", ", ".join(f"{domain}/{case}" for domain, case in sorted(bad)))
    return [m for m in measured if (m.domain, m.case) not in bad]


def _refusal(findings: Sequence[Finding], n_bad: int, n_all: int) -> str:
    verb = "does" if n_bad == 1 else "do"
    line = f"{n_bad} of {n_all} exams {verb} not pass the check: correct them, or leave them out with --skip-faulty"
    return f"{line}\n{findings_table(findings)}"


def _refuse_empty(sources: Sequence[Source], facts: Fingerprint) -> None:
    empty = [s.domain.name for s in sources if s.domain.name not in facts.domains]
    if empty:
        raise InputError("PS-A122", f"no usable exam is left of {', '.join(empty)}: correct at least one")


def _write(plan: Plan, facts: Fingerprint, files: PlanFiles, space: Workspace, *, overwrite: bool) -> None:
    """Write the plan unless another one stands there."""
    before = _plan_there(files)
    if files.plan.exists() and not overwrite and (before is None or before.digest != plan.digest):
        what = "is not readable" if before is None else f"differs in {', '.join(_differences(before, plan))}"
        raise OutputError("PS-A104", f"plan {plan.name!r} exists and {what}: add --overwrite or choose another -p")
    if before and before.digest == plan.digest:
        save_fingerprint(facts, files.fingerprint)
        return
    save_plan(plan, files, more={files.fingerprint: fingerprint_values(facts)})
    for name in set(before.domain_names if before else ()) - set(plan.domain_names):
        files.domain(name).unlink(missing_ok=True)
    _warn_stale(plan, space)


def _plan_there(files: PlanFiles) -> Plan | None:
    try:
        return load_plan(files.plan)
    except UsageError:
        return None


def _differences(before: Plan, plan: Plan) -> list[str]:
    old, new = before.model_dump(mode="json", exclude={"why"}), plan.model_dump(mode="json", exclude={"why"})
    return [key for key in new if old[key] != new[key]]


def _warn_stale(plan: Plan, space: Workspace) -> None:
    made = [f for f in ("cache", "runs") if (space.root / f / plan.name).is_dir()]
    if made:
        text = f"plan {plan.name} changed: {' and '.join(made)} made before are refused; run pedseg_preprocess again"
        log.warning("%s", Notice("PS-W125", text))


def _explain(plan: Plan, files: PlanFiles) -> None:
    log.info("%s", decisions_table(plan))
    for name in trained_on_validation(plan.folds):
        text = f"{name} has too few patients to validate on: its training exams stand in, so its Dice says nothing"
        log.warning("%s", Notice("PS-W89", text))
    log.info("written: %s", files.folder)
