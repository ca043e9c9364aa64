"""One image from its header, without files; the rows of the catalogue stand in tests/reliability."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from frames import frame
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from pedseg.dicom.frame import SeriesKey, check_complete, describe, facts, pixel_data, single_frame
from pedseg.dicom.header import UNDEFINED, Header
from pedseg.dicom.tags import DOUBLE_PIXELS, FLOAT_PIXELS, MODALITY_LUT, REAL_WORLD_VALUES, TAGS
from pedseg.errors import PedsegError

TEXTS = {
    "SOPInstanceUID": "1.2.3",
    "PatientID": "ZZPHI",
    "StudyInstanceUID": "1.4",
    "SeriesInstanceUID": "1.5",
    "FrameOfReferenceUID": "1.6",
    "SeriesNumber": "04",
    "ImageType": r"original\PRIMARY \m\nd",
    "EchoNumbers": r"2\3",
    "EchoTime": "4.4",
    "ImagePositionPatient": r"1\2\3",
    "ImageOrientationPatient": r"1\0\0\0\1\0",
    "PixelSpacing": r"0.5\0.25",
    "PhotometricInterpretation": "monochrome2",
}
NUMBERS = {"Rows": 6, "Columns": 5, "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1}
BEHIND = 100


def header(changes: dict[str, str | int | None] | None = None, **parts: object) -> Header:
    """A whole header of 30 pixels in 60 bytes; None removes a value."""
    values = {word: value for word, value in ({**TEXTS, **NUMBERS} | (changes or {})).items() if value is not None}
    stored = {TAGS[w]: v.to_bytes(2, "little") if isinstance(v, int) else v.encode() for w, v in values.items()}
    known = {"preamble": True, "truncated": False, "pixels_at": BEHIND, "pixels_length": 60, "size": BEHIND + 60}
    return Header(**{"syntax": ExplicitVRLittleEndian, "little_endian": True, "values": stored, **known, **parts})  # type: ignore[arg-type]


def refusal(found: Header) -> str:
    try:
        check_complete(found, "im")
        pixel_data(found, "im")
    except PedsegError as error:
        return str(error)
    return ""


def test_a_header_becomes_a_record() -> None:
    found = single_frame(header(), Path("x"), "im")
    assert (found.uid, found.series, found.fault) == ("1.2.3", SeriesKey("ZZPHI", "1.4", "1.5", "1.6", "4"), None)
    assert (found.image_type, found.phase.kind) == (("ORIGINAL", "PRIMARY", "M", "ND"), ("M", "ND"))
    assert (found.echo_number, found.echo_time_ms, found.matrix) == (2, 4.4, (6, 5))
    assert (found.position, found.orientation, found.spacing_mm) == ((1, 2, 3), (1, 0, 0, 0, 1, 0), (0.5, 0.25))
    assert found.pixels is not None
    assert (found.pixels.at, found.pixels.high_bit, found.pixels.signed) == (BEHIND, 11, True)
    assert (found.pixels.slope, found.pixels.rescaled, found.pixels.photometric) == (1.0, False, "MONOCHROME2")
    assert "ZZPHI" not in repr(found)
    assert "1.2.3" not in repr(found)


def test_what_is_wrong_stands_in_the_record_which_keeps_what_it_belongs_to() -> None:
    found = single_frame(header({"PixelSpacing": None}), Path("x"), "im")
    assert found.fault is not None
    assert (found.fault.code, found.pixels, found.position) == ("PS-A49", None, None)
    assert found.series == describe(header(), Path("x"), "im").series


@pytest.mark.parametrize(("number", "kept"), [("4.0", "4"), ("x", "x"), ("", ""), ("4.5", "4.5")])
def test_one_series_number_is_written_in_one_way(number: str, kept: str) -> None:
    assert describe(header({"SeriesNumber": number}), Path("x"), "im").series.number == kept


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (header(), ""),
        (header(size=BEHIND + 59), "PS-A08: im: 59 of 60 pixel bytes"),
        (header(pixels_length=59), "PS-A08: im: 59 of 60 pixel bytes"),
        (header(pixels_length=69, size=BEHIND + 69), ""),
        (header(pixels_length=70, size=BEHIND + 70), "PS-A121: im holds 70 pixel bytes, 60 make the 5x6 image"),
        (header(pixels_length=70, size=BEHIND + 70, syntax=RLELossless), ""),
        (header(pixels_length=UNDEFINED, size=BEHIND + 9, syntax=RLELossless), ""),
        (header(pixels_length=UNDEFINED), "PS-A121: im: its pixels are packed against its transfer syntax"),
        (header(truncated=True), "PS-A08: im ends before its pixel data"),
        (header(pixels_at=-1), "PS-A08: im ends before its pixel data"),
        (header(two_in_one="holds two files"), "PS-A121: im holds two files: export it again"),
        (header(noted=frozenset([FLOAT_PIXELS])), "PS-A121: im holds floating point pixels"),
        (header(noted=frozenset([DOUBLE_PIXELS]), pixels_at=-1), "PS-A121: im holds floating point pixels"),
        (header({"ImageType": r"DERIVED\PRIMARY\M\mosaic"}), "PS-A59: im is a mosaic of many slices"),
        (header({"RescaleSlope": "x"}), "PS-A121: im: Rescale Slope"),
    ],
)
def test_a_header_is_complete_or_refused(found: Header, says: str) -> None:
    assert refusal(found).startswith(says)
    assert bool(refusal(found)) is bool(says)


@pytest.mark.parametrize(
    "changes",
    [{"BitsAllocated": 12}, {"BitsStored": 17}, {"BitsStored": 0}, {"Rows": 0}, {"Columns": None}],
)
def test_numbers_that_make_no_image_are_refused(changes: dict[str, str | int | None]) -> None:
    with pytest.raises(PedsegError, match="PS-A121: im: Rows, Columns, Bits Allocated or Bits Stored make no image"):
        pixel_data(header(changes), "im")


@pytest.mark.parametrize(("high", "taken"), [(11, 11), (15, 15), (10, 11), (16, 11), (None, 11)])
def test_a_high_bit_that_cannot_be_is_the_last_of_the_stored(high: int | None, taken: int) -> None:
    found = pixel_data(header({"HighBit": high, "PixelRepresentation": None}, noted=frozenset([MODALITY_LUT])), "im")
    assert (found.high_bit, found.signed, found.modality_lut) == (taken, None, True)  # a sign is not guessed


def test_facts_are_known_words_and_numbers_only() -> None:
    said = {"Manufacturer": "SIEMENS", "ManufacturerModelName": "Doe^Jane", "Modality": "mr", "Laterality": "left"}
    said |= {"BodyPartExamined": "knee", "MagneticFieldStrength": "3", "ImagesInAcquisition": "12", "FlipAngle": "9"}
    known = {"manufacturer": "SIEMENS", "modality": "MR", "body_part": "KNEE", "field_strength_t": 3.0}
    assert facts(header({**said})) == known | {"images_in_acquisition": 12}
    assert facts(header({"ImageLaterality": "R", "Laterality": "L"}))["laterality"] == "R"
    assert facts(header(noted=frozenset([REAL_WORLD_VALUES])))["real_world_values"] == "not applied"


def test_places_are_equal_to_a_thousandth_and_a_shared_one_comes_first() -> None:
    one = frame(position=(1.0004, -0.0004, 0.0))
    assert one.place == frame(position=(1.0, 0.0, 0.0)).place
    assert replace(one, snapped=(1.009, 0.0, 0.0)).place == (1.009, 0.0, 0.0)
    assert frame(position=None).place == ()
    assert frame(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")).localizer


def test_the_normal_is_square_to_rows_and_columns_and_nothing_without_them() -> None:
    np.testing.assert_array_equal(frame(orientation=(0.0, 1, 0, 0, 0, -1)).normal, [-1, 0, 0])
    np.testing.assert_array_equal(frame(orientation=None).normal, [0, 0, 0])
