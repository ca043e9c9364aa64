"""Methods held against a chosen one, as tables: p-values, effect sizes, intervals and what the exams can show."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pedseg.evaluation.comparison import Comparison
from pedseg.evaluation.power import Power, short_p
from pedseg.evaluation.scores import UNION
from pedseg.report.tables import NOTHING, Cell, Table
from pedseg.report.values import domain_title, metric_title, p_value, shown, signed, structure_title

TESTS = {"wilcoxon": "Wilcoxon signed-rank test", "kolmogorov_smirnov": "Kolmogorov-Smirnov test"}
EFFECTS = {
    "wilcoxon": "Rank-biserial: the share of the rank sum that favours larger values of the method, minus the rest",
    "kolmogorov_smirnov": "Cliff's delta: the share of pairs where the method's value is larger, minus where smaller",
}


def comparison_table(
    comparisons: Sequence[Comparison],
    *,
    structure: str = UNION,
    metrics: Sequence[str] | None = None,
    powers: Sequence[Power] = (),
) -> Table:
    """Every comparison with its effect size, interval and p-values.

    Args:
        comparisons: of `compare_slices` or `compare_exams`.
        structure: `mean`, `all` or a bone.
        metrics: None is all of them.
        powers: of `powers`; their sentences join the notes.
    """
    rows = [c for c in comparisons if c.structure == structure and (metrics is None or c.metric in metrics)]
    if not rows:
        return Table(f"Comparison, {structure_title(structure)}", ("Domain",), (), ("There is nothing to compare.",))
    against, of, test = rows[0].against, rows[0].of, rows[0].test
    statistic = test == "kolmogorov_smirnov"
    heads = ("Difference", "95 % interval", *(("KS distance",) if statistic else ()), effect_head(test), "Better mean")
    noted = any(c.note for c in rows)
    return Table(
        f"Against {against}, {'2D' if of == 'slices' else '3D'}, {structure_title(structure)}: {TESTS[test]}",
        (
            "Domain", "Metric", "Method", *(("Slices",) if of == "slices" else ()), "Exams", *heads,
            "p", "p (Holm)", *(("Note",) if noted else ()),
        ),
        tuple(_row(c, statistic=statistic, noted=noted) for c in rows),
        (*_notes(rows[0]), *(power_sentence(p) for p in powers)),
    )  # fmt: skip


def power_sentence(power: Power) -> str:
    """What so many exams can show, for a reader."""
    return f"{domain_title(power.domain)}, {power.sentence}."


def power_table(powers: Sequence[Power]) -> Table:
    """What each domain's exams can show at all."""
    return Table(
        "What so many exams can show (two-sided Wilcoxon signed-rank test, paired by exam)",
        ("Domain", "Exams", "Smallest possible p", "Difference found with 80 % power"),
        tuple(
            (
                Cell(domain_title(p.domain)),
                Cell(str(p.n)),
                Cell(short_p(p.smallest_p)),
                Cell(f"{p.detectable:.2f} SD" if p.enough else "none"),
            )
            for p in powers
        ),
        tuple(power_sentence(p) for p in powers),
    )


def how_tested(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """What to know of a column of p-values."""
    if not comparisons:
        return ()
    first = comparisons[0]
    said = f"p: {TESTS[first.test]} against {first.against}; * p < 0.05, ** p < 0.01."
    return (said, DEPENDENT) if first.of == "slices" else (said,)


def beside_p(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """What to know of columns of differences, effect sizes and p-values."""
    if not comparisons:
        return ()
    first = comparisons[0]
    return (
        f"Difference: method minus {first.against}, in percentage points or mm.",
        f"{EFFECTS[first.test]}.",
        "95 % interval: bootstrap that draws whole exams; with few exams it is too narrow.",
        *how_tested(comparisons),
    )


def difference_cells(c: Comparison) -> tuple[Cell, Cell]:
    """Method minus chosen one such as `+0.12`, and its interval such as `-1.00 to +1.24`."""
    low, high = (shown(end, c.metric, sign=True, decimals=2) for end in c.interval)
    return (
        Cell(shown(c.difference, c.metric, sign=True, decimals=2)),
        Cell(NOTHING if math.isnan(c.interval[0]) else f"{low} to {high}"),
    )


def effect_cell(c: Comparison) -> Cell:
    """Such as `-0.40`."""
    return Cell(_number(c.effect, sign=True))


DEPENDENT = (
    "Slices of one exam are not independent, so p-values in 2D are too small. "
    "The interval of the difference draws whole exams and is the sounder answer."
)


def effect_head(test: str) -> str:
    """Head of a column of effect sizes."""
    return "Rank-biserial" if test == "wilcoxon" else "Cliff's delta"


def _row(c: Comparison, *, statistic: bool, noted: bool) -> tuple[Cell, ...]:
    return (
        Cell(domain_title(c.domain)),
        Cell(metric_title(c.metric)),
        Cell(c.method),
        *((Cell(str(c.n)),) if c.of == "slices" else ()),
        Cell(str(c.n_exams)),
        *difference_cells(c),
        *((Cell(_number(c.finding.statistic)),) if statistic else ()),
        effect_cell(c),
        Cell(c.favours or NOTHING),
        p_value(c.p),
        p_value(c.p_holm),
        *((Cell(c.note),) if noted else ()),
    )


def _number(value: float, *, sign: bool = False) -> str:
    return NOTHING if math.isnan(value) else signed(value, 2) if sign else f"{value:.2f}"


def _notes(first: Comparison) -> tuple[str, ...]:
    return (*beside_p((first,)), "p (Holm): corrected over the methods compared for a metric.")
