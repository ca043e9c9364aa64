"""The tables of an evaluation: means, statistics against one method, ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pedseg.evaluation.comparison import TestName, compare_exams, compare_slices
from pedseg.evaluation.normality import normality
from pedseg.evaluation.power import powers
from pedseg.evaluation.ranking import rank, robustness
from pedseg.evaluation.scores import MEAN, UNION, Method
from pedseg.evaluation.summary import summarise, summarise_slices
from pedseg.evaluation.thresholds import RankingSystem
from pedseg.report.comparison_tables import comparison_table, power_table
from pedseg.report.ranking_tables import ranking_table, robustness_table
from pedseg.report.results_tables import by_structure, normality_table, side_by_side, slice_table, stacked
from pedseg.report.tables import Table, to_csv, to_latex, to_markdown
from pedseg.workspace import write_text

TESTS: dict[str, TestName] = {"ks": "kolmogorov_smirnov", "wilcoxon": "wilcoxon"}
"""Of 2D scores: A's and B's, and D's."""
IN_REPORT = ("dice", "assd_mm", "mssd_mm")
"""Metrics that are compared on the page: those of A and of B's table 2."""
TITLES = {"ks": "Kolmogorov and Smirnov's test", "wilcoxon": "Wilcoxon's signed-rank test"}
BEYOND = ("hd95", "surface_dice")
VOLUMES = ("volume_ml", "reference_volume_ml")
FAR = "Distances count there as the diagonal of the exam's grid, so means of distances say little."
WRITERS = {".md": to_markdown, ".csv": to_csv, ".tex": to_latex}


@dataclass(frozen=True)
class Named:
    """A table and its file's name.

    Args:
        name: without ending.
        group: of the report: `scores`, `statistics` or `ranking`; empty: too long for it, a file only.
        table: itself.
    """

    name: str
    group: str
    table: Table


def score_tables(
    methods: Sequence[Method], *, against: str, system: RankingSystem, seed: int = 0
) -> tuple[Named, ...]:
    """Every table that the scores allow: of one method means and normality, of several also tests and ranking.

    Args:
        methods: with scores against references.
        against: the method that the others are compared with.
        system: thresholds of the ranking.
        seed: of bootstrap intervals.
    """
    several = len(methods) > 1
    tables = [*_means(methods), *_in_slices(methods, against, seed)]
    if several:
        tables += _tests(methods, against, seed)
    return (*tables, *_ranking(methods, system, several=several))


def write_tables(tables: Sequence[Named], folder: Path) -> None:
    """Each as Markdown, CSV and LaTeX."""
    folder.mkdir(exist_ok=True)
    for named in tables:
        for ending, written in WRITERS.items():
            write_text(folder / f"{named.name}{ending}", written(named.table))


def _means(methods: Sequence[Method]) -> Iterator[Named]:
    summaries = summarise(methods)
    notes = tuple(_missing_bones(methods))
    bones = any(s.structure == MEAN for s in summaries)
    if bones:
        yield Named("scores_3d", "scores", _noted(stacked(summaries, structure=MEAN), notes))
        yield Named("scores_3d_by_domain", "", side_by_side(summaries, structure=MEAN))
    further = tuple(dict.fromkeys(s.metric for s in summaries if s.metric.startswith(BEYOND)))
    table = stacked(summaries, structure=MEAN if bones else UNION, metrics=further)
    yield Named("scores_3d_further", "scores", replace(table, title=f"{table.title}: beyond the papers"))
    yield Named("scores_3d_union" if bones else "scores_3d", "scores", stacked(summaries, structure=UNION))
    for domain in dict.fromkeys(s.domain for s in summaries):
        own = tuple(_missing_bones(methods, domain))
        yield Named(f"scores_3d_{domain}", "scores", _noted(by_structure(summaries, domain), own))


def _missing_bones(methods: Sequence[Method], domain: str = "") -> Iterator[str]:
    """What weighs on the means of distances: bones that one of the two masks lacks."""
    for method in methods:
        volumes = {(s.domain, s.exam, s.structure, s.metric): s.value for s in method.scores if s.metric in VOLUMES}
        lacking = Counter(
            structure
            for (place, exam, structure, metric), value in volumes.items()
            if metric == VOLUMES[0] and domain in {"", place} and structure != UNION
            and (value == 0) != (volumes.get((place, exam, structure, VOLUMES[1])) == 0)
        )  # fmt: skip
        if lacking:
            bones = ((name.replace("_", " "), n) for name, n in lacking.items())
            told = ", ".join(f"{bone} in {n} exam{'s' if n > 1 else ''}" for bone, n in bones)
            yield f"{method.name}: found in one of prediction and reference only: {told}. {FAR}"


def _noted(table: Table, notes: tuple[str, ...]) -> Table:
    return replace(table, notes=(*table.notes, *notes))


def _in_slices(methods: Sequence[Method], against: str, seed: int) -> Iterator[Named]:
    summaries = summarise_slices(methods)
    distributions = normality(methods)
    for structure in [s for s in (MEAN, UNION) if any(row.structure == s for row in summaries)]:
        tail = "" if structure == MEAN else "_union"
        yield Named(f"scores_2d{tail}", "scores", slice_table(summaries, structure=structure))
        for name, test in TESTS.items() if len(methods) > 1 else ():
            compared = compare_slices(methods, against, test=test, structures=(structure,), seed=seed)
            table = slice_table(summaries, compared, structure=structure)
            table = replace(table, title=f"{table.title}, p of {TITLES[name]}")
            yield Named(f"scores_2d{tail}_{name}", "statistics", table)
            yield Named(f"slices{tail}_{name}", "", comparison_table(compared, structure=structure))
        yield Named(f"normality{tail}", "statistics", normality_table(distributions, structure=structure))


def _tests(methods: Sequence[Method], against: str, seed: int) -> Iterator[Named]:
    compared = compare_exams(methods, against, seed=seed)
    found = powers(methods)
    for structure in [s for s in (MEAN, UNION) if any(row.structure == s for row in compared)]:
        tail = "" if structure == MEAN else "_union"
        shown = comparison_table(compared, structure=structure, metrics=IN_REPORT, powers=found)
        yield Named(f"exams{tail}", "statistics", shown)
        yield Named(f"exams{tail}_every_metric", "", comparison_table(compared, structure=structure, powers=found))
    yield Named("power", "statistics", power_table(found))


def _ranking(methods: Sequence[Method], system: RankingSystem, *, several: bool) -> Iterator[Named]:
    yield Named("ranking", "ranking" if several else "", ranking_table(rank(methods, system=system), system))
    if several:
        yield Named("ranking_robustness", "ranking", robustness_table(robustness(methods, system=system)))
