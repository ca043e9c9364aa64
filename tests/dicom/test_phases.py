"""Splitting a stack by echo and phase; the rows of the catalogue stand in tests/reliability/test_a2_series.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from frames import frame
from hypothesis import given, settings
from hypothesis import strategies as st

from pedseg.dicom.frame import Frame, PhaseKey
from pedseg.dicom.phases import complex_part, multiplicity, split_parts

HALF_WAY = (0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 2.5, 3.5)


def phased(places: Sequence[float], name: str, values: Sequence[Any]) -> list[Frame]:
    """Images at these places, with these values of one field of `PhaseKey`."""
    return [
        frame(place, uid=f"{n}", phase=PhaseKey(**{name: value}))
        for n, (place, value) in enumerate(zip(places, values, strict=True))
    ]


def test_nothing_is_split_into_nothing() -> None:
    assert split_parts([]) == []
    assert multiplicity([]) == 0
    assert multiplicity([frame(0), frame(0.0004), frame(1)]) == 2


def test_echo_times_that_differ_by_rounding_are_one_echo() -> None:
    times = (4.4, 4.44, 4.48, 9.0)
    parts = split_parts([frame(n % 2, echo_time_ms=t) for n, t in enumerate(times)])
    assert [(p.echo, len(p.frames)) for p in parts] == [(1, 3), (2, 1)]
    assert [p.echo for p in split_parts([frame(0, echo_time_ms=4.4), frame(1)])] == [None]


@pytest.mark.parametrize(
    ("numbers", "echoes"), [((5, 2), [5, 2]), ((1, 1), [1, 2]), ((None, 3), [1, 2])], ids=["own", "equal", "missing"]
)
def test_echoes_keep_their_numbers_where_these_tell_them_apart(
    numbers: tuple[int | None, ...], echoes: list[int]
) -> None:
    """In the order of echo time."""
    frames = [frame(z, echo_time_ms=t, echo_number=n) for z in (0, 1) for t, n in zip((3.1, 9.3), numbers, strict=True)]
    assert [p.echo for p in split_parts(frames[::-1])] == echoes


@pytest.mark.parametrize("word", ["P", "PHASE MAP", "R_FFE", "IMAGINARY", "M", "M_FFE", "OTHER", ""])
def test_the_parts_of_a_complex_image_are_known_by_image_type(word: str) -> None:
    assert complex_part(frame(phase=PhaseKey(kind=(word,)))) is (word[:1] in {"P", "R", "I"})


def test_magnitudes_are_preferred_and_what_is_left_out_is_counted() -> None:
    frames = phased((0, 1, 0, 1, 0, 1), "kind", [("M",)] * 2 + [("P",)] * 2 + [("R",)] * 2)
    (part,) = split_parts(frames)
    assert ([f.uid for f in part.frames], part.phase) == (["0", "1"], None)
    assert [n.text for n in part.notices] == ["4 phase, real or imaginary images beside the magnitudes were left out"]
    assert [(p.phase, p.notices) for p in split_parts(frames[2:])] == [(1, ()), (2, ())]


@pytest.mark.parametrize(
    ("name", "values", "texts"),
    [
        ("temporal_position", (2.0, 2.0, 1.0, 1.0), ["temporal position 1", "temporal position 2"]),
        ("b_value", (None, None, 800.0, 800.0), ["b-value missing", "b-value 800"]),
        ("kind", (("WATER",), ("WATER",), ("DOE^JANE",), ("DOE^JANE",)), ["kind another kind", "kind WATER"]),
        ("dimension", ((1, 2), (1, 2), (1, 1), (1, 1)), ["dimension index 1/1", "dimension index 1/2"]),
        ("trigger_time", (10.0, 50.0, 11.0, 51.0), [f"trigger time {n} at each position" for n in (1, 2)]),
        ("acquisition", (1.0, 2.0, 1.0, 2.0), [""]),
    ],
    ids=["time", "missing", "a word that may be a name", "dimension", "counted image by image", "explains nothing"],
)
def test_phases_are_told_by_what_explains_two_images_a_place(
    name: str, values: tuple[object, ...], texts: list[str]
) -> None:
    parts = split_parts(phased((0, 1, 0, 1), name, values))
    assert [p.phase_text for p in parts] == texts
    assert [p.phase for p in parts] == ([1, 2] if len(texts) > 1 else [None])


@pytest.mark.parametrize(
    ("name", "places", "values", "sizes"),
    [
        ("flip_angle", range(8), (5.0,) * 4 + (20.0,) * 4, [4, 4]),
        ("flip_angle", range(8), (5.0,) * 5 + (20.0,) * 3, [8]),
        ("flip_angle", range(8), (5.0,) * 4 + (None,) * 4, [8]),
        ("repetition_time", HALF_WAY, (13.0,) * 4 + (500.0,) * 4, [4, 4]),
        ("repetition_time", HALF_WAY, (13.01,) * 4 + (13.02,) * 4, [8]),
        ("repetition_time", range(8), (13.0,) * 4 + (500.0,) * 4, [8]),
        ("repetition_time", (0, 1, 2, 3, 0.5, 1.5, 2.8, 3.5), (13.0,) * 4 + (500.0,) * 4, [8]),
        ("kind", HALF_WAY, (("ND",),) * 4 + (("NORM", "FIL"),) * 4, [8]),
        ("acquisition", HALF_WAY, (1.0,) * 4 + (2.0,) * 4, [8]),
    ],
    ids=["contrasts", "written wrong", "not written", "between", "rounded", "behind", "uneven", "corrected", "package"],
)
def test_where_no_place_repeats_only_what_no_volume_mixes_splits(
    name: str, places: Sequence[float], values: Sequence[object], sizes: list[int]
) -> None:
    assert [len(p.frames) for p in split_parts(phased(places, name, values))] == sizes


VALUES = {name: st.sampled_from([None, 1.0, 2.0]) for name in ("temporal_position", "acquisition", "flip_angle")}
VALUES["kind"] = st.sampled_from([("M",), ("WATER", "ND"), ("WATER", "NORM")])


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.fixed_dictionaries(VALUES))))
def test_every_image_is_in_one_part(drawn: list[tuple[int, dict[str, Any]]]) -> None:
    frames = [frame(z, uid=f"{n}", phase=PhaseKey(**values)) for n, (z, values) in enumerate(drawn)]
    parts = split_parts(frames)
    assert sorted(f.uid for p in parts for f in p.frames) == sorted(f.uid for f in frames)
    assert len({p.phase_text for p in parts}) == len(parts)
