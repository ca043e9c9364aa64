"""What an evaluation leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pedseg.errors import OutputError
from pedseg.evaluation.scores import write_scores, write_slice_scores
from pedseg.evaluation.thresholds import RankingSystem
from pedseg.report.evaluation import evaluation_page
from pedseg.report.page import Block, write_page
from pedseg.report.prediction import check_writable
from pedseg.workspace import write_json
from pedseg_evaluate.options import EvaluateOptions
from pedseg_evaluate.outcome import Outcome
from pedseg_evaluate.report import Shown, evaluation_report
from pedseg_evaluate.tables import Named, score_tables, write_tables

SCORES, RECORD, SLICES = "scores.csv", "scores.json", "slices.csv"
REPORT, TABLES, PICTURES = "report.html", "tables", "representations"
OF_A_METHOD = {SCORES, RECORD, SLICES}


def check_output(folder: Path, *, overwrite: bool) -> None:
    """Refuse to write over anything that is not an earlier evaluation, before anything is computed.

    Raises:
        OutputError: PS-A104 something stands there, PS-A105 nothing can be written there.
    """
    check_writable(folder)
    held = list(folder.iterdir()) if folder.is_dir() else []
    if foreign := [p.name for p in held if not _ours(p)]:
        raise OutputError(
            "PS-A104", f"output {folder.name} holds {foreign[0]}, which is no evaluation's: name a new folder with -o"
        )
    if held and not overwrite:
        raise OutputError("PS-A104", f"output {folder.name} exists: choose another place or add --overwrite")


def write_outcomes(folder: Path, outcomes: Sequence[Outcome], options: EvaluateOptions, system: RankingSystem) -> None:
    """Write everything into an empty folder."""
    write_scores_of(folder, outcomes)
    methods = [outcome.method for outcome in outcomes]
    main = options.against or methods[-1].name
    tables: tuple[Named, ...] = ()
    if all(outcome.has_references for outcome in outcomes):
        tables = score_tables(methods, against=main, system=system, seed=options.seed)
        write_tables(tables, folder / TABLES)
    learnt = _representations(folder, outcomes, options) if options.representations else ()
    shown = Shown(outcomes, tables, system, main, pictures=options.pictures, representations=learnt)
    write_page(evaluation_page(evaluation_report(shown)), folder / REPORT)


def _representations(folder: Path, outcomes: Sequence[Outcome], options: EvaluateOptions) -> tuple[Block, ...]:
    """What the first finished fold of every run makes of its slices: pictures as files, and blocks of the page."""
    from pedseg_evaluate.representations import representation_blocks

    blocks: list[Block] = []
    for outcome in outcomes:
        if outcome.source.run is not None:
            place = folder / PICTURES if len(outcomes) == 1 else folder / PICTURES / outcome.folder
            blocks += representation_blocks(outcome.source.run, outcome.source.name, place, seed=options.seed)
    return tuple(blocks)


def write_scores_of(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write `scores.json`, `scores.csv` and `slices.csv`, in a folder a method where there are several."""
    for outcome in outcomes:
        place = folder if len(outcomes) == 1 else folder / outcome.folder
        place.mkdir(exist_ok=True)
        write_scores(outcome.method.scores, place / SCORES)
        if outcome.has_references:
            write_slice_scores(outcome.method.slices, place / SLICES)
        write_json(place / RECORD, outcome.record())


def _ours(path: Path) -> bool:
    if path.name in {REPORT, TABLES, PICTURES} | OF_A_METHOD:
        return True
    return path.is_dir() and {p.name for p in path.iterdir()} <= OF_A_METHOD
