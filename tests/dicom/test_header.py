"""What the header of one file says; the rows of the catalogue stand in tests/reliability/test_a1_files.py."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from mr_series import GRID, Grid, image, raw, save
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from pedseg.dicom.header import NOT_DICOM, ZEROS, Header, NotDicomError, read_header, read_inflated
from pedseg.dicom.tags import FLOAT_PIXELS, MODALITY_LUT, REAL_WORLD_VALUES, TAGS

SMALL = Grid(rows=6, columns=5)


def header(values: dict[str, bytes], *, little_endian: bool = True) -> Header:
    """Of these raw values."""
    stored = {TAGS[word]: value for word, value in values.items()}
    return Header("", little_endian, stored, -1, 0, 0, preamble=True, truncated=False)


def written(folder: Path, **tags: object) -> bytes:
    """A small image as bytes."""
    return save(image(SMALL, 0, **tags), folder / "made").read_bytes()


def read(folder: Path, data: bytes) -> Header:
    (folder / "x").write_bytes(data)
    return read_header(folder / "x")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_a_header_holds_raw_values_and_where_the_pixels_are(syntax: str, tmp_path: Path) -> None:
    path = save(image(GRID, 3, DiffusionBValue=800.5), tmp_path / "x", syntax)
    found = read_header(path)
    assert (found.text("Modality"), found.text("EchoTime"), found.text("Laterality")) == ("MR", "4.4", "")
    assert (found.unsigned("Rows"), found.unsigned("EchoTime"), found.double("DiffusionBValue")) == (48, None, 800.5)
    assert (found.syntax, found.preamble, found.truncated) == (syntax, True, False)
    data = read_inflated(path) if syntax == DeflatedExplicitVRLittleEndian else path.read_bytes()
    order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
    assert data[found.pixels_at :][: found.pixels_length] == GRID.plane(3).astype(order).tobytes()


def test_a_value_is_text_without_padding_and_a_number_of_its_own_length_only() -> None:
    found = header({"PatientID": b" M\xf6ller \0", "Rows": b"\1\2", "Columns": b"\1\2\3\4", "EchoTime": b""})
    assert (found.text("PatientID"), found.identity("PatientID")) == ("M\ufffdller", "M\u00f6ller")
    assert (found.unsigned("Rows"), found.unsigned("Columns"), found.unsigned("BitsStored")) == (0x201, None, None)
    assert header({"Rows": b"\1\2"}, little_endian=False).unsigned("Rows") == 0x102
    assert (found.text("EchoTime"), found.text("EchoNumbers"), found.identity("StudyInstanceUID")) == ("", "", "")


@pytest.mark.parametrize("value", [b"", b"\0" * 4, struct.pack("<d", float("nan")), struct.pack("<d", float("inf"))])
def test_a_double_that_is_no_finite_number_is_missing(value: bytes) -> None:
    assert header({"DiffusionBValue": value}).double("DiffusionBValue") is None
    assert header({"DiffusionBValue": struct.pack(">d", 50)}, little_endian=False).double("DiffusionBValue") == 50


@pytest.mark.parametrize("data", [b"", b"x" * 131, b"\x08\0", b"\x08\0\5\0CS", b"\x02\0\0\0UL", bytes(400)])
def test_what_is_no_dicom_is_said_so(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(NotDicomError, match=NOT_DICOM if any(data) else ZEROS):
        read(tmp_path, data)


def test_some_elements_are_noted_and_not_read(tmp_path: Path) -> None:
    ds = raw(raw(image(SMALL, 0), "FloatPixelData", "OF", bytes(8)), "ModalityLUTSequence", "SQ", b"")
    ds.RealWorldValueMappingSequence = [Dataset()]
    found = read_header(save(ds, tmp_path / "x"))
    assert found.noted == {FLOAT_PIXELS, MODALITY_LUT, REAL_WORLD_VALUES}
    assert read(tmp_path, written(tmp_path)).noted == frozenset()


def test_a_file_cut_anywhere_before_its_pixels_is_truncated_or_has_none(tmp_path: Path) -> None:
    data = written(tmp_path)
    pixels_at = read(tmp_path, data).pixels_at
    for end in range(400, pixels_at, 37):
        found = read(tmp_path, data[:end])
        assert found.truncated or found.pixels_at < 0
    cut = read(tmp_path, data[:-10])
    assert (cut.pixels_at, cut.pixels_length, cut.size, cut.truncated) == (pixels_at, 60, len(data) - 10, False)


def test_a_length_beyond_the_file_is_never_asked_for(tmp_path: Path) -> None:
    data = written(tmp_path)
    at = data.index(b"\x18\0\x81\0DS")  # Echo Time
    lying = data[:at] + b"\x18\0\x81\0OB\0\0" + (2**31).to_bytes(4, "little") + data[at + 8 :]
    found = read(tmp_path, lying)
    assert (found.truncated, found.pixels_at, found.text("EchoTime")) == (True, -1, "")
    assert found.text("Modality") == "MR"  # what came before it


def test_two_in_one_is_said(tmp_path: Path) -> None:
    data = written(tmp_path)
    at = data.index(b"\x18\0\x81\0DS")
    second = b"\x18\0\x81\0DS\4\0"
    assert read(tmp_path, data).two_in_one == ""
    assert read(tmp_path, data[:at] + second + b"4.4 " + data[at:]).two_in_one == ""
    assert read(tmp_path, data[:at] + second + b"9.9 " + data[at:]).two_in_one == "holds two values of Echo Time"
    assert read(tmp_path, data + data).two_in_one == "holds two DICOM files, one behind the other"


@pytest.mark.parametrize(("start", "program"), [(b"MZ", True), (b"#!/b", True), (b"\x7fELF", True), (b"II*\0", False)])
def test_a_preamble_that_begins_as_a_program_is_noticed(start: bytes, program: bool, tmp_path: Path) -> None:
    data = written(tmp_path)
    found = read(tmp_path, start + data[len(start) :])
    assert (found.program, found.preamble) == (program, True)


def test_without_a_preamble_an_image_or_a_class_of_the_standard_is_believed(tmp_path: Path) -> None:
    data = written(tmp_path)[132:]
    assert (read(tmp_path, data).preamble, read(tmp_path, data).text("Modality")) == (False, "MR")
    assert read(tmp_path, bytes(128) + data).pixels_at > 0
    with pytest.raises(NotDicomError):
        read(tmp_path, b"x" * 128 + data)
    assert read(tmp_path, data[:400]).truncated  # Media Storage SOP Class stands in for the image's own
    strange = data.replace(b"1.2.840.10008.5.1.4.1.1.4\0", b"1.2.840.99999.5.1.4.1.1.4\0")
    assert read(tmp_path, strange).pixels_at > 0
    with pytest.raises(NotDicomError):
        read(tmp_path, strange[:400])
