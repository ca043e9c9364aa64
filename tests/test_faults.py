"""The judge of readers tells right from wrong, and the readers' processes answer, refuse, crash and hang."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_rows import DicomRow
from mr_series import BASE, GRID, SLOPES, Grid, image, save, write_series
from pydicom.uid import DeflatedExplicitVRLittleEndian

from benchmarks import verdicts
from benchmarks.fault_rows import catalogue, rule
from benchmarks.faults import COLUMNS, Worker, compared, failures, main, report, run
from benchmarks.readers import READERS
from benchmarks.readings import Outcome, Reading
from benchmarks.verdicts import (
    LOST,
    PICKED,
    REFUSED,
    RIGHT,
    SILENT,
    WARNED,
    GreyExam,
    Held,
    Rule,
    Verdict,
    held_by,
    judge,
    place_error_mm,
)

RULE = Rule(SLOPES, BASE)
READABLE = DicomRow("1", "clean", write_series)
GAP = DicomRow("36", "a slice is missing", lambda folder: write_series(folder, without(7)), "PS-A36")
TWO = DicomRow("20", "two series", write_series, "PS-A20")
NEXT = np.eye(4) + np.eye(4)[:, 3] * np.eye(4)[:, [2]]
"""One slice on."""
NINE = np.linalg.matrix_power(NEXT, 9)
WHOLE = Held(GRID.n, GRID.n)


def without(*places: int) -> Callable[[int, object], object]:
    return lambda k, ds: None if k in places else ds


def truth() -> Reading:
    array = np.stack([GRID.plane(k).T for k in range(GRID.n)], axis=-1)
    return Reading(array.astype(np.uint16), GRID.ras)


def verdict(row: DicomRow, *readings: Reading, held: Held = WHOLE, warned: bool = False) -> str:
    return judge(row, Outcome(readings, ("careful",) * warned), held, RULE).verdict


def moved(affine: np.ndarray, **columns: np.ndarray) -> np.ndarray:
    out = affine.copy()
    for name, values in columns.items():
        out[:3, int(name[1])] = values
    return out


def test_the_right_volume_is_right_in_any_order_of_its_axes() -> None:
    whole = truth()
    assert place_error_mm(whole, RULE) < 0.01
    turn = np.array([[0.0, 0, -1, GRID.columns - 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    stored = Reading(whole.array.transpose(2, 1, 0)[..., ::-1], whole.affine @ turn)
    assert verdict(READABLE, stored) == RIGHT


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (READABLE, lambda r: Reading(r.array, moved(r.affine, _3=r.affine[:3, 3] + [0, 0, 0.1]))),
        (READABLE, lambda r: Reading(r.array, r.affine @ np.diag([0.30 / 0.25, 0.25 / 0.30, 1, 1]))),
        (READABLE, lambda r: Reading(r.array, r.affine @ np.diag([1, 1, 16 / 15, 1]))),
        (READABLE, lambda r: Reading(r.array[..., ::-1], r.affine)),
        (READABLE, lambda r: Reading(np.roll(r.array, 1, axis=2), r.affine)),
        (READABLE, lambda r: Reading(r.array[..., 1:], r.affine @ NEXT)),
        (READABLE, lambda r: Reading(r.array[..., :15], r.affine)),
        (READABLE, lambda r: Reading(np.stack([r.array] * 3, axis=-1), r.affine)),
        (READABLE, lambda r: Reading(r.array, moved(r.affine, _2=[np.nan] * 3))),
        (GAP, lambda r: Reading(np.delete(r.array, 7, axis=2), r.affine)),
        (GAP, lambda r: Reading(r.array[..., :7], r.affine)),
    ],
    ids=["origin", "swapped-spacing", "stretched", "flipped", "rolled", "first-dropped", "last-dropped", "colour",
         "nan", "gap-closed", "gap-cut"],
)  # fmt: skip
def test_a_wrong_volume_is_wrong(row: DicomRow, change: Callable[[Reading], Reading]) -> None:
    wrong = change(truth())
    assert verdict(row, wrong, held=Held(15, 15)) == SILENT
    assert verdict(row, wrong, held=Held(15, 15), warned=True) == WARNED


def test_a_tenth_of_a_slice_is_told_and_rounding_is_not() -> None:
    whole = truth()
    for shift_mm, wanted in ((0.02, RIGHT), (0.08, SILENT)):
        along = SLOPES / np.linalg.norm(SLOPES) * [-1, -1, 1] * shift_mm
        assert verdict(READABLE, Reading(whole.array, moved(whole.affine, _3=whole.affine[:3, 3] + along))) == wanted


def test_no_volume_is_a_refusal_or_a_loss() -> None:
    assert verdict(GAP) == REFUSED
    assert verdict(READABLE) == LOST
    assert verdict(DicomRow("29", "", write_series, "PS-A30", readable=True)) == LOST
    elsewhere = Reading(truth().array[:5, :6], truth().affine)
    assert verdict(READABLE, elsewhere) == LOST
    assert verdict(READABLE, elsewhere, truth()) == RIGHT
    halves = Reading(truth().array[..., :9], truth().affine), Reading(truth().array[..., 9:], truth().affine @ NINE)
    assert verdict(READABLE, *halves) == LOST
    assert verdict(READABLE, halves[0]) == SILENT


def test_one_of_several_volumes_is_no_error_and_both_are_right() -> None:
    other = Reading(truth().array + np.uint16(500), truth().affine)
    both = Held(GRID.n, 2 * GRID.n)
    assert verdict(TWO, other, held=both) == PICKED
    assert verdict(TWO, truth(), other, held=both) == RIGHT
    mixed = np.stack([truth().array, other.array], axis=-1).reshape(*GRID.plane(0).T.shape, -1)
    assert verdict(TWO, Reading(mixed, truth().affine @ np.diag([1, 1, 0.5, 1])), held=both) == SILENT


def test_what_a_folder_holds(tmp_path: Path) -> None:
    write_series(tmp_path)
    write_series(tmp_path / "again", prefix="more")
    (tmp_path / "notes").write_text("no image")
    assert held_by(tmp_path) == Held(GRID.n, 2 * GRID.n)


def test_a_deflate_bomb_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(image(GRID, 0), tmp_path / "deflated", DeflatedExplicitVRLittleEndian)
    assert held_by(tmp_path) == Held(1, 1)
    monkeypatch.setattr(verdicts, "MAX_INFLATED", 1000)
    assert held_by(tmp_path) == Held(0, 0)


def test_grey_values_are_judged_where_they_are_the_truth() -> None:
    """At their place, in any order of axes; rounding of a ten-thousandth of the range is let through."""
    grid = Grid(rows=6, columns=5, n=4)
    values = np.random.default_rng(0).normal(0, 1000, (5, 6, 4))
    exam = GreyExam("62", "slopes", write_series, grid, values)

    def told(array: np.ndarray, affine: np.ndarray) -> str:
        return judge(exam, Outcome((Reading(array, affine),)), Held(4, 4), RULE).verdict

    back = np.eye(4)
    back[2, 2:] = -1, 3
    assert told(values, grid.ras) == RIGHT
    assert told(values[..., ::-1].astype(np.float32), grid.ras @ back) == RIGHT
    assert told(np.rint(values * 10) / 10, grid.ras) == RIGHT
    assert told(np.rint(values), grid.ras) == SILENT
    assert told(values[..., ::-1], grid.ras) == SILENT
    assert told(values, moved(grid.ras, _3=grid.ras[:3, 3] + [0, 0.05, 0])) == SILENT
    assert told(values[..., :3], grid.ras) == SILENT
    assert told(values + 1, grid.ras) == SILENT


def test_each_reader_has_its_say_on_a_clean_series_and_on_a_gap() -> None:
    """MONAI's take seconds to import: the slow test has them."""
    names = [name for name in READERS if not READERS[name].missing and not name.startswith("MONAI")]
    assert {"pedseg", "SimpleITK ImageSeriesReader"} <= set(names)
    rows = {row.id: row for row in (READABLE, GAP)}
    seen = run(names, rows)
    assert {name: found["1"].verdict for name, found in seen.items()} == dict.fromkeys(names, RIGHT)
    assert seen["pedseg"]["36"].verdict == REFUSED
    assert "PS-A36" in seen["pedseg"]["36"].why
    assert seen["SimpleITK ImageSeriesReader"]["36"].verdict == SILENT
    assert rule().base == BASE
    table = report(seen, rows)
    assert all(name in table and READERS[name].version in table for name in names)
    assert "SimpleITK ImageSeriesReader, silently wrong: 36, a slice is missing:" in table
    assert "| 1 in 1 row, 1 with a line on the terminal |" in table


def test_a_reader_that_hangs_or_dies_is_started_again(tmp_path: Path) -> None:
    write_series(tmp_path)
    with Worker("pedseg") as worker:
        assert len(worker.ask(tmp_path).readings) == 1
        worker._process.kill()
        assert worker.ask(tmp_path).end == "crashed"
        assert len(worker.ask(tmp_path).readings) == 1
        worker._process.send_signal(signal.SIGSTOP)
        worker.limit_s = 0.2
        assert worker.ask(tmp_path).end == "no answer in 0.2 s"


def test_failures_are_what_must_not_be() -> None:
    found = {kind: Verdict(kind) for kind in COLUMNS}
    assert set(failures(found)) == {SILENT, LOST}
    assert len(COLUMNS) == 6


@pytest.mark.slow
def test_pedseg_is_never_silently_wrong_and_loses_nothing(tmp_path: Path) -> None:
    """Every row, those that need a keyword too; and the command's files."""
    rows = {row.id: row for row in catalogue().values() if row.code or row.grid is not None}
    assert len(rows) > 150
    seen = run(["pedseg"], rows)["pedseg"]
    assert failures(seen) == {}
    assert main(["-o", str(tmp_path), "--readers", "pedseg", "--rows", "1", "36"]) == 0
    told = json.loads((tmp_path / "faults.json").read_text("utf-8"))
    assert told["counts"] == {"pedseg": {RIGHT: 1, REFUSED: 1}}
    assert 0 < len(compared(catalogue())) < len(catalogue())
