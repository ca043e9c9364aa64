"""What is evaluated: cross-validated runs, the test predictions of their folds beside the workspace's references."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pedseg.errors import ModelError, Notice, PedsegError, UsageError
from pedseg.plan import DomainPlan
from pedseg.storage.cases import Case, planned_case
from pedseg.storage.runs import KeptPrediction, RunPredictions, find_test_predictions, weights_of
from pedseg.workspace import Workspace
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
        UsageError: PS-A120 flags that are for folders of masks, PS-A125 no such run, PS-A100 no such domain.
        ModelError: what `find_test_predictions` refuses, PS-A123 no test prediction.
    """
    if options.references or options.values:
        raise UsageError("PS-A120", "--references and --labels are for --predictions: a run knows its references")
    folders = [_run_folder(run, workspace, options) for run in runs]
    names = method_names(_names(folders), options)
    return tuple(_run_source(n, f, workspace, options) for n, f in zip(names, folders, strict=True))


def _run_source(name: str, folder: Path, workspace: Workspace, options: EvaluateOptions) -> Source:
    found = find_test_predictions(folder)
    plan = found.plan
    if foreign := sorted(set(options.domains or ()) - set(plan.domain_names)):
        known = ", ".join(plan.domain_names)
        raise UsageError("PS-A100", f"run {name} knows {known}, not {foreign[0]!r}: choose among them with -d")
    _tell_unfinished(name, found)
    home = _workspace_of(folder) or workspace
    wanted = options.domains or plan.domain_names
    kept = [p for p in found.predictions if p.domain in wanted]
    if not kept:
        raise ModelError("PS-A123", f"run {name} has no test prediction: run pedseg_train every (without --no-test)")
    tasks = tuple(_task(name, p, found, home, options) for p in kept)
    missing = tuple(f"{domain}/{exam}" for _, domain, exam in found.missing if domain in wanted)
    facts = {
        "run": folder.name,
        "plan": plan.digest,
        "name": plan.name,
        "folds": {k: v for n in found.finished for k, v in weights_of(folder / f"fold_{n}").items()},
        "unfinished": list(found.unfinished),
    }
    return Source(name, tasks, missing, facts=facts, run=folder, plan=plan)


def _task(name: str, kept: KeptPrediction, found: RunPredictions, home: Workspace, options: EvaluateOptions) -> Task:
    part = found.plan.domain_plan(kept.domain)
    case = _case(home, part, kept.exam)
    return Task(
        name,
        kept.exam,
        part.domain,
        kept.labels,
        case.labels if case else None,
        case,
        plane=part.plane,
        union=found.plan.network.strategy == "global",
        tolerance_mm=options.tolerance_mm,
        record=kept.record,
    )


def _case(home: Workspace, part: DomainPlan, exam: str) -> Case | None:
    """The exam in its workspace; without it the prediction can be measured, not scored, and that is said."""
    try:
        return planned_case(home, part, exam)
    except PedsegError as error:
        log.warning("%s", Notice("PS-W135", f"{part.domain.name}/{exam}: no reference ({error.message}): not scored"))
        return None


def _run_folder(run: Path, workspace: Workspace, options: EvaluateOptions) -> Path:
    named = workspace.run(options.plan, str(run)) if len(run.parts) == 1 and run.name not in {".", ".."} else None
    for folder in filter(None, (named, run)):
        if folder.is_dir():
            return folder.resolve()
    there = sorted(p.name for p in workspace.run(options.plan, "x").parent.glob("*") if any(p.glob("fold_*")))
    advice = f"there are {', '.join(there)}" if there else "train one with pedseg_train every"
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
        text = f"{name}: {len(found.finished)} of {every} folds are finished (not {missing}): only theirs are scored"
        log.warning("%s", Notice("PS-W136", text))
