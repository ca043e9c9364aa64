"""The fault catalogue is whole: every row has a test under its number, every code is raised and seen."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from pedseg.errors import ERRORS, WARNINGS

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = {
    "test_a1_files": range(1, 20),
    "test_a2_series": range(20, 34),
    "test_a3_geometry": range(34, 61),
    "test_a4_grey": range(61, 69),
    "test_a5_labels": range(69, 82),
    "test_a6_training": range(82, 96),
    "test_a7_models": range(96, 104),
    "test_a8_output": range(104, 111),
    "test_a8_seg": (111, 112),
}
"""Module -> its rows."""
ELSEWHERE = {"test_a8_seg": {32, 41}}
"""What a DICOM SEG makes of rows of other sections."""
CODE = re.compile(r"PS-[AW]\d{2,3}")


def ids(section: str) -> list[str]:
    """Ids of a section's table: those of its rows, or its keys."""
    table = importlib.import_module(section).ROWS
    return [getattr(row, "id", row) for row in table]


def numbers(names: Iterable[str]) -> set[int]:
    return {int(name.split("-")[0]) for name in names}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_of_the_catalogue_has_a_test(section: str) -> None:
    names = ids(section)
    assert len(set(names)) == len(names), "an id stands twice"
    missing = set(SECTIONS[section]) - numbers(names)
    assert not missing, f"rows without a test: {sorted(missing)}"
    assert numbers(names) - set(SECTIONS[section]) == ELSEWHERE.get(section, set()), "a row of another section"


def test_the_sections_are_the_whole_catalogue() -> None:
    assert sorted(n for rows in SECTIONS.values() for n in rows) == list(range(1, 113))


def codes_in(paths: Iterable[Path]) -> set[str]:
    return {code for path in paths for code in CODE.findall(path.read_text("utf-8"))}


def test_every_code_is_raised_by_the_product_and_seen_by_a_test() -> None:
    product = [p for p in ROOT.glob("pedseg*/**/*.py") if p.name != "errors.py"]
    tests = [p for p in ROOT.glob("tests/**/*.py") if p != Path(__file__)]
    known = {*ERRORS, *WARNINGS}
    assert sorted(known - codes_in(product)) == [], "codes that nothing raises"
    assert sorted(known - codes_in(tests)) == [], "codes that no test has seen"
    assert sorted(codes_in(product) - known) == [], "codes that errors.py does not know"
