"""What is evaluated: cross-validated runs, the test predictions of their folds beside the workspace's references."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pedseg.errors import ModelError, Notice, PedsegError, UsageError, one_line
from pedseg.plan import DomainPlan
from pedseg.storage.cases import Case, planned_case
from pedseg.storage.runs import KeptPrediction, RunPredictions, find_test_predictions, plan_exams, weights_of
from pedseg.workspace import Workspace, real_path
from pedseg_evaluate.exam import Task
from pedseg_evaluate.options import EvaluateOptions
from pedseg_evaluate.sources import Source, method_names

log = logging.getLogger("pedseg.evaluate")


def run_sources(runs: Sequence[Path], workspace: Workspace, options: EvaluateOptions) -> tuple[Source, ...]:
    """A method a run.

    Args:
        runs: names of runs in the workspace, or run folders.
        workspace: where runs of a name are, and the exams of runs that are not in a workspace of their own.
        options: `plan` is that of the names; `domains`, where given, restrict what is scored.

    Raises:
        UsageError: PS-A120 flags that are for folders of masks, PS-A125 no such run, PS-A100 no such domain, PS-A99
            a name that is not UTF-8.
        ModelError: what `find_test_predictions` refuses, PS-A123 no test prediction.
    """
    _refuse_flags_of_folders(options)
    folders = [_run_folder(run, workspace, options) for run in runs]
    names = method_names(_names(folders), options)
    return tuple(_run_source(n, f, workspace, options) for n, f in zip(names, folders, strict=True))


def _run_source(name: str, folder: Path, workspace: Workspace, options: EvaluateOptions) -> Source:
    found = find_test_predictions(folder)
    plan = found.plan
    if foreign := sorted(set(options.domains or ()) - set(plan.domain_names)):
        known = ", ".join(plan.domain_names)
        raise UsageError("PS-A100", f"run {name} knows {known}, not {foreign[0]!r}: choose among them with -d")
    home = _workspace_of(folder) or workspace
    wanted = options.domains or plan.domain_names
    kept = [p for p in found.predictions if p.domain in wanted]
    if not kept:
        raise ModelError("PS-A123", f"run {name} has no test prediction: run pedseg_train every (without --no-test)")
    _tell_unfinished(name, found)
    tasks = tuple(_task(name, p, found, home, options) for p in kept)
    return Source(
        name,
        tasks,
        missing=tuple(f"{domain}/{exam}" for _, domain, exam in found.missing if domain in wanted),
        unscored=tuple(f"{task.domain.name}/{task.exam}" for task in tasks if task.reference is None),
        facts=_facts(folder, found, _tested(name, found, wanted)),
        run=folder,
        plan=plan,
        untested=tuple(f"{domain}/{exam}" for domain, exam in found.untested if domain in wanted),
        home=home,
    )


def _facts(folder: Path, found: RunPredictions, tested: dict[str, str]) -> dict[str, Any]:
    return {
        "run": one_line(folder.name),
        "plan": found.plan.digest,
        "name": found.plan.name,
        "folds": {k: v for n in found.finished for k, v in weights_of(folder / f"fold_{n}").items()},
        "unfinished": list(found.unfinished),
        "tested": tested,
    }


def _tested(name: str, found: RunPredictions, wanted: Sequence[str]) -> dict[str, str]:
    """Domain -> how many of its exams the folds of the plan test, such as "4 of 6"; fewer than all is said."""
    told: dict[str, str] = {}
    for domain in wanted:
        every = sum(of == domain for of, _ in plan_exams(found.plan))
        never = [exam for of, exam in found.untested if of == domain]
        told[domain] = f"{every - len(never)} of {every}"
        if never:
            text = f"the plan's folds test {told[domain]} exams, never {', '.join(never[:8])}"
            log.info("%s/%s: %s%s", name, domain, text, " ..." if len(never) > 8 else "")
    return told


def _refuse_flags_of_folders(options: EvaluateOptions) -> None:
    if options.references or options.values:
        raise UsageError("PS-A120", "--references and --labels are for --predictions: a run knows its references")
    if options.images:
        raise UsageError("PS-A120", "--images is for --predictions: a run knows the images of its exams")


def _task(name: str, kept: KeptPrediction, found: RunPredictions, home: Workspace, options: EvaluateOptions) -> Task:
    part = found.plan.domain_plan(kept.domain)
    case = _case(home, part, kept.exam)
    return Task(
        name,
        kept.exam,
        part.domain.numbered_in_order,
        kept.labels,
        case.labels if case else None,
        case,
        plane=part.plane,
        union=found.plan.network.strategy == "global",
        tolerance_mm=options.tolerance_mm,
        record=kept.record,
        numbered=part.domain,
    )


def _case(home: Workspace, part: DomainPlan, exam: str) -> Case | None:
    """The exam in its workspace; without a reference its prediction is measured, not scored, and that is said."""
    case = None
    why = "no label file beside its image"
    try:
        case = planned_case(home, part, exam)
    except PedsegError as error:
        why = error.message
    if case is None or case.labels is None:
        text = f"{part.domain.name}/{exam}: no reference ({why}): measured, not scored"
        log.warning("%s", Notice("PS-W135", text))
    return case


def _run_folder(run: Path, workspace: Workspace, options: EvaluateOptions) -> Path:
    named = workspace.run(options.plan, str(run)) if len(run.parts) == 1 and run.name not in {".", ".."} else None
    for folder in filter(None, (named, run)):
        if folder.is_dir():
            return real_path(folder)
    runs = sorted(p.parent for p in workspace.run(options.plan, "x").parent.parent.glob("*/*/fold_0"))
    there = [path.name for path in runs if path.parent.name == options.plan]
    elsewhere = [path.parent.name for path in runs if path.name == run.name]
    advice = f"there are {', '.join(there)}" if there else "train one with pedseg_train every"
    if elsewhere:
        advice = f"plan {', '.join(elsewhere)} has one: name it with -p, or the run's folder"
    raise UsageError("PS-A125", f"run {run} is missing in plan {options.plan}: {advice}")


def _names(folders: Sequence[Path]) -> list[str]:
    """The runs' names, with their plans' where names alone are equal."""
    names = [folder.name for folder in folders]
    equal = len(set(names)) < len(names)
    return [f"{folder.parent.name}-{folder.name}" for folder in folders] if equal else names


def _workspace_of(folder: Path) -> Workspace | None:
    """The workspace a run lies in: `<root>/runs/<plan>/<run>`."""
    inside = folder.parent.parent
    return Workspace(inside.parent) if inside.name == "runs" else None


def _tell_unfinished(name: str, found: RunPredictions) -> None:
    if found.unfinished:
        every = len(found.finished) + len(found.unfinished)
        missing = ", ".join(found.unfinished[:8])
        done = len(found.finished)
        folds = f"fold {missing} is" if len(found.unfinished) == 1 else f"folds {missing} are"
        text = f"{name}: {folds} not finished: only the test exams of the other {done} of {every} are scored"
        log.warning("%s", Notice("PS-W136", text))
