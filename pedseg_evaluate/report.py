"""The report of an evaluation: what was scored, as the page shows it."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pedseg.domains import Domain
from pedseg.errors import PedsegError, UsageError
from pedseg.evaluation.ranking import exam_scores
from pedseg.evaluation.thresholds import RankingSystem
from pedseg.plan.files import read_json
from pedseg.report.evaluation import EvaluationReport, ExamView, Radar
from pedseg.report.page import Block
from pedseg_evaluate.exam import Result, Task, read_view
from pedseg_evaluate.outcome import Outcome, versions
from pedseg_evaluate.tables import Named

log = logging.getLogger("pedseg.evaluate")


@dataclass(frozen=True)
class Shown:
    """What a report is made of.

    Args:
        outcomes: a method each.
        tables: of the scores; empty without references.
        system: thresholds of the spider plots.
        main: name of the method whose exams are pictured.
        pictures: whether exams are pictured at all.
        representations: blocks about what the networks make of slices.
    """

    outcomes: Sequence[Outcome]
    tables: tuple[Named, ...]
    system: RankingSystem
    main: str
    pictures: bool = True
    representations: tuple[Block, ...] = ()


def evaluation_report(shown: Shown) -> EvaluationReport:
    """Everything the page needs; exams are read when the page asks for them, one at a time."""
    scored_ones = [o for o in shown.outcomes if o.done]
    main = next(o for o in scored_ones if o.source.name == shown.main)
    scored = all(o.has_references for o in scored_ones)
    return EvaluationReport(
        title="Evaluation of bone masks" if scored else "Bone masks without references",
        domains=_domains(scored_ones),
        exams=_views(main) if shown.pictures else (),
        methods=tuple(o.method for o in scored_ones),
        main=shown.main,
        gaps=tuple(line for o in shown.outcomes for line in o.gaps),
        patients=_patients(main),
        subtitle=_subtitle(shown, main),
        tables=tuple(named.table for named in shown.tables if named.group == "scores"),
        statistics=tuple(named.table for named in shown.tables if named.group in {"statistics", "ranking"}),
        spiders=_spiders(shown) if scored else {},
        representations=shown.representations,
        curves={name: rows for o in shown.outcomes for name, rows in _curves(o)},
        plans={o.source.name: o.source.plan for o in shown.outcomes if o.source.plan is not None},
        facts=_facts(shown.outcomes),
    )


def _domains(outcomes: Sequence[Outcome]) -> tuple[Domain, ...]:
    """As the method with most structures sees them: a union has no bones to show."""
    found: dict[str, Domain] = {}
    for task in (task for o in outcomes for task, _ in o.done):
        known = found.get(task.domain.name)
        if known is None or len(task.scored.structures) > len(known.structures):
            found[task.domain.name] = task.scored
    return tuple(found.values())


def _patients(outcome: Outcome) -> dict[tuple[str, str], str]:
    """(domain, exam) -> patient, where the workspace tells."""
    return {(t.domain.name, t.exam): t.image.patient for t, _ in outcome.done if t.image is not None}


def _subtitle(shown: Shown, main: Outcome) -> str:
    names = ", ".join(o.source.name for o in shown.outcomes)
    exams = len(main.done)
    told = f"{exams} exam{'s' if exams != 1 else ''}"
    if len(shown.outcomes) == 1:
        return f"{told} of {names}."
    return f"{names}. Pictures are of {shown.main} ({told}), with which the others are compared."


def _views(outcome: Outcome) -> Iterator[ExamView]:
    for task, result in outcome.done:
        yield _view(task, result)


def _view(task: Task, result: Result) -> ExamView:
    warnings: tuple[str, ...] = ()
    try:
        image, reference, prediction = read_view(task)
    except PedsegError as error:  # the scores stand without the image
        log.warning("%s: shown without its image: %s", "/".join(task.key), error)
        warnings = (f"Shown without its image: {error.message}",)
        image, reference, prediction = read_view(replace(task, image=None))
    record = _record(task)
    noted = tuple(f"{w.get('code')}: {w.get('text')}" for w in record.get("warnings", ()) if isinstance(w, Mapping))
    plausibility = record.get("plausibility")
    judged = plausibility if isinstance(plausibility, Mapping) else None
    said = (*warnings, *map(str, result.notices), *noted)
    return ExamView(task.exam, task.scored, image, prediction, reference, result.scores, said, judged)


def _record(task: Task) -> dict[str, Any]:
    """What stands beside the prediction; nothing where it is not ours or damaged."""
    try:
        record = read_json(task.record, "predict again") if task.record else {}
    except UsageError as error:
        log.warning("%s: %s", "/".join(task.key), error)
        return {}
    return record if isinstance(record, dict) else {}


def _spiders(shown: Shown) -> dict[str, Radar]:
    """Domain -> exam -> method -> metric -> ranking score."""
    spiders: dict[str, dict[str, dict[str, Mapping[str, float]]]] = {}
    for outcome in shown.outcomes:
        for domain in outcome.method.domains:
            found = exam_scores(outcome.method, domain, system=shown.system)
            for exam, scores in found.items():
                spiders.setdefault(domain, {}).setdefault(exam, {})[outcome.source.name] = scores
    return dict(spiders)


def _curves(outcome: Outcome) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """Name -> rows of `log.csv` of every fold of a run."""
    run = outcome.source.run
    for path in sorted(run.glob("fold_*/log.csv")) if run else ():
        yield f"{outcome.source.name}, {path.parent.name.replace('_', ' ')}", _rows(path)


def _rows(path: Path) -> list[dict[str, float]]:
    """Numbers of a log; what cannot be read is left out, a curve is no score."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [{key: float(value or "nan") for key, value in row.items()} for row in csv.DictReader(stream)]
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s of %s is damaged and not drawn: %s", path.name, path.parent.name, error)
        return []


def _facts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    told: dict[str, str] = {}
    for outcome in outcomes:
        for key, value in {**outcome.source.facts, **_made_by(outcome)}.items():
            told.update(_flat(f"{outcome.source.name}: {key}", value))
    return {**told, **versions()}


def _made_by(outcome: Outcome) -> dict[str, Any]:
    """The model that a folder's first prediction names; a run's facts name its own."""
    if outcome.source.run is not None:
        return {}
    model = _record(outcome.done[0][0]).get("model") if outcome.done else None
    return {"model": model} if model else {}


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}, {key}", inner)
    elif isinstance(value, list):
        if value:
            yield name, ", ".join(map(str, value))
    elif value is not None:
        yield name, str(value)
