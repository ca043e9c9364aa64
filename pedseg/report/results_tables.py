"""Scores as the tables of the papers: means of every method, per domain, structure and metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from pedseg.evaluation.comparison import Comparison
from pedseg.evaluation.gather import higher_is_better
from pedseg.evaluation.normality import Normality
from pedseg.evaluation.scores import MEAN, UNION
from pedseg.evaluation.summary import SliceSummary, Summary
from pedseg.report.comparison_tables import beside_p, difference_cells, effect_cell, effect_head
from pedseg.report.tables import NOTHING, Cell, Table
from pedseg.report.values import (
    domain_title,
    mean_std,
    metric_title,
    p_value,
    short_title,
    shown,
    signed,
    structure_title,
)

Item = TypeVar("Item")
Line = tuple[Cell, ...]
SIDE_BY_SIDE = ("dice", "assd_mm", "mssd_mm")
"""The metrics of A, table 1."""
STACKED = ("dice", "sensitivity", "specificity", "mssd_mm", "assd_mm", "ravd")
"""The metrics of B, tables 2 and 3, and of D, tables 2 and 3."""
IN_SLICES = ("dice", "sensitivity", "specificity")
"""The metrics of B, table 4, and of D, table S1."""
UNMARKED = "means over different exams or slices are not compared, so none is marked"
MARKED = "Best in bold, second best underlined, per domain; equal at the precision shown share the mark."


def side_by_side(
    summaries: Sequence[Summary], *, structure: str = UNION, metrics: Sequence[str] = SIDE_BY_SIDE
) -> Table:
    """Methods as rows, domain x metric as columns (A table 1).

    Args:
        summaries: of `summarise`.
        structure: `mean` as A, B and C, `all` as D, or a bone.
        metrics: in this order, those that there are.
    """
    rows = [s for s in summaries if s.structure == structure and s.metric in metrics]
    columns = [(d, m) for d in _unique(s.domain for s in rows) for m in _there(rows, metrics)]
    found = {(s.domain, s.metric, s.method): s for s in rows}
    return Table(
        f"Mean ± standard deviation in 3D, {structure_title(structure)}",
        ("Method", *(f"{domain_title(domain)} {metric_title(metric)}" for domain, metric in columns)),
        tuple(
            (Cell(method), *(_summary_cell(found.get((*column, method))) for column in columns))
            for method in _unique(s.method for s in rows)
        ),
        _notes(rows),
    )


def stacked(summaries: Sequence[Summary], *, structure: str = UNION, metrics: Sequence[str] = STACKED) -> Table:
    """Domain and method as rows, metrics as columns (B tables 2 and 3, D tables 2 and 3); arguments as above."""
    rows = [s for s in summaries if s.structure == structure and s.metric in metrics]
    columns = _there(rows, metrics)
    found = {(s.domain, s.method, s.metric): s for s in rows}
    lines = _unique((s.domain, s.method) for s in rows)
    return Table(
        f"Mean ± standard deviation in 3D, {structure_title(structure)}",
        ("Domain", "Method", "Exams", *(metric_title(metric) for metric in columns)),
        tuple(
            (
                Cell(domain_title(domain)),
                Cell(method),
                Cell(str(max(found[domain, method, m].n for m in columns if (domain, method, m) in found))),
                *(_summary_cell(found.get((domain, method, m))) for m in columns),
            )
            for domain, method in lines
        ),
        _notes(rows),
    )


def by_structure(summaries: Sequence[Summary], domain: str, *, metrics: Sequence[str] = STACKED) -> Table:
    """Structure and method as rows, metrics as columns, for one domain: bones first, then their mean and union."""
    rows = [s for s in summaries if s.domain == domain and s.metric in metrics]
    columns = _there(rows, metrics)
    found = {(s.structure, s.method, s.metric): s for s in rows}
    bones = [s for s in rows if s.structure not in {MEAN, UNION}]
    ordered = [*bones, *(s for s in rows if s.structure == MEAN), *rows]
    lines = _unique((s.structure, s.method) for s in ordered)
    return Table(
        f"{domain_title(domain)}: mean ± standard deviation in 3D, structure by structure",
        ("Structure", "Method", *(metric_title(metric) for metric in columns)),
        tuple(
            (
                Cell(structure_title(name)),
                Cell(method),
                *(_summary_cell(found.get((name, method, m))) for m in columns),
            )
            for name, method in lines
        ),
        _notes(rows, "per structure") if rows else ("No mask was compared with a reference.",),
    )


def slice_table(
    summaries: Sequence[SliceSummary],
    comparisons: Sequence[Comparison] = (),
    *,
    structure: str = UNION,
    metrics: Sequence[str] = IN_SLICES,
) -> Table:
    """2D scores, each with its difference from the chosen method, effect size and p-value (D table S1, B table 4).

    Args:
        summaries: of `summarise_slices`.
        comparisons: of `compare_slices`, with one test; none leaves difference, effect and p-value out.
        structure: `mean` or `all`.
        metrics: in this order, those that there are.
    """
    rows = [s for s in summaries if s.structure == structure and s.metric in metrics]
    compared = [c for c in comparisons if c.structure == structure]
    columns, lines = _tested_slices(rows, compared, metrics) if compared else _slices(rows, metrics)
    return Table(
        f"2D scores, {structure_title(structure)}",
        columns,
        lines,
        (
            "Slices that hold at least one structure. Mean with the distances to the 84th and 16th percentiles.",
            MARKED,
            *_unmarked(rows),
            *beside_p(compared),
        ),
    )


def _slices(rows: Sequence[SliceSummary], metrics: Sequence[str]) -> tuple[tuple[str, ...], tuple[Line, ...]]:
    """Metrics as columns."""
    columns = _there(rows, metrics)
    found = {(s.domain, s.method, s.metric): s for s in rows}
    lines = tuple(
        (
            Cell(domain_title(domain)),
            Cell(method),
            Cell(str(max(found[domain, method, m].n for m in columns if (domain, method, m) in found))),
            *(_slice_cell(found.get((domain, method, m))) for m in columns),
        )
        for domain, method in _unique((s.domain, s.method) for s in rows)
    )
    return ("Domain", "Method", "Slices", *(metric_title(m).replace(" (", " 2D (", 1) for m in columns)), lines


def _tested_slices(
    rows: Sequence[SliceSummary], compared: Sequence[Comparison], metrics: Sequence[str]
) -> tuple[tuple[str, ...], tuple[Line, ...]]:
    """Metrics below each other: with the columns of a test each, side by side they fit no page."""
    answers = {(c.domain, c.metric, c.method): c for c in compared}
    ordered = sorted(rows, key=lambda s: metrics.index(s.metric))
    lines = tuple(
        (
            Cell(domain_title(s.domain)),
            Cell(metric_title(s.metric)),
            Cell(s.method),
            Cell(str(s.n)),
            _slice_cell(s),
            *_test_cells(answers.get((s.domain, s.metric, s.method))),
        )
        for domain in _unique(s.domain for s in rows)
        for s in ordered
        if s.domain == domain
    )
    beside = ("Difference", "95 % interval", effect_head(compared[0].test), "p")
    return ("Domain", "Metric", "Method", "Slices", "Score in 2D", *beside), lines


def normality_table(found: Sequence[Normality], *, structure: str = UNION) -> Table:
    """D'Agostino and Pearson's test of every 2D distribution (D section S1)."""
    rows = [n for n in found if n.structure == structure]
    return Table(
        f"Normality of 2D scores (D'Agostino and Pearson), {structure_title(structure)}",
        ("Domain", "Metric", "Method", "Slices", "Skewness", "Excess kurtosis", "K²", "p", "Verdict"),
        tuple(
            (
                Cell(domain_title(n.domain)),
                Cell(short_title(n.metric)),
                Cell(n.method),
                Cell(str(n.n)),
                *(Cell(NOTHING if math.isnan(value) else signed(value, 2)) for value in (n.skewness, n.kurtosis)),
                Cell(NOTHING if n.verdict in {"too few", "all equal"} else f"{n.statistic:.1f}"),
                p_value(n.p),
                Cell(n.verdict),
            )
            for n in rows
        ),
        (
            "p < 0.05 (*) and p < 0.01 (**) refute a normal distribution; below 20 slices the test does not hold.",
            "Skewness and excess kurtosis say how far from normal: both are 0 of a normal distribution.",
        ),
    )


def _summary_cell(summary: Summary | None) -> Cell:
    if summary is None:
        return Cell(NOTHING)
    return Cell(mean_std(summary.mean, summary.std, summary.metric), summary.mark)


def _slice_cell(summary: SliceSummary | None) -> Cell:
    if summary is None or summary.n == 0:
        return Cell(NOTHING)
    above, below = (shown(v, summary.metric, sign=True) for v in (summary.above, -summary.below))
    ends = f"{'' if above[0] in '+-' else '+'}{above}/{'' if below[0] in '+-' else '-'}{below}"
    return Cell(f"{shown(summary.mean, summary.metric)} {ends}", summary.mark)


def _test_cells(answer: Comparison | None) -> Sequence[Cell]:
    return (*difference_cells(answer), effect_cell(answer), p_value(answer.p)) if answer else [Cell(NOTHING)] * 4


def _notes(rows: Sequence[Summary], where: str = "per domain") -> tuple[str, ...]:
    """What a reader must know of the means: marks, and exams that are not the same for all."""
    said = [MARKED.replace("per domain", where)] if len({s.method for s in rows}) > 1 else []
    said += _unmarked(rows)
    lacking = _unique((s.domain, s.method, s.metric, s.structure, s.n_without) for s in rows if s.n_without)
    for domain, method in _unique(item[:2] for item in lacking):
        most = max(item[4] for item in lacking if item[:2] == (domain, method))
        exams = "1 exam" if most == 1 else f"{most} exams"
        some = any(s.n for s in rows if (s.domain, s.method) == (domain, method))
        told = f"no answer for up to {exams}; means are over the others" if some else f"no answer for any of {exams}"
        said.append(f"{domain_title(domain)}, {method}: {told}.")
    if any(s.n == 1 for s in rows):
        said.append("One exam has no standard deviation.")
    return tuple(said)


def _unmarked(rows: Sequence[Summary] | Sequence[SliceSummary]) -> Iterator[str]:
    """Domains with several means of a metric and no best one."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for s in rows:
        if s.n and higher_is_better(s.metric) is not None:
            groups.setdefault((s.domain, s.structure, s.metric), []).append(s.mark)
    for domain in _unique(group[0] for group, marks in groups.items() if len(marks) > 1 and not any(marks)):
        yield f"{domain_title(domain)}: {UNMARKED}."


def _there(rows: Sequence[Summary] | Sequence[SliceSummary], metrics: Sequence[str]) -> tuple[str, ...]:
    return tuple(metric for metric in metrics if any(row.metric == metric for row in rows))


def _unique(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))
