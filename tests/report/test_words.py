"""How metrics and their values are told."""

from __future__ import annotations

import math

import pytest

from pedseg.report.words import mean_text, metric_name, metric_title, shown, value_text


@pytest.mark.parametrize(
    ("metric", "title"),
    [("dice", "Dice, %"), ("assd_mm", "ASSD, mm"), ("mssd_mm", "MSSD, mm"), ("ravd", "RAVD, %"), ("hd95_mm", "HD95, mm"),
     ("sensitivity", "sensitivity, %"), ("surface_dice_1mm", "surface Dice 1 mm, %"), ("volume_ml", "volume, ml"),
     ("reference_volume_ml", "reference volume, ml"), ("new_thing_mm", "new thing, mm")],
)  # fmt: skip
def test_a_metric_is_called_with_its_unit(metric: str, title: str) -> None:
    assert metric_title(metric) == title
    assert metric_name(metric) == title.rsplit(", ", 1)[0]


def test_ratios_are_told_in_percent_and_what_has_no_answer_as_a_dash() -> None:
    assert value_text("dice", 0.9434) == "94.3"
    assert value_text("dice", 0.9434, unit=True) == "94.3\u00a0%"
    assert value_text("mssd_mm", 6.128, unit=True) == "6.13\u00a0mm"
    assert value_text("volume_ml", 12.34) == "12.3"
    assert value_text("dice", math.nan, unit=True) == "\u2013"
    assert shown("ravd", 0.25) == 25
    assert shown("assd_mm", 0.25) == 0.25


def test_means_leave_out_what_has_no_answer() -> None:
    assert mean_text("dice", [0.8, 0.9, math.nan]) == "85.0 ± 7.1"  # of a sample: 5 * sqrt(2)
    assert mean_text("assd_mm", [1.0]) == "1.00"
    assert mean_text("assd_mm", [math.nan]) == "\u2013"
    assert mean_text("assd_mm", []) == "\u2013"
