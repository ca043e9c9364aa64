"""MONOCHROME1; the rows of the catalogue stand in tests/reliability/test_a2_series.py."""

from __future__ import annotations

from dataclasses import replace

import pytest
from frames import PIXELS, frame

from pedseg.dicom.frame import PixelData
from pedseg.dicom.polarity import shown_grey
from pedseg.errors import InputError

PLAIN = replace(PIXELS, bits_stored=12, high_bit=11, slope=2.0, intercept=-1.0)
WHITE = replace(PLAIN, photometric="MONOCHROME1")


def mirrored(pixels: PixelData) -> PixelData:
    ((image,), _) = shown_grey([frame(pixels=pixels)], "inverted")
    assert image.pixels is not None
    return image.pixels


def test_inversion_mirrors_the_stored_bits_and_keeps_what_is_not_monochrome1() -> None:
    frames, notices = shown_grey([frame(0, pixels=WHITE), frame(1, pixels=PLAIN)], "inverted")
    inverted, kept = (f.pixels for f in frames)
    assert inverted == mirrored(WHITE)
    assert (inverted.slope, inverted.intercept) == (-2.0, 8189.0)  # (4095 - stored) * 2 - 1
    assert kept is PLAIN
    assert [str(n) for n in notices] == ["PS-W24: 1 of 2 images are MONOCHROME1: grey values were inverted"]
    with pytest.raises(InputError, match="PS-A138: 1 of 2 images"):
        shown_grey([frame(0, pixels=WHITE), frame(1, pixels=PLAIN)], "")


@pytest.mark.parametrize("signed", [True, False, None])
@pytest.mark.parametrize("bits", [1, 8, 12, 16])
def test_the_least_stored_value_becomes_the_greatest_and_twice_is_as_before(bits: int, signed: bool | None) -> None:
    """Where the sign is not told, upper values are refused later: unsigned till then."""
    pixels = replace(WHITE, bits_stored=bits, signed=signed)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    once = mirrored(pixels)
    assert low * once.slope + once.intercept == high * pixels.slope + pixels.intercept
    assert high * once.slope + once.intercept == low * pixels.slope + pixels.intercept
    assert mirrored(once) == pixels


@pytest.mark.parametrize("wish", ["", "stored", "inverted"])
def test_other_images_stay_and_nothing_is_said(wish: str) -> None:
    frames = [frame(0, pixels=PLAIN), frame(1)]
    assert shown_grey(frames, wish) == (tuple(frames), ())


@pytest.mark.parametrize(("wish", "n_white"), [("", 2), ("stored", 2), ("stored", 1)])
def test_stored_values_stay_with_a_warning(wish: str, n_white: int) -> None:
    frames = [frame(n, pixels=WHITE if n < n_white else PLAIN) for n in range(2)]
    kept, (notice,) = shown_grey(frames, wish)
    assert kept == tuple(frames)
    count = {1: "1 of 2", 2: "2"}[n_white]
    assert str(notice) == f"PS-W24: {count} images are MONOCHROME1: grey values are used as stored, not inverted"


def test_a_lookup_table_is_named_with_its_image() -> None:
    frames = [frame(0, pixels=WHITE), frame(1, name="im7", pixels=replace(WHITE, modality_lut=True))]
    with pytest.raises(InputError, match=r"PS-A138: im7: a Modality LUT .* take them stored"):
        shown_grey(frames, "inverted")
    assert shown_grey(frames, "stored")[0] == tuple(frames)
