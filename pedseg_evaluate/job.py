"""The evaluate job: find what there is to score, score it, write scores, tables and the report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from pedseg.cli import progress_hidden
from pedseg.errors import ExitCode, Notice, UsageError
from pedseg.evaluation.scores import MEAN
from pedseg.evaluation.summary import summarise
from pedseg.evaluation.thresholds import RankingSystem, load_ranking
from pedseg.memory import GIB, Estimate, fitting_jobs
from pedseg.storage.sizes import size_of
from pedseg.workers import Failure, run_tasks
from pedseg.workspace import Workspace, atomic_folder, real_path
from pedseg_evaluate.exam import Result, Task, score_task
from pedseg_evaluate.options import EvaluateOptions
from pedseg_evaluate.outcome import Outcome
from pedseg_evaluate.output import REPORT, check_output, write_outcomes
from pedseg_evaluate.sources import Source, folder_sources

LIBRARIES = 0.16
"""GiB of a process that scores exams, before it reads one."""
VOXEL_BYTES = 6.0
METRICS = ("dice", "sensitivity", "specificity", "assd_mm", "mssd_mm", "ravd", "hd95_mm")
"""That a ranking may name, beside the surface Dice."""
log = logging.getLogger("pedseg.evaluate")


def pedseg_evaluate(
    output: Path | str,
    workspace: Path | str | None = None,
    *,
    predictions: Sequence[Path | str] = (),
    runs: Sequence[Path | str] = (),
    options: EvaluateOptions | None = None,
) -> tuple[Outcome, ...]:
    """Score folders of masks, or the test predictions of cross-validated runs.

    Args:
        output: folder; gets `scores.json`, `scores.csv`, `slices.csv`, `tables/` and `report.html`, the first three in
            a folder a method where there are several.
        workspace: project folder, where runs and their exams are.
        predictions: folders of masks, one a method.
        runs: names of runs in the workspace, or their folders; one of the two is needed.
        options: else the defaults.

    Returns:
        What each method scored, and the exams that could not be scored.

    Raises:
        UsageError: PS-A120 flags that do not fit together, PS-A125 a folder that is missing.
        InputError: PS-A122 nothing to score; the first failure where no exam of any method can be scored.
        OutputError: PS-A104, PS-A105, PS-A106 the output cannot be written.
    """
    options = options or EvaluateOptions()
    if bool(predictions) == bool(runs):
        raise UsageError("PS-A120", "give folders of masks (--predictions) or runs (--run), one of the two")
    output = Path(output)
    check_output(output, overwrite=options.overwrite)
    system = load_ranking(options.ranking)
    _check_ranking(system, options.tolerance_mm)
    if runs:
        from pedseg_evaluate.runs import run_sources

        sources = run_sources([Path(run) for run in runs], Workspace.find(workspace), options)
    else:
        sources = folder_sources([Path(folder) for folder in predictions], options)
    _check_apart(output, sources)
    for source in sources:
        _tell_gaps(source)
    outcomes = _score_all(sources, options.jobs)
    for outcome in outcomes:
        _tell_means(outcome)
    with atomic_folder(output, overwrite=True) as partial:
        outcomes = write_outcomes(partial, outcomes, options, system)
        check_output(output, overwrite=options.overwrite)  # somebody may have put something there meanwhile
    log.info("written: %s", output / REPORT)
    return outcomes


def estimate(tasks: Sequence[Task]) -> Estimate:
    """Memory for the largest of the exams: both its masks, and the distances of their surfaces."""
    return Estimate(LIBRARIES, VOXEL_BYTES * max((size_of(t.prediction).voxels for t in tasks), default=0) / GIB)


def exit_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """7 where an exam failed, a prediction is missing, a run's exam has lost its reference, or a picture failed."""
    partial = any(o.failed or o.faults or o.source.missing or (o.source.run and o.source.unscored) for o in outcomes)
    return ExitCode.PARTIAL if partial else ExitCode.DONE


def _check_apart(output: Path, sources: Sequence[Source]) -> None:
    """Refuse an output among the masks that are read: the next evaluation would take it for an exam."""
    inside = real_path(output)
    for source in sources:
        for folder in source.folders:
            if real_path(folder) in (inside, *inside.parents):
                raise UsageError("PS-A109", f"output {output} is inside {folder.name}: name a folder elsewhere with -o")


def _check_ranking(system: RankingSystem, tolerance_mm: float) -> None:
    """Refuse thresholds of metrics that nobody computes, before anything is scored."""
    known = (*METRICS, f"surface_dice_{tolerance_mm:g}mm")
    if unknown := [name for name in system.metrics if name not in known]:
        raise UsageError("PS-A96", f"--ranking: no metric {unknown[0]!r}, known: {', '.join(known)}")


def _tell_means(outcome: Outcome) -> None:
    """Dice of every joint, mean over its bones and exams."""
    for row in summarise([outcome.method]):
        if row.metric == "dice" and row.structure == MEAN:
            exams = f"{row.n} exam{'s' if row.n != 1 else ''}"
            log.info("%s, %s: Dice %.3f over the bones of %s", outcome.source.name, row.domain, row.mean, exams)


def _score_all(sources: Sequence[Source], jobs: int) -> tuple[Outcome, ...]:
    """Every method's exams, in the order of the sources, whichever process ends first."""
    tasks = [task for source in sources for task in source.tasks]
    results: dict[tuple[str, ...], Result] = {}
    failures: dict[tuple[str, ...], Failure] = {}
    jobs = fitting_jobs(log, estimate(tasks), min(jobs, len(tasks))) if tasks else 1
    with tqdm(total=len(tasks), desc="score", unit="exam", disable=progress_hidden(), delay=1) as bar:
        for task, result in run_tasks(score_task, tasks, jobs=jobs):
            bar.update()
            if isinstance(result, Failure):
                failures[task.key] = result
                log.warning("%s", result)
            else:
                results[task.key] = result
                for notice in result.notices:
                    log.warning("%s: %s", "/".join(task.key), notice)
    if not results:
        raise next(iter(failures.values())).error
    return tuple(_outcome(source, results, failures) for source in sources)


def _outcome(
    source: Source, results: dict[tuple[str, ...], Result], failures: dict[tuple[str, ...], Failure]
) -> Outcome:
    done = tuple((task, results[task.key]) for task in source.tasks if task.key in results)
    return Outcome(source, done, tuple(failures[t.key] for t in source.tasks if t.key in failures))


def _tell_gaps(source: Source) -> None:
    """No exam is left out without a word: a mean over fewer exams is another mean."""
    if source.missing:
        log.warning("%s", Notice("PS-W134", f"{source.name}: no prediction of {_some(source.missing)}"))
    for exam, why in source.failed.items():
        log.warning("%s", f"{source.name}/{exam}: {why}")
    if source.unscored and source.run is None:  # a run has named each with why
        log.warning("%s", Notice("PS-W135", f"{source.name}: no reference of {_some(source.unscored)}: not scored"))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    return f"{len(names)} exam{'s' if len(names) != 1 else ''} ({shown})"
