"""The report of an evaluation, or of predictions without references, as a page."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pedseg.domains import Domain
from pedseg.evaluation.scores import Method, Score
from pedseg.plan import Plan
from pedseg.report.decisions import decisions
from pedseg.report.exam import Badness, ExamView, exam_section, exam_slider
from pedseg.report.page import Block, Bullets, Details, Page, Picture, Section, TableBlock, Text
from pedseg.report.plots import BOX_METRICS, LEAST_FOR_BOX, box_plot, spider_plot, training_plot
from pedseg.report.summary import Doubt, doubt_of, joint_summary
from pedseg.report.tables import Cell, Table

__all__ = ["EvaluationReport", "ExamView", "evaluation_page"]

SLIDERS = 6
"""Exams with a slider, the worst: about 1.5 MB each."""
PATIENTS_A_PICTURE = 12
OPEN_CURVES = 3
"""Folds whose curves are seen at once; of more, each opens on demand."""
Radar = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Exam -> method -> metric -> ranking score 0..100."""


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """All that a report shows, as plain values.

    Args:
        title: of the page.
        domains: the joints, in order.
        exams: one after another, read once; of one method.
        methods: scores to summarise; empty: those of the exams.
        subtitle: below the title, such as which masks were compared with what.
        tables: of scores, before the exams.
        statistics: tests, ranking: after them.
        spiders: domain name -> scores of single patients.
        representations: pictures, tables and texts about what the network learnt.
        curves: fold -> rows of its `log.csv`.
        plans: run -> its plan.
        facts: versions, digests and the like, by name.
        sliders: how many of the worst exams can be scrolled through.
        main: name of the method that the exams are of, and the summary's doubts; empty: the first one.
        gaps: plain lines about exams that are not in the scores; above everything else.
        patients: domain and exam -> patient; those with several exams of a joint are named in spider plots.
    """

    title: str
    domains: tuple[Domain, ...]
    exams: Iterable[ExamView]
    methods: tuple[Method, ...] = ()
    subtitle: str = ""
    tables: tuple[Table, ...] = ()
    statistics: tuple[Table, ...] = ()
    spiders: Mapping[str, Radar] = field(default_factory=dict)
    representations: tuple[Block, ...] = ()
    curves: Mapping[str, Sequence[dict[str, float]]] = field(default_factory=dict)
    plans: Mapping[str, Plan] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    sliders: int = SLIDERS
    main: str = ""
    gaps: tuple[str, ...] = ()
    patients: Mapping[tuple[str, str], str] = field(default_factory=dict)


def evaluation_page(report: EvaluationReport) -> Page:
    """Lay out a report; exams are drawn one at a time and only their pictures are kept."""
    shown = _show(report.exams, report.sliders)
    methods = report.methods or ((Method("prediction", shown.scores),) if shown.scores else ())
    sections = (
        Section("Summary", tuple(_summary(report, methods, shown.doubts))),
        Section("Tables", tuple(TableBlock(table) for table in report.tables)),
        Section("Box plots", tuple(_box_plots(report.domains, methods))),
        Section("Exams", _exams(shown.sections), new_sheet=True, listed=True),
        Section("Statistics", tuple(TableBlock(table) for table in report.statistics)),
        Section("Spider plots", tuple(_spider_plots(report))),
        Section("Representations", report.representations),
        Section("Training", tuple(_curves(report.curves))),
        Section("Plan", tuple(_plans(report.plans))),
        Section("Versions", _facts(report.facts)),
    )
    return Page(report.title, tuple(s for s in sections if s.blocks), report.subtitle)


def _summary(report: EvaluationReport, methods: Sequence[Method], doubts: Sequence[Doubt]) -> Iterator[Block]:
    if report.gaps:
        yield Bullets(report.gaps, "Exams left out", "warning")
    for domain in report.domains:
        yield joint_summary(domain, methods, doubts, main=report.main)


@dataclass(frozen=True)
class _Shown:
    """What is kept of the exams: their sections, worst first, their scores and doubts in the order they came."""

    sections: tuple[Section, ...]
    scores: tuple[Score, ...]
    doubts: tuple[Doubt, ...]


def _show(exams: Iterable[ExamView], sliders: int) -> _Shown:
    drawn: list[tuple[Badness, int, Section]] = []
    kept: list[tuple[Badness, int, Details]] = []
    scores: list[Score] = []
    doubts: list[Doubt] = []
    joints: list[Domain] = []
    for view in exams:
        n = len(drawn)
        drawn.append((view.badness, -n, exam_section(view)))
        scores += view.scores
        doubts.append(doubt_of(view))
        joints.append(view.domain)
        # A slider is drawn only where the exam is among the worst so far; the least bad one of those makes room.
        if len(kept) < sliders:
            heapq.heappush(kept, (view.badness, -n, exam_slider(view)))
        elif kept and kept[0][0] < view.badness:
            heapq.heapreplace(kept, (view.badness, -n, exam_slider(view)))
        del view  # before the next one is read
    drawn = _told_apart(drawn, joints)
    sliding = {n: details for _, n, details in kept}
    sections = (replace(s, blocks=(*s.blocks, sliding[n])) if n in sliding else s for _, n, s in _worst_first(drawn))
    return _Shown(tuple(sections), tuple(scores), tuple(doubts))


def _told_apart(
    drawn: list[tuple[Badness, int, Section]], domains: Sequence[Domain]
) -> list[tuple[Badness, int, Section]]:
    """Exams of one name in several joints get their joints' names in front."""
    times = Counter(section.title for _, _, section in drawn)
    return [
        (badness, n, replace(s, title=f"{domain.title or domain.name}, {s.title}") if times[s.title] > 1 else s)
        for (badness, n, s), domain in zip(drawn, domains, strict=True)
    ]


def _worst_first(drawn: list[tuple[Badness, int, Section]]) -> list[tuple[Badness, int, Section]]:
    return sorted(drawn, key=lambda row: row[:2], reverse=True)


def _exams(sections: Sequence[Section]) -> tuple[Block, ...]:
    if not sections:
        return ()
    order = "Worst first: by the mean Dice of an exam's bones where it has a reference, then by bones to look at "
    order += "again, then by warnings."
    return Text(order, "note"), replace(sections[0], new_sheet=False), *sections[1:]


def _box_plots(domains: Sequence[Domain], methods: Sequence[Method]) -> Iterator[Picture]:
    for domain in domains:
        own = [m for m in methods if domain.name in m.domains]
        found = {s.metric for m in own for s in m.scores if s.domain == domain.name}
        metrics = tuple(m for m in BOX_METRICS if m in found) or tuple({"volume_ml"} & found)
        if metrics:
            title = domain.title or domain.name
            caption = f"{title}. Points: exams. Line: median. Box, from {LEAST_FOR_BOX} exams on: quartiles."
            yield Picture(box_plot(own, domain, metrics=metrics), f"Box plots of {title}", caption)


def _spider_plots(report: EvaluationReport) -> Iterator[Picture]:
    titles = {d.name: d.title or d.name for d in report.domains}
    for domain, radars in report.spiders.items():
        names = list(radars)
        for start in range(0, len(names), PATIENTS_A_PICTURE):
            part = {_named(report, domain, name): radars[name] for name in names[start : start + PATIENTS_A_PICTURE]}
            title = titles.get(domain, domain)
            caption = f"{title}. Ranking scores of each exam: 100 is best, 0 is past the threshold."
            yield Picture(spider_plot(part), f"Spider plots of {title}: {', '.join(part)}", caption)


def _named(report: EvaluationReport, domain: str, exam: str) -> str:
    """An exam, with its patient where others of this joint are the same patient's."""
    patient = report.patients.get((domain, exam))
    same = [e for e in report.spiders[domain] if report.patients.get((domain, e)) == patient]
    return f"patient {patient}: {exam}" if patient is not None and len(same) > 1 else exam


def _curves(curves: Mapping[str, Sequence[dict[str, float]]]) -> Iterator[Block]:
    for name, rows in curves.items():
        if rows:
            picture = Picture(training_plot(rows), f"Training curves of {name}", name)
            yield picture if len(curves) <= OPEN_CURVES else Details(name, (picture,))


def _plans(plans: Mapping[str, Plan]) -> Iterator[Block]:
    for name, plan in plans.items():
        rows = tuple((Cell(what), Cell(value), Cell(why)) for what, value, why in decisions(plan))
        title = f"{name}: plan {plan.name}" + (f", preset {plan.preset}" if plan.preset else "")
        table = TableBlock(Table(title, ("decision", "value", "why"), rows, (f"Digest {plan.digest}",)))
        yield table if len(plans) == 1 else Details(title, (table,))


def _facts(facts: Mapping[str, str]) -> tuple[Block, ...]:
    rows = tuple((Cell(name), Cell(value)) for name, value in facts.items())
    return (TableBlock(Table("What made this report", ("what", "value"), rows)),) if rows else ()
