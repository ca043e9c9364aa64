"""One exam in the report."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from example_report import small_view

from pedseg.domains import load_domains
from pedseg.evaluation.scores import UNION, Score
from pedseg.report.exam import bone_scores, bone_title, exam_section, exam_slider
from pedseg.report.page import Bullets, Section, TableBlock, Text, Viewer
from pedseg.report.tables import Table

KNEE, SHOULDER = load_domains(["knee", "shoulder"])


def scores(**dice: float) -> tuple[Score, ...]:
    return tuple(Score("e", "shoulder", bone, "dice", value) for bone, value in dice.items())


def tables(section: Section) -> dict[str, Table]:
    return {block.table.title: block.table for block in section.blocks if isinstance(block, TableBlock)}


def texts(section: Section) -> list[str]:
    return [block.text for block in section.blocks if isinstance(block, Text)]


def test_the_worse_exam_is_the_one_of_lower_dice_then_of_more_doubts() -> None:
    plain = small_view("e", SHOULDER)
    doubtful = {"humerus": {"verdict": "look again"}, "scapula": {"verdict": "looks like a training bone"}}
    unknown = small_view("e", SHOULDER, referenced=False)
    rising = [
        unknown,
        replace(unknown, warnings=("PS-W124: a bone was not found",)),
        replace(unknown, plausibility=doubtful),
        replace(plain, scores=scores(humerus=0.9, scapula=0.8, **{UNION: 0.1})),
        replace(plain, scores=scores(humerus=0.9, scapula=0.7)),
        replace(plain, scores=scores(humerus=math.nan, scapula=0.7), plausibility=doubtful),
    ]
    assert sorted(rising, key=lambda v: v.badness) == rising
    assert rising[3].dice == pytest.approx(0.85)  # the union is no bone
    assert rising[5].dice == pytest.approx(0.7)
    assert rising[5].look_again == ("humerus",)


def test_an_exam_tells_its_worst_bone_and_its_doubts() -> None:
    far = (Score("e", "shoulder", "scapula", "mssd_mm", 12.34),)
    view = small_view("e_001", SHOULDER, scores=scores(humerus=0.9, scapula=0.7) + far, warnings=("PS-W122: far",))
    section = exam_section(replace(view, plausibility={"humerus": {"verdict": "look again"}}))
    assert texts(section)[0] == (
        "Shoulder. Least agreement with the reference: Scapula, Dice 70.0\u00a0%, surfaces up to 12.3\u00a0mm apart. "
        "To look at again: Humerus."
    )
    lost = (Score("e", "shoulder", "scapula", "dice", 0.0), Score("e", "shoulder", "scapula", "volume_ml", 0.0), *far)
    assert "Scapula, Dice 0.0\u00a0%, not found." in texts(exam_section(replace(view, scores=lost)))[0]
    assert (section.title, section.hint, section.new_sheet) == ("e_001", "Dice 80.0\u00a0%, look again: 1", True)
    assert Bullets(("PS-W122: far",), "Warnings", "warning") in section.blocks
    assert "the reference outlined in red" in texts(section)[1]


def test_scores_stand_bone_by_metric_with_dashes_where_there_is_no_answer() -> None:
    rows = (*scores(humerus=0.9, scapula=math.nan), Score("e", "shoulder", "humerus", "assd_mm", 1.0),
            Score("e", "shoulder", UNION, "dice", 0.5))  # fmt: skip
    table = tables(exam_section(small_view("e", SHOULDER, scores=rows)))["Scores"]
    assert table.columns == ("bone", "Dice (%) ↑", "ASSD (mm) ↓")
    assert [[c.text for c in row] for row in table.rows] == [
        ["Humerus", "90.0", "1.0"], ["Scapula", "\u2013", "\u2013"], ["Union of bones", "50.0", "\u2013"],
    ]  # fmt: skip


def test_plausibility_stands_beside_its_limits() -> None:
    said = {
        "humerus": {"verdict": "look again", "code_distance": 1.5, "code_limit": 1.25, "agreement": 0.5},
        "scapula": {"verdict": "not judged", "code_distance": None, "reconstruction_dice": math.nan},
    }
    table = tables(exam_section(small_view("e", SHOULDER, plausibility=said)))["Does it look like a training bone?"]
    assert [[c.text for c in row] for row in table.rows] == [
        ["Humerus", "look again", "1.5 (1.25)", "\u2013", "0.5"],
        ["Scapula", "not judged", "\u2013", "\u2013", "\u2013"],
    ]
    assert [[bool(c.mark) for c in row[:2]] for row in table.rows] == [[False, True], [False, False]]  # in bold


def test_an_exam_without_a_reference_shows_volumes_and_no_red() -> None:
    section = exam_section(small_view("e", KNEE, referenced=False))
    assert texts(section)[0] == "Knee."
    assert "reference" not in "".join(texts(section))
    assert tables(section)["Scores"].columns == ("bone", "Volume (ml)")
    (viewer,) = (block for block in section.blocks if isinstance(block, Viewer))
    assert all(frame.reference is None for panel in viewer.panels for frame in panel.frames)
    assert exam_section(small_view("e", KNEE, referenced=False, scores=())).blocks


def test_a_slider_shows_every_slice_of_a_small_exam() -> None:
    (viewer,) = exam_slider(small_view("e", KNEE)).blocks
    assert isinstance(viewer, Viewer)
    assert [len(panel.frames) for panel in viewer.panels] == [24, 20, 10]


def test_bones_go_before_their_union() -> None:
    both = scores(humerus=0.9, **{UNION: 0.5})
    assert [s.structure for s in bone_scores(both, "dice")] == ["humerus"]
    assert [s.structure for s in bone_scores(scores(**{UNION: 0.5}), "dice")] == [UNION]
    assert bone_title(SHOULDER, "humerus") == "Humerus"
    assert bone_title(SHOULDER, UNION) == "Union of bones"
    assert bone_title(SHOULDER, "other") == "other"
