"""A folder of files -> its candidates. The faults are in tests/reliability."""

from __future__ import annotations

from pathlib import Path

import pytest
from mr_series import Grid, uid, write_series

from pedseg.dicom import discover


def test_series_are_listed_by_number_with_their_grid(tmp_path: Path) -> None:
    for n in (3, 1, 2):
        write_series(tmp_path / f"s{n}", grid=Grid(n=8 + n), SeriesInstanceUID=uid(n), SeriesNumber=n)
    found = discover(tmp_path)
    assert [(s.index, s.number, s.n_slices) for s in found.series] == [(1, 1, 9), (2, 2, 10), (3, 3, 11)]
    assert found.series[0].matrix == (40, 48)
    assert found.series[0].spacing_mm == pytest.approx((0.25, 0.30, 0.8), abs=1e-8)
    assert (found.n_files, found.skipped, found.passed_over) == (30, {}, "")
