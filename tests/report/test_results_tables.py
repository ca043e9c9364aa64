"""The papers' tables of means, cell by cell."""

from __future__ import annotations

import math
from dataclasses import replace

from pedseg.evaluation.comparison import compare_slices
from pedseg.evaluation.normality import Normality
from pedseg.evaluation.scores import MEAN, UNION, Method, SliceScore
from pedseg.evaluation.summary import SliceSummary, Summary, summarise_slices
from pedseg.report.results_tables import by_structure, normality_table, side_by_side, slice_table, stacked
from pedseg.report.tables import NOTHING, Cell, Table

DICE = Summary("ankle", UNION, "dice", "ours", 0.938, 0.012, 15, 0, "best")
ROWS = (
    DICE,
    replace(DICE, method="base", mean=0.9, mark="second"),
    replace(DICE, metric="assd_mm", mean=0.62, std=0.11),
    replace(DICE, domain="knee", mean=0.954, std=math.nan, n=1, n_without=2),
)


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_methods_as_rows_and_domains_beside_each_other() -> None:
    table = side_by_side(ROWS)
    assert table.columns == (
        "Method", "Ankle Dice (%) ↑", "Ankle ASSD (mm) ↓", "Knee Dice (%) ↑", "Knee ASSD (mm) ↓",
    )  # fmt: skip
    assert table.rows == (
        (Cell("ours"), Cell("93.8 ± 1.2", "best"), Cell("0.6 ± 0.1", "best"), Cell("95.4", "best"), Cell(NOTHING)),
        (Cell("base"), Cell("90.0 ± 1.2", "second"), Cell(NOTHING), Cell(NOTHING), Cell(NOTHING)),
    )
    assert "Knee, ours: no answer for up to 2 exams; means are over the others." in table.notes
    assert "One exam has no standard deviation." in table.notes


def test_domains_below_each_other() -> None:
    table = stacked(ROWS, metrics=("dice", "ravd", "assd_mm"))
    assert table.columns == ("Domain", "Method", "Exams", "Dice (%) ↑", "ASSD (mm) ↓")
    assert texts(table) == [
        ["Ankle", "ours", "15", "93.8 ± 1.2", "0.6 ± 0.1"],
        ["Ankle", "base", "15", "90.0 ± 1.2", NOTHING],
        ["Knee", "ours", "1", "95.4", NOTHING],
    ]


def test_a_method_that_leaves_a_joint_out_is_told() -> None:
    none = replace(DICE, method="base", mean=math.nan, std=math.nan, n=0, n_without=15, mark="")
    assert "Ankle, base: no answer for any of 15 exams." in stacked([DICE, none]).notes


def test_metrics_with_a_test_stand_below_each_other() -> None:
    rows = [SliceSummary(d, UNION, m, n, 0.9, 0.1, 0.1, 10, 1)
            for d in ("ankle", "knee") for m in ("specificity", "dice") for n in "ab"]  # fmt: skip
    slices = tuple(SliceScore("e", d, UNION, 0, "dice", 0.5) for d in ("ankle", "knee"))
    compared = compare_slices([Method("a", (), slices), Method("b", (), slices)], "a")
    told = [(row[0], row[1][:4], row[2]) for row in texts(slice_table(rows, compared))]
    assert told == [(d, m, n) for d in ("Ankle", "Knee") for m in ("Dice", "Spec") for n in "ab"]


def test_another_structure_is_another_table() -> None:
    assert side_by_side(ROWS, structure=MEAN).rows == ()
    assert side_by_side([replace(DICE, structure=MEAN)], structure=MEAN).title.endswith("mean over bones")


def test_bones_come_first_then_their_mean_then_their_union() -> None:
    rows = [replace(DICE, structure=s) for s in ("talus", UNION, "tibia", MEAN)]
    table = by_structure([*rows, replace(DICE, domain="knee")], "ankle")
    assert [row[0] for row in texts(table)] == ["talus", "tibia", "mean over bones", "union of bones"]


def test_a_joint_without_references_says_so() -> None:
    table = by_structure([replace(DICE, metric="volume_ml")], "ankle")
    assert (table.rows, table.notes) == ((), ("No mask was compared with a reference.",))


def test_2d_scores_with_difference_effect_and_p_value() -> None:
    """Six slices, all higher for ours: p = 2 / 2^6. Percentiles 16 and 84 of 0.5 .. 1.0 are 0.58 and 0.92.

    Differences are -1, -3, -5 points in e0 and -2, -4, -6 in e1: exams drawn again give -3, -3.5 or -4.
    """
    ours = [SliceScore(f"e{k % 2}", "knee", UNION, k, "dice", 0.5 + 0.1 * k) for k in range(6)]
    base = [replace(s, value=s.value - 0.01 * (s.slice + 1)) for s in ours]
    methods = [Method("base", (), tuple(base)), Method("ours", (), tuple(ours))]
    table = slice_table(summarise_slices(methods), compare_slices(methods, "ours"))
    assert table.columns[:5] == ("Domain", "Metric", "Method", "Slices", "Score in 2D")
    assert table.columns[5:] == ("Difference", "95 % interval", "Rank-biserial", "p")
    assert table.rows[0][4:] == (
        Cell("71.5 +15.3/-15.3", "second"), Cell("-3.50"), Cell("-4.00 to -3.00"), Cell("-1.00"), Cell("0.031", "p05"),
    )  # fmt: skip
    assert table.rows[1] == (
        Cell("Knee"), Cell("Dice (%) ↑"), Cell("ours"), Cell("6"), Cell("75.0 +17.0/-17.0", "best"),
        *[Cell(NOTHING)] * 4,
    )  # fmt: skip
    assert any("Wilcoxon signed-rank test against ours" in note for note in table.notes)
    assert any("not independent" in note for note in table.notes)
    assert any(note.startswith("Rank-biserial: ") for note in table.notes)
    assert any("draws whole exams" in note for note in table.notes)
    assert slice_table(summarise_slices(methods)).columns[3:] == ("Dice 2D (%) ↑",)


def test_one_exam_has_a_difference_without_an_interval() -> None:
    ours = Method("ours", (), tuple(SliceScore("e", "knee", UNION, k, "dice", 0.5) for k in range(2)))
    base = Method("base", (), tuple(replace(s, value=0.25) for s in ours.slices))
    table = slice_table(summarise_slices([base, ours]), compare_slices([base, ours], "ours"))
    assert [cell.text for cell in table.rows[0][5:]] == ["-25.00", NOTHING, "-1.00", "0.500"]


def test_a_table_without_marks_says_why() -> None:
    bare = replace(DICE, mark="")
    note = "Ankle: means over different exams or slices are not compared, so none is marked."
    assert note in stacked([bare, replace(bare, method="base")]).notes
    assert note not in stacked([bare, replace(bare, method="base", n=0, mean=math.nan)]).notes
    assert note not in stacked([DICE, replace(bare, method="base")]).notes
    slices = SliceSummary("ankle", UNION, "dice", "a", 0.9, 0.1, 0.1, 10, 1)
    assert note in slice_table([slices, replace(slices, method="b")]).notes


def test_distances_keep_their_sign_where_a_tail_drags_the_mean() -> None:
    row = SliceSummary("knee", UNION, "dice", "a", 0.9, 0.1, -0.02, 10, 1)
    assert slice_table([row]).rows[0][3].text == "90.0 +10.0/+2.0"
    assert slice_table([replace(row, below=0.0)]).rows[0][3].text == "90.0 +10.0/-0.0"
    assert slice_table([replace(row, n=0, mean=math.nan)]).rows[0][3].text == NOTHING


def test_normality_says_where_there_are_too_few() -> None:
    table = normality_table([Normality("knee", UNION, "dice", "a", 300, 96.2, 1.3e-21, -2.104, 6.0),
                             Normality("knee", UNION, "dice", "b", 12)])  # fmt: skip
    assert texts(table) == [
        ["Knee", "Dice", "a", "300", "-2.10", "+6.00", "96.2", "1.3e-21", "not normal"],
        ["Knee", "Dice", "b", "12", NOTHING, NOTHING, NOTHING, NOTHING, "too few"],
    ]
