"""Comparisons as tables: every p with its effect and interval, and what the exams can show."""

from __future__ import annotations

import math

from pedseg.evaluation.comparison import Comparison
from pedseg.evaluation.power import Power
from pedseg.evaluation.scores import UNION
from pedseg.evaluation.two_samples import Finding
from pedseg.report.comparison_tables import comparison_table, power_table
from pedseg.report.tables import NOTHING, Cell

NAN = float("nan")
ROW = Comparison(
    "wilcoxon", "exams", "ankle", UNION, "dice", "base", "ours", 8, 8,
    Finding(0.0, 0.0078, -1.0), 0.0156, -0.0131, (-0.0163, -0.0098),
)  # fmt: skip
EMPTY = Comparison(
    "kolmogorov_smirnov", "slices", "ankle", UNION, "dice", "base", "ours", 0, 0,
    Finding(NAN, NAN, NAN), NAN, NAN, (NAN, NAN), "no common slices",
)  # fmt: skip


def test_a_p_value_stands_beside_its_effect_and_interval() -> None:
    table = comparison_table([ROW], powers=[Power("ankle", 5)])
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        "Domain": Cell("Ankle"),
        "Metric": Cell("Dice (%) ↑"),
        "Method": Cell("base"),
        "Exams": Cell("8"),
        "Difference": Cell("-1.31"),
        "95 % interval": Cell("-1.63 to -0.98"),
        "Rank-biserial": Cell("-1.00"),
        "Better mean": Cell("ours"),
        "p": Cell("0.008", "p01"),
        "p (Holm)": Cell("0.016", "p05"),
    }
    assert table.title == "Against ours, 3D, union of bones: Wilcoxon signed-rank test"
    assert table.notes[-1].startswith("Ankle, n = 5 exams: no difference, however large")
    assert not any("Slices of one exam" in note for note in table.notes)


def test_what_could_not_be_compared_says_why() -> None:
    table = comparison_table([EMPTY])
    row = dict(zip(table.columns, (cell.text for cell in table.rows[0]), strict=True))
    assert row["Note"] == "no common slices"
    unknown = ("Difference", "95 % interval", "KS distance", "Cliff's delta", "Better mean", "p", "p (Holm)")
    assert [row[name] for name in unknown] == [NOTHING] * 7
    assert any("Slices of one exam are not independent" in note for note in table.notes)


def test_metrics_and_structures_are_chosen() -> None:
    assert len(comparison_table([ROW], metrics=("dice",)).rows) == 1
    assert comparison_table([ROW], metrics=("ravd",)).rows == ()
    assert comparison_table([ROW], structure="talus").notes == ("There is nothing to compare.",)


def test_power_in_numbers_and_in_words() -> None:
    table = power_table([Power("ankle", 5), Power("knee", 17)])
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["Ankle", "5", "0.0625", "none"],
        ["Knee", "17", "1.5e-5", "0.75 SD"],
    ]
    assert "smallest possible p 0.0625" in table.notes[0]
    assert math.isnan(Power("ankle", 5).detectable)
