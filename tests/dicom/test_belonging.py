"""Which images are of one series; the rows of the catalogue stand in tests/reliability/test_a2_series.py."""

from __future__ import annotations

import pytest
from frames import frame
from hypothesis import given, settings
from hypothesis import strategies as st

from pedseg.dicom.belonging import MANY_SINGLES, by_series
from pedseg.errors import InputError

CUT = InputError("PS-A08", "cut")


@pytest.mark.parametrize(
    ("keys", "sizes", "codes"),
    [
        pytest.param(["psuf1", "psuf1"], [2], [], id="one"),
        pytest.param(["psuf1", "psuf2"], [2], [], id="the number does not matter"),
        pytest.param(["psuf1", "qsuf1"], [1, 1], [], id="two patients"),
        pytest.param(["psuf1", "-suf1", "p-uf1", "psu-1"], [4], ["PS-W31"], id="each lacks one"),
        pytest.param(["psuf1", "psu-1", "-su-1"], [3], ["PS-W31"], id="one lacks more than another"),
        pytest.param(["-suf1", "p-uf1", "psu-1"], [3], ["PS-W31"], id="none is whole"),
        pytest.param(["psuf1", "psug1", "p-u-1"], [1, 1, 1], [], id="two frames of reference"),
        pytest.param(["psuf1", "qsuf1", "-suf1"], [1, 1, 1], [], id="it could be either"),
        pytest.param(["ps-f1", "psuf1"], [2], ["PS-W31"], id="no series UID"),
        pytest.param(["ps-f2", "psuf1"], [1, 1], ["PS-W32"], id="no series UID and another number"),
        pytest.param(["p--f-", "psuf-"], [1, 1], ["PS-W32"], id="nothing in common but the patient"),
        pytest.param(["psaf1", "psbf1", "pscf1", "psdf1"], [4], ["PS-W32"], id="a UID for each"),
        pytest.param(["psaf1", "psbf1", "pscf1"], [1, 1, 1], [], id="three single images"),
        pytest.param(["psaf1", "psbf1", "pscf1", "psdf1", "psef2"], [4, 1], ["PS-W32"], id="and another number"),
    ],
)
def test_images_join_the_only_series_that_fits(keys: list[str], sizes: list[int], codes: list[str]) -> None:
    frames = [frame(n, series=[c.strip("-") for c in key]) for n, key in enumerate(keys)]
    for order in (frames, frames[::-1]):
        found = by_series(order)
        assert sorted(len(s.frames) for s in found) == sorted(sizes)
        assert [n.code for s in found for n in s.notices] == codes
    assert [s.frames for s in by_series(frames)] == [s.frames for s in by_series(frames[::-1])]


KEYS = st.tuples(*map(st.sampled_from, (["p", "q", ""], ["s", ""], ["u", "v", ""], ["f", "g", ""], ["1", "2"])))


@settings(max_examples=60)
@given(st.lists(KEYS))
def test_every_image_is_in_one_series_and_none_holds_two_patients(keys: list[tuple[str, ...]]) -> None:
    found = by_series([frame(n, series=key) for n, key in enumerate(keys)])
    assert sorted(f.uid for s in found for f in s.frames) == sorted(f"i{n}" for n in range(len(keys)))
    for one in found:
        for name in ("patient", "study", "frame_of_reference"):
            assert len({getattr(f.series, name) for f in one.frames} - {""}) <= 1
        assert len({f.series.uid for f in one.frames} - {""}) <= 1 or len(one.frames) >= MANY_SINGLES


def test_series_come_in_the_order_of_their_numbers_those_without_first() -> None:
    numbers = ("10", "9", "", "x")
    found = by_series([frame(n, series=("p", "s", f"u{n}", "f", number)) for n, number in enumerate(numbers)])
    assert [s.frames[0].series.number for s in found] == ["", "x", "9", "10"]


def test_a_damaged_image_joins_by_its_uid_and_comes_last() -> None:
    """Its header may have ended before the patient; where several share the UID, it counts for each."""
    lost = frame(0, series=("", "", "u", "", ""), fault=CUT)
    (alone,) = by_series([lost, frame(1), frame(2)])
    assert (alone.frames[-1], len(alone.frames), alone.notices) == (lost, 3, ())
    both = by_series([lost, frame(1), frame(2, series=("q", "s", "u", "f", "1"))])
    assert [s.frames[-1] for s in both] == [lost, lost]
    (nameless,) = by_series([frame(0, series=("", "", "", "", ""), fault=CUT)])
    assert len(nameless.frames) == 1


def test_what_was_assumed_is_said_with_its_count() -> None:
    others = (("", "s", "u", "f", "1"), ("p", "", "u", "", ""))
    (joined,) = by_series([frame(0), *(frame(n, series=key) for n, key in enumerate(others, start=1))])
    assert [n.text for n in joined.notices] == ["2 images lack an identifier that the others of their series have"]
    missing = by_series([frame(0, series=("p", "s", "", "f", "1"))])
    differs = by_series([frame(n, series=("p", "s", f"u{n}", "f", "1")) for n in range(MANY_SINGLES)])
    for found, word in ((missing, "is missing"), (differs, "differs from image to image")):
        assert [n.text for n in found[0].notices] == [f"Series Instance UID {word}: grouped by study and Series Number"]
