"""Scores in sentences."""

from __future__ import annotations

import math

from pedseg.report.words import mean_of, mean_text, scaled, unbroken, with_unit


def test_values_have_their_unit_and_what_has_no_answer_is_a_dash() -> None:
    assert with_unit(0.9434, "dice") == "94.3\u00a0%"
    assert with_unit(6.128, "mssd_mm") == "6.1\u00a0mm"
    assert with_unit(12.34, "volume_ml") == "12.3\u00a0ml"
    assert with_unit(math.nan, "dice") == "\u2013"
    assert scaled(0.25, "ravd") == 25
    assert scaled(0.25, "assd_mm") == 0.25


def test_means_leave_out_what_has_no_answer() -> None:
    assert mean_text([0.8, 0.9, math.nan], "dice") == "85.0 ± 7.1"  # of a sample: 5 * sqrt(2)
    assert mean_text([1.0], "assd_mm") == "1.0"
    assert mean_text([math.nan], "assd_mm") == mean_text([], "assd_mm") == "\u2013"
    assert mean_of([1.0, math.nan, 2.0]) == 1.5
    assert math.isnan(mean_of([]))


def test_numbers_stay_with_their_units() -> None:
    assert unbroken("0.5 ± 0.1 mm apart") == "0.5\u00a0±\u00a00.1\u00a0mm apart"
