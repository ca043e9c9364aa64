"""What a joint's exams come to."""

from __future__ import annotations

import math

from example_report import small_view

from pedseg.domains import load_domains
from pedseg.evaluation.scores import UNION, Method, Score
from pedseg.report.page import Section, TableBlock, Text
from pedseg.report.summary import Doubt, doubt_of, joint_summary

KNEE, SHOULDER = load_domains(["knee", "shoulder"])


def method(name: str, values: dict[str, dict[str, list[float]]]) -> Method:
    rows = (
        Score(f"e{i}", "shoulder", bone, metric, value)
        for metric, bones in values.items()
        for bone, listed in bones.items()
        for i, value in enumerate(listed)
    )
    return Method(name, (*rows, Score("k0", "knee", "patella", "dice", 0.1)))


FULL = method(
    "dsl",
    {
        "dice": {"humerus": [0.9, 0.8], "scapula": [0.7, math.nan], UNION: [0.6, 0.5]},
        "assd_mm": {"humerus": [1.0, 2.0], "scapula": [2.0, 3.0], UNION: [1.0, 1.0]},
        "mssd_mm": {"humerus": [10.0, 20.0], "scapula": [20.0, 30.0], UNION: [9.0, 9.0]},
    },
)


def sentence(section: Section) -> str:
    (text,) = (block for block in section.blocks if isinstance(block, Text))
    return text.text.replace("\u00a0", " ")


def rows(section: Section) -> list[list[list[str]]]:
    tables = (block.table for block in section.blocks if isinstance(block, TableBlock))
    return [[list(t.columns), *([c.text for c in row] for row in t.rows)] for t in tables]


def test_a_sentence_tells_means_over_exams_of_the_mean_over_bones() -> None:
    """Dice of e0 (0.9 + 0.7) / 2, of e1 0.8 alone: 80 ± 0. ASSD 1.5 and 2.5, MSSD 15 and 25: sample std 1 / sqrt(2)."""
    assert sentence(joint_summary(SHOULDER, [FULL], [])) == (
        "2 exams. Bones and references overlap with a Dice of 80.0 ± 0.0 %; their surfaces are 2.0 ± 0.7 mm apart on "
        "average (ASSD), a bone's farthest points 20.0 ± 7.1 mm (MSSD). Least agreement: e0, Dice 80.0 %."
    )


def test_bones_that_were_not_found_are_named_in_place_of_distances() -> None:
    """The diagonal of the grid that stands for their distances would be told as one."""
    lost = method(
        "dsl",
        {
            "dice": {"humerus": [0.9, 0.9], "scapula": [0.0, math.nan]},
            "assd_mm": {"humerus": [1.0, 1.0], "scapula": [300.0, math.nan]},
            "mssd_mm": {"humerus": [1.0, 1.0], "scapula": [300.0, math.nan]},
            "volume_ml": {"humerus": [5.0, 5.0], "scapula": [0.0, 0.0]},
            "reference_volume_ml": {"humerus": [5.0, 5.0], "scapula": [4.0, 0.0]},
        },
    )
    told = sentence(joint_summary(SHOULDER, [lost], []))
    assert "Dice of 67.5 ± 31.8 %. Not found: Scapula in 1 of 1 exams. Least" in told
    assert "mm apart" not in told


def test_a_table_tells_each_bone_their_mean_their_union_and_the_worst_exam() -> None:
    (table,) = rows(joint_summary(SHOULDER, [FULL], []))
    assert table == [
        ["bone", "exams", "Dice (%) ↑", "ASSD (mm) ↓", "MSSD (mm) ↓", "worst exam, Dice"],
        ["Humerus", "2", "85.0 ± 7.1", "1.5 ± 0.7", "15.0 ± 7.1", "e1, 80.0"],
        ["Scapula", "1", "70.0", "2.5 ± 0.7", "25.0 ± 7.1", "e0, 70.0"],
        ["Mean of bones", "2", "80.0 ± 0.0", "2.0 ± 0.7", "20.0 ± 7.1", "e0, 80.0"],
        ["Union of bones", "2", "55.0 ± 7.1", "1.0 ± 0.0", "9.0 ± 0.0", "e1, 50.0"],
    ]


def test_several_methods_are_set_side_by_side() -> None:
    other = method("shared", {"dice": {"humerus": [0.5], "scapula": [0.3]}})
    table = rows(joint_summary(SHOULDER, [FULL, other], []))[1]
    assert table[1:] == [
        ["dsl", "2", "80.0 ± 0.0", "2.0 ± 0.7", "20.0 ± 7.1"],
        ["shared", "1", "40.0", "\u2013", "\u2013"],
    ]


def test_sentence_bones_and_doubts_are_of_the_main_method_which_is_named() -> None:
    other = method("other", {"dice": {"humerus": [0.5], "scapula": [0.3]}})
    section = joint_summary(SHOULDER, [FULL, other], [Doubt("e0", "shoulder", True, ("humerus",), 0)], main="other")
    assert sentence(section) == (
        "other: 1 exam. Bones and references overlap with a Dice of 40.0 %. Least agreement: e0, Dice 40.0 %. "
        "To look at again: e0."
    )
    first, second = (block.table for block in section.blocks if isinstance(block, TableBlock))
    assert first.title.startswith("other: ")
    assert [row[0].text for row in second.rows] == ["dsl", "other"]
    assert sentence(joint_summary(SHOULDER, [FULL], [], main="dsl")).startswith("2 exams. ")
    assert sentence(joint_summary(SHOULDER, [FULL, Method("none", ())], [], main="none")) == "none: No exam."


def test_a_union_is_never_set_beside_means_of_bones() -> None:
    union = method("global", {"dice": {UNION: [0.95, 0.97]}})
    table = joint_summary(SHOULDER, [FULL, union], []).blocks[-1]
    assert isinstance(table, TableBlock)
    assert [cell.text for cell in table.table.rows[1]] == ["global", "2", *["\u2013"] * 3]
    assert "union of bones is known of global" in table.table.notes[0]
    unions = joint_summary(SHOULDER, [union, method("b", {"dice": {UNION: [0.9]}})], []).blocks[-1]
    assert isinstance(unions, TableBlock)
    assert [row[2].text for row in unions.table.rows] == ["96.0 ± 1.4", "90.0"]
    assert unions.table.title.startswith("Methods: union of bones")
    assert unions.table.notes == ()


def test_masks_and_references_that_are_all_empty_have_no_dice() -> None:
    empty = method("dsl", {"dice": {"humerus": [math.nan], UNION: [math.nan]}})
    assert sentence(joint_summary(SHOULDER, [empty], [])) == "1 exam. No bone in any mask or reference."


def test_a_union_alone_is_scored_as_it_is() -> None:
    whole = joint_summary(SHOULDER, [method("global", {"dice": {UNION: [0.9]}})], [])
    assert sentence(whole) == (
        "1 exam. Bones and references overlap with a Dice of 90.0 %. Least agreement: e0, Dice 90.0 %."
    )
    assert [row[0] for row in rows(whole)[0]] == ["bone", "Union of bones"]


def test_without_references_volumes_and_doubts_are_told() -> None:
    volumes = method("prediction", {"volume_ml": {"humerus": [10.0, 20.0], UNION: [11.0, 22.0]}})
    doubts = [Doubt("e0", "shoulder", True, ("humerus",), 0), Doubt("e1", "shoulder", True, (), 2),
              Doubt("k0", "knee", True, ("patella",), 1)]  # fmt: skip
    section = joint_summary(SHOULDER, [volumes], doubts)
    assert sentence(section) == "2 exams without a reference. To look at again: e0. 1 exam with warnings."
    assert rows(section)[0] == [
        ["bone", "exams", "Volume (ml)"], ["Humerus", "2", "15.0 ± 7.1"], ["Union of bones", "2", "16.5 ± 7.8"],
    ]  # fmt: skip


def test_no_doubt_is_told_only_where_every_exam_was_judged() -> None:
    judged, unjudged = Doubt("a", "knee", True, (), 0), Doubt("b", "knee", False, (), 0)
    fine = "Every bone that was judged looks like a training bone."
    assert sentence(joint_summary(KNEE, [], [judged])) == f"1 exam without a reference. {fine}"
    assert sentence(joint_summary(KNEE, [], [judged, unjudged])) == "2 exams without a reference."
    many = [Doubt(f"e{i}", "knee", True, ("patella",), 0) for i in range(8)]
    assert sentence(joint_summary(KNEE, [], many)).endswith("To look at again: e0, e1, e2, e3, e4, e5 and 2 more.")


def test_the_doubts_of_an_exam_outlive_it() -> None:
    view = small_view("e", KNEE, plausibility={"patella": {"verdict": "look again"}}, warnings=("a", "b"))
    assert doubt_of(view) == Doubt("e", "knee", True, ("patella",), 2)
    assert doubt_of(small_view("e", KNEE)) == Doubt("e", "knee", False, (), 0)
