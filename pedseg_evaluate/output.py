"""What an evaluation leaves behind."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pedseg.errors import Notice, OutputError, PedsegError, UsageError
from pedseg.evaluation.scores import write_scores, write_slice_scores
from pedseg.evaluation.thresholds import RankingSystem
from pedseg.plan.files import read_json
from pedseg.report.evaluation import evaluation_page
from pedseg.report.page import Block, Text, write_page
from pedseg.report.prediction import check_writable
from pedseg.workspace import write_json
from pedseg_evaluate.options import EvaluateOptions
from pedseg_evaluate.outcome import Outcome
from pedseg_evaluate.report import Shown, evaluation_report
from pedseg_evaluate.tables import Named, score_tables, write_tables

log = logging.getLogger("pedseg.evaluate")
SCORES, RECORD, SLICES = "scores.csv", "scores.json", "slices.csv"
REPORT, TABLES, PICTURES = "report.html", "tables", "representations"
CONTENTS = "evaluation.json"
"""Names every file of an evaluation, written last: what it names may be replaced, nothing else is touched."""


def check_output(folder: Path, *, overwrite: bool) -> None:
    """Refuse to write over anything that is not an earlier evaluation.

    Raises:
        OutputError: PS-A104 something stands there, PS-A105 nothing can be written there.
    """
    check_writable(folder)
    held = sorted(p for p in folder.rglob("*") if not p.is_dir()) if folder.is_dir() else []
    ours = _contents(folder)
    if foreign := [p for p in held if p.relative_to(folder).as_posix() not in ours]:
        name = foreign[0].relative_to(folder).as_posix()
        raise OutputError(
            "PS-A104", f"output {folder.name} holds {name}, which is no evaluation's: name a new folder with -o"
        )
    if held and not overwrite:
        raise OutputError("PS-A104", f"output {folder.name} exists: choose another place or add --overwrite")


def write_outcomes(
    folder: Path, outcomes: Sequence[Outcome], options: EvaluateOptions, system: RankingSystem
) -> tuple[Outcome, ...]:
    """Write everything into an empty folder.

    Returns:
        The outcomes, with what could not be made of them in their `faults`.
    """
    write_scores_of(folder, outcomes)
    scored = [o for o in outcomes if o.done]
    names = [o.source.name for o in scored]
    main = options.against if options.against in names else names[-1]
    tables: tuple[Named, ...] = ()
    if all(o.has_references for o in scored):
        tables = score_tables([o.method for o in scored], against=main, system=system, seed=options.seed)
        write_tables(tables, folder / TABLES)
    learnt, told = _representations(folder, outcomes, options) if options.representations else ((), outcomes)
    shown = Shown(told, tables, system, main, pictures=options.pictures, representations=learnt)
    write_page(evaluation_page(evaluation_report(shown)), folder / REPORT)
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    write_json(folder / CONTENTS, {"schema": 1, "methods": names, "against": main, "files": [CONTENTS, *files]})
    return tuple(told)


def write_scores_of(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write `scores.json`, `scores.csv` and `slices.csv`, in a folder a method where there are several."""
    for outcome in outcomes:
        place = folder if len(outcomes) == 1 else folder / outcome.folder
        place.mkdir(exist_ok=True)
        write_scores(outcome.method.scores, place / SCORES)
        if outcome.has_references:
            write_slice_scores(outcome.method.slices, place / SLICES)
        write_json(place / RECORD, outcome.record())


def _representations(
    folder: Path, outcomes: Sequence[Outcome], options: EvaluateOptions
) -> tuple[tuple[Block, ...], tuple[Outcome, ...]]:
    """What the first finished fold of every run makes of its slices: pictures as files, and blocks of the page.

    Scores are not lost over a picture: a run that cannot be looked at is named.
    """
    from pedseg_evaluate.representations import representation_blocks

    blocks: list[Block] = []
    told: list[Outcome] = []
    for outcome in outcomes:
        place = folder / PICTURES if len(outcomes) == 1 else folder / PICTURES / outcome.folder
        try:
            blocks += representation_blocks(outcome.source, place, seed=options.seed)
            told.append(outcome)
        except PedsegError as error:
            notice = Notice("PS-W137", f"{outcome.source.name}: no representations: {error.message}")
            log.warning("%s", notice)
            blocks.append(Text(str(notice), "warning"))
            told.append(replace(outcome, faults=(*outcome.faults, str(notice))))
    return tuple(blocks), tuple(told)


def _contents(folder: Path) -> set[str]:
    """Names of the files that an earlier evaluation wrote; none where nothing says so."""
    if not (folder / CONTENTS).is_file():
        return set()
    try:
        record: Any = read_json(folder / CONTENTS, "name a new folder with -o")
    except UsageError:
        return set()
    files = record.get("files") if isinstance(record, dict) else None
    return {str(name) for name in files} if isinstance(files, list) else set()
