"""The ranking and its robustness as tables."""

from __future__ import annotations

from pedseg.evaluation.ranking import MovedRanking, Ranked, Robustness
from pedseg.evaluation.thresholds import load_ranking
from pedseg.report.ranking_tables import ranking_table, robustness_table
from pedseg.report.tables import NOTHING, Cell

NAN = float("nan")


def test_domains_stand_beside_each_other() -> None:
    ranked = [
        Ranked("ankle", "ours", 71.4, 9.86, 1, 17, 0),
        Ranked("ankle", "base", 33.3, 20.0, 2, 17, 2),
        Ranked("shoulder", "ours", 59.2, NAN, 1, 1, 0),
        Ranked("shoulder", "none", NAN, NAN, 2, 0, 0),
    ]
    table = ranking_table(ranked, load_ranking())
    assert table.columns == ("Method", "Ankle score", "Ankle rank", "Shoulder score", "Shoulder rank")
    assert table.rows == (
        (Cell("ours"), Cell("71.4 ± 9.9", "best"), Cell("1", "best"), Cell("59.2", "best"), Cell("1", "best")),
        (Cell("base"), Cell("33.3 ± 20.0", "second"), Cell("2", "second"), Cell(NOTHING), Cell(NOTHING)),
        (Cell("none"), Cell(NOTHING), Cell(NOTHING), Cell(NOTHING), Cell(NOTHING)),
    )
    assert "Dice 100 % to 80 %, Sens. 100 % to 80 %, MSSD 0 mm to 30 mm, ASSD 0 mm to 4 mm, RAVD 0 % to 10 %" in (
        table.notes[0]
    )
    assert table.notes[1] == "Ankle, base: 2 of 17 exams without a mask score zero."


def test_a_joint_left_out_is_told() -> None:
    ranked = [Ranked("ankle", "a", 0.0, 0.0, 2, 17, 17), Ranked("knee", "a", 0.0, NAN, 2, 1, 1)]
    assert ranking_table(ranked, load_ranking()).notes[1:] == (
        "Ankle, a: none of 17 exams has a mask, all score zero.",
        "Knee, a: its exam has no mask and scores zero.",
    )


def test_changed_ranks_are_marked() -> None:
    moved = (MovedRanking("dice", 0.85, (1, 2), -1.0), MovedRanking("mssd_mm", 20, (2, 1), 1.0))
    table = robustness_table([Robustness("knee", ("a", "b"), (2, 1), moved)])
    assert table.columns == ("Domain", "Method", "Base", "Dice 85 %", "MSSD 20 mm")
    assert table.rows == (
        (Cell("Knee"), Cell("a"), Cell("2"), Cell("1", "changed"), Cell("2")),
        (Cell("Knee"), Cell("b"), Cell("1"), Cell("2", "changed"), Cell("1")),
        (Cell("Knee"), Cell("Kendall's tau"), Cell(NOTHING), Cell("-1.00"), Cell("1.00")),
    )
    assert table.notes[1] == "Knee: b first, but not under every threshold."


def test_without_methods_or_moved_thresholds() -> None:
    assert robustness_table([]).rows == ()
    assert robustness_table([Robustness("knee", ("a",), (1,), ())]).notes[1] == "Knee: no threshold was moved."
