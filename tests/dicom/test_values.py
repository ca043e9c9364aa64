"""Text of a header as numbers; what it may hold is written out by hand."""

from __future__ import annotations

import pytest

from pedseg.dicom.values import (
    FARTHEST_MM,
    MAX_PIXEL_MM,
    MIN_PIXEL_MM,
    complex_first,
    decimals,
    number,
    place_of,
    plain,
    rescale_value,
    uid_name,
    whole,
)
from pedseg.errors import GeometryError, InputError

PLACE = {"position": r"1\-2.5\3e1", "orientation": r"1\0\0\0\1\0", "spacing": r"0.3 \0.25", "name": "im"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("4.4", 4.4), (" 4.40 \0", 4.4), ("+.5", 0.5), ("-7.", -7.0), ("1E+03", 1000.0), ("0", 0.0)]
    + [(t, None) for t in ("", ".", "nan", "inf", "1e999", "1_0", "0x1", "1,5", "--1", "1 2", r"1\2", "4\n")],
)
def test_a_number_is_what_dicom_calls_one(text: str, value: float | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("04", 4), ("4.0", 4), ("-2147483647", -2147483647), ("2147483648", None), ("4.5", None), ("1e99", None)],
)
def test_a_whole_number_has_32_bits(text: str, value: int | None) -> None:
    assert whole(text) == value


def test_a_place_is_three_six_and_two_numbers() -> None:
    assert place_of(**PLACE) == ((1.0, -2.5, 30.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (0.3, 0.25))
    wrong = (("position", r"1\2"), ("orientation", r"1\0\0\0\1\x"), ("spacing", "0.3"), ("spacing", r"1e-4\1"))
    for field, text in wrong:
        with pytest.raises(GeometryError, match="PS-A52: im"):
            place_of(**PLACE | {field: text})


@pytest.mark.parametrize(
    ("field", "code", "tag"),
    [
        ("position", "PS-A46", "Image Position"),
        ("orientation", "PS-A48", "Image Orientation"),
        ("spacing", "PS-A49", "Pixel Spacing"),
    ],
)
def test_each_part_of_a_place_has_a_code_where_it_is_missing(field: str, code: str, tag: str) -> None:
    with pytest.raises(GeometryError, match=rf"{code}: im has no {tag}.*: without it no voxel's place is known"):
        place_of(**PLACE | {field: ""})


def test_spacing_and_distance_have_bounds_that_still_count() -> None:
    for spacing in (MIN_PIXEL_MM, MAX_PIXEL_MM):
        assert place_of(**PLACE | {"spacing": rf"{spacing}\{spacing}"})[2] == (spacing, spacing)
    assert place_of(**PLACE | {"position": rf"0\0\{-FARTHEST_MM}"})[0] == (0.0, 0.0, -FARTHEST_MM)
    for field, text, says in (
        ("spacing", r"1\10.01", r"Pixel Spacing '1\\\\10.01' must lie in 0.001 to 10 mm"),
        ("spacing", r"1\-1", "must lie in"),
        ("position", r"0\0\-100001", "lies more than 100 m away"),
    ):
        with pytest.raises(GeometryError, match=f"PS-A52: im: .*{says}"):
            place_of(**PLACE | {field: text})


def test_text_in_the_place_of_a_number_is_not_shown() -> None:
    """It may be a patient's name, moved by a broken export."""
    with pytest.raises(GeometryError, match=r"PS-A52: im: Tag needs 2 finite numbers, got text: export it again"):
        decimals(r"1\Doe^Jane", 2, ("PS-A49", "Tag"), "im")
    with pytest.raises(InputError, match=r"PS-A121: im: Rescale Slope or Intercept text is no usable number"):
        rescale_value("Doe^Jane", 1.0, "im")


def test_grey_values_stay_within_single_precision() -> None:
    assert [rescale_value(text, 1.0, "im") for text in ("", "0", "-1e30")] == [1.0, 0.0, -1e30]
    for text in ("1.1e30", "nan", "1 2"):
        with pytest.raises(InputError, match="PS-A121"):
            rescale_value(text, 1.0, "im")


def test_names_are_fit_for_a_line() -> None:
    assert plain("a\nb\x1b" + "c" * 99) == "a?b?" + "c" * 60
    names = ("1.2.840.10008.1.2.1", "1.3.46.670589.11", "Doe^Jane", "1.2 x")
    assert [uid_name(uid) for uid in names] == ["Explicit VR Little Endian", "1.3.46.670589.11", "no UID", "no UID"]


@pytest.mark.parametrize(("component", "kind"), [("", ("M", "ND")), (" phase ", ("PHASE", "M", "ND"))])
def test_the_complex_component_comes_before_the_further_values(component: str, kind: tuple[str, ...]) -> None:
    assert complex_first(component, ("ORIGINAL", "PRIMARY", "M", "ND")) == kind
    assert complex_first("", ("ORIGINAL",)) == ()
