"""Tables of scores: written, read again, refused when damaged."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from pedseg.errors import InputError
from pedseg.evaluation.scores import (
    Method,
    Score,
    SliceScore,
    read_scores,
    read_slice_scores,
    unit_of,
    write_scores,
    write_slice_scores,
)

SCORES = (
    Score("e1", "knee", "femur", "dice", 0.1 + 0.2),
    Score("e1", "knee", "femur", "assd_mm", 1.25),
    Score("e2", "ankle", "all", "sensitivity", math.nan),
)


def test_columns_are_the_promised_ones(tmp_path: Path) -> None:
    write_scores(SCORES, tmp_path / "scores.csv")
    first, second, third, last = (tmp_path / "scores.csv").read_text("utf-8").splitlines()
    assert first == "exam,domain,structure,metric,value,unit"
    assert second == "e1,knee,femur,dice,0.30000000000000004,fraction"
    assert third == "e1,knee,femur,assd_mm,1.25,mm"
    assert last == "e2,ankle,all,sensitivity,,fraction"


def test_scores_come_back_as_they_were(tmp_path: Path) -> None:
    write_scores(SCORES, tmp_path / "scores.csv")
    back = read_scores(tmp_path / "scores.csv")
    assert back[:2] == SCORES[:2]
    assert math.isnan(back[2].value)


def test_slices_come_back_as_they_were(tmp_path: Path) -> None:
    slices = (SliceScore("e1", "knee", "femur", 12, "dice", 0.5),)
    write_slice_scores(slices, tmp_path / "slices.csv")
    assert read_slice_scores(tmp_path / "slices.csv") == slices


@pytest.mark.parametrize("exam", ["=cmd|calc", "'=x", "''@x", "+a", "\t=1", "\uff1dx", "'quoted'", "-5", "x=1"])
def test_names_that_a_spreadsheet_would_run_are_disarmed_and_come_back(tmp_path: Path, exam: str) -> None:
    score, of_slice = Score(exam, "knee", "femur", "dice", -0.5), SliceScore(exam, "knee", "femur", 3, "dice", -0.5)
    write_scores([score], tmp_path / "scores.csv")
    write_slice_scores([of_slice], tmp_path / "slices.csv")
    for name in ("scores.csv", "slices.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as stream:
            _, (cell, *rest) = csv.reader(stream)
        assert cell == "-5" or cell[0] not in "=+-@\t\uff1d"
        assert "-0.5" in rest
    assert read_scores(tmp_path / "scores.csv") == (score,)
    assert read_slice_scores(tmp_path / "slices.csv") == (of_slice,)


@pytest.mark.parametrize(
    ("metric", "unit"),
    [("dice", "fraction"), ("surface_dice_1mm", "fraction"), ("mssd_mm", "mm"), ("volume_ml", "ml")],
)
def test_units_follow_from_names(metric: str, unit: str) -> None:
    assert unit_of(metric) == unit


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "exam,domain,structure,metric,value,unit\ne,d,s,m,much,mm\n",
             "exam,domain,structure,metric,value,unit\ne,d\n"],
)  # fmt: skip
def test_another_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "scores.csv").write_text(text, "utf-8")
    with pytest.raises(InputError, match="PS-A121"):
        read_scores(tmp_path / "scores.csv")


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scores\.csv"):
        read_scores(tmp_path / "scores.csv")


def test_a_method_names_its_domains_in_order() -> None:
    assert Method("ours", SCORES).domains == ("knee", "ankle")
