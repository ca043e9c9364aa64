"""Numbers and metrics as tables write them."""

from __future__ import annotations

import math

import pytest

from pedseg.report.tables import NOTHING, Cell
from pedseg.report.values import domain_title, mean_std, metric_title, p_value, shown, structure_title


@pytest.mark.parametrize(
    ("metric", "title"),
    [("dice", "Dice (%) ↑"), ("assd_mm", "ASSD (mm) ↓"), ("ravd", "RAVD (%) ↓"), ("volume_ml", "Volume (ml)"),
     ("surface_dice_1mm", "Surface Dice 1 mm (%) ↑"), ("unknown", "unknown (%) ↑")],
)  # fmt: skip
def test_a_metric_shows_its_unit_and_its_better_end(metric: str, title: str) -> None:
    assert metric_title(metric) == title


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [(0.938, "dice", "93.8"), (5.56, "mssd_mm", "5.6"), (-0.0001, "dice", "0.0"), (math.nan, "dice", NOTHING),
     (math.inf, "mssd_mm", "inf")],
)  # fmt: skip
def test_ratios_are_shown_in_per_cent(value: float, metric: str, text: str) -> None:
    assert shown(value, metric) == text


def test_a_sign_and_more_decimals_where_asked_for() -> None:
    assert shown(0.00123, "dice", sign=True, decimals=2) == "+0.12"
    assert shown(-0.00001, "dice", sign=True, decimals=2) == "0.00"


def test_a_deviation_that_is_not_known_is_left_out() -> None:
    assert mean_std(0.938, 0.012, "dice") == "93.8 ± 1.2"
    assert mean_std(0.938, math.nan, "dice") == "93.8"
    assert mean_std(math.nan, math.nan, "dice") == NOTHING


@pytest.mark.parametrize(
    ("p", "cell"),
    [(0.5, Cell("0.500")), (0.05, Cell("0.050")), (0.0499, Cell("< 0.050", "p05")), (0.01, Cell("0.010", "p05")),
     (0.0099, Cell("< 0.010", "p01")), (1.23e-7, Cell("1.2e-7", "p01")), (1.5e-15, Cell("1.5e-15", "p01")),
     (0.0, Cell("< 1e-300", "p01")), (math.nan, Cell(NOTHING))],
)  # fmt: skip
def test_p_values_are_marked(p: float, cell: Cell) -> None:
    assert p_value(p) == cell


def test_titles() -> None:
    assert (domain_title("ankle"), domain_title("all domains")) == ("Ankle", "All domains")
    assert [structure_title(s) for s in ("mean", "all", "talus")] == ["mean over bones", "union of bones", "talus"]
