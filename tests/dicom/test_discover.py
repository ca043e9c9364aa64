"""Looking into files: what a header says, and how a folder is walked. The faults are in tests/reliability."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from mr_series import GRID, Grid, image, save, uid, write_series
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from pedseg.dicom import discover
from pedseg.dicom.header import NotDicomError, read_header, read_inflated
from pedseg.dicom.tree import escaped, kind_of, walk_files
from pedseg.privacy import SHOW_NAMES


def test_series_are_listed_by_number_with_their_grid(tmp_path: Path) -> None:
    for n in (3, 1, 2):
        write_series(tmp_path / f"s{n}", grid=Grid(n=8 + n), SeriesInstanceUID=uid(n), SeriesNumber=n)
    found = discover(tmp_path)
    assert [(s.index, s.number, s.n_slices) for s in found.series] == [(1, 1, 9), (2, 2, 10), (3, 3, 11)]
    assert found.series[0].matrix == (40, 48)
    assert found.series[0].spacing_mm == pytest.approx((0.25, 0.30, 0.8), abs=1e-8)
    assert (found.series[0].body_part, found.series[0].modality) == ("KNEE", "MR")
    assert (found.n_files, found.skipped, found.passed_over) == (30, {}, "")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_a_header_holds_raw_values_and_where_the_pixels_are(syntax, tmp_path: Path) -> None:
    path = save(image(GRID, 3, DiffusionBValue=800.5), tmp_path / "x", syntax)
    header = read_header(path)
    assert (header.text("Modality"), header.text("EchoTime"), header.text("Laterality")) == ("MR", "4.4", "")
    assert (header.unsigned("Rows"), header.unsigned("EchoTime"), header.double("DiffusionBValue")) == (48, None, 800.5)
    assert (header.syntax, header.preamble, header.truncated) == (syntax, True, False)
    data = read_inflated(path) if syntax == DeflatedExplicitVRLittleEndian else path.read_bytes()
    order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
    assert data[header.pixels_at :][: header.pixels_length] == GRID.plane(3).astype(order).tobytes()


@pytest.mark.parametrize("data", [b"", b"x" * 131, b"\x08\0", b"\x08\0\5\0CS", b"\x02\0\0\0UL", bytes(400)])
def test_what_is_no_dicom_is_said_so(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(NotDicomError):
        read_header(tmp_path / "x")


def test_a_walk_goes_by_name_and_counts_what_it_passes_over(tmp_path: Path) -> None:
    for name in ("b", "a/z", "a/y", "empty"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * (name != "empty"))
    skipped: Counter[str] = Counter()
    assert [name for _, name in walk_files(tmp_path, skipped)] == ["b", "a/y", "a/z"]
    assert skipped == {"empty file": 1}
    assert [name for _, name in walk_files(tmp_path / "a" / "y", skipped)] == ["y"]


def test_a_file_named_by_its_uid_or_a_date_goes_by_its_place(tmp_path: Path) -> None:
    names = [*(f"1.2.840.113619.{n:02d}.dcm" for n in range(1, 16)), "12.03.1999", "IM000016", "MR.1.17"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    told = {path.name: name for path, name in walk_files(tmp_path, Counter())}
    assert told["1.2.840.113619.15.dcm"] == "#15"
    assert told["12.03.1999"] == "#16"
    assert [told[name] for name in names[-2:]] == names[-2:]


def test_names_are_fit_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not a machine's is not shown; where it is asked for, it cannot steer a terminal."""
    assert escaped("IM0001.dcm", "#1") == "IM0001.dcm"
    assert escaped("a\nb\x1b[0m\u202e\udcff骨", "#1") == "#1"
    monkeypatch.setenv(SHOW_NAMES, "1")
    assert escaped("a\nb\x1b[0m\u202e\udcff骨", "#1") == "a?b?[0m??骨"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.TXT", ".txt"), ("im", "without ending"), ("Doe.Jane", "other"), (".DS_Store", ".ds_store"), ("a.", "other")],
)
def test_an_ending_is_named_only_where_it_is_a_common_one(name: str, kind: str) -> None:
    assert kind_of(Path(name)) == kind
