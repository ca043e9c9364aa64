"""The rows of the tests' fault tables, for the benchmark of readers."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.verdicts import GreyExam, Rule

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = ("test_a1_files", "test_a2_series", "test_a3_geometry", "test_a4_grey")


@cache
def catalogue() -> dict[str, Any]:
    """Row id -> what is built and judged, of all sections; rows that are more than one folder are left to the tests."""
    see_tests()
    found = [row for name in SECTIONS for row in import_module(name).ROWS]
    rows = [grey_exam(row) if hasattr(row, "wanted") else row for row in found]
    return {row.id: row for row in rows if hasattr(row, "build")}


def grey_exam(row: Any) -> GreyExam:
    """A row of grey values with its truth."""
    series, grid = import_module("mr_series"), import_module("grey_faults").SMALL
    truth = np.stack([np.asarray(row.wanted(k), float).T for k in range(grid.n)], axis=-1)
    return GreyExam(row.id, row.fault, lambda folder: series.write_series(folder, row.change, grid=grid), grid, truth)


def see_tests() -> None:
    """The tests' modules stand beside each other, as in tests/conftest.py."""
    for folder in ("tests/dicom", "tests/reliability"):
        if str(ROOT / folder) not in sys.path:
            sys.path.insert(0, str(ROOT / folder))


def rule() -> Rule:
    """How the series' grey values tell the place."""
    see_tests()
    series = import_module("mr_series")
    return Rule(series.SLOPES, series.BASE)
