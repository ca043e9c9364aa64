"""Grouping images into candidates: the parts. The faults are in tests/reliability."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mr_series import GRID, image, save, uid, write_series

from pedseg.dicom import discover, read_series, read_volume
from pedseg.dicom.belonging import by_series
from pedseg.dicom.frame import Frame, PhaseKey, PixelData, SeriesKey
from pedseg.dicom.phases import complex_part, split_parts
from pedseg.dicom.polarity import shown_grey
from pedseg.errors import InputError


def frame(n: int = 0, **values: object) -> Frame:
    """The record of an image; `series` in short: patient, study, UID, frame of reference, number."""
    key = SeriesKey(*values.pop("series", ("p", "s", "u", "f", "1")))
    place = {"position": (0.0, 0.0, float(n)), "orientation": (1.0, 0, 0, 0, 1, 0), "spacing_mm": (1.0, 1.0)}
    return Frame(path=Path(f"{n}"), name=f"{n}", number=0, uid=f"i{n}", series=key, sop_class="", **place, **values)


@pytest.mark.parametrize(
    ("keys", "sizes", "codes"),
    [
        pytest.param(["psuf1", "psuf1"], [2], [], id="one"),
        pytest.param(["psuf1", "psuf2"], [2], [], id="the number does not matter"),
        pytest.param(["psuf1", "qsuf1"], [1, 1], [], id="two patients"),
        pytest.param(["psuf1", "-suf1", "p-uf1", "psu-1"], [4], ["PS-W31"], id="each lacks one"),
        pytest.param(["psuf1", "qsuf1", "-suf1"], [1, 1, 1], [], id="it could be either"),
        pytest.param(["ps-f1", "psuf1"], [2], ["PS-W31"], id="no series UID"),
        pytest.param(["ps-f2", "psuf1"], [1, 1], ["PS-W32"], id="no series UID and another number"),
        pytest.param(["p--f-", "psuf-"], [1, 1], ["PS-W32"], id="nothing in common but the patient"),
        pytest.param(["psaf1", "psbf1", "pscf1", "psdf1"], [4], ["PS-W32"], id="a UID for each"),
        pytest.param(["psaf1", "psbf1", "pscf1"], [1, 1, 1], [], id="three single images"),
        pytest.param(["psaf1", "psbf1", "pscf1", "psdf1", "psef2"], [4, 1], ["PS-W32"], id="and another number"),
    ],
)
def test_images_join_the_only_series_that_fits(keys, sizes, codes) -> None:
    frames = [frame(n, series=[c.strip("-") for c in key]) for n, key in enumerate(keys)]
    for order in (frames, frames[::-1]):
        found = by_series(order)
        assert sorted(len(s.frames) for s in found) == sorted(sizes)
        assert [n.code for s in found for n in s.notices] == codes
    assert [s.frames for s in by_series(frames)] == [s.frames for s in by_series(frames[::-1])]


def test_echo_times_that_differ_by_rounding_are_one_echo() -> None:
    times = (4.4, 4.44, 4.48, 9.0)
    parts = split_parts([frame(n % 2, echo_time_ms=t) for n, t in enumerate(times)])
    assert [(p.echo, len(p.frames)) for p in parts] == [(1, 3), (2, 1)]
    assert [p.echo for p in split_parts([frame(0, echo_time_ms=4.4), frame(1)])] == [None]


@pytest.mark.parametrize("word", ["P", "PHASE MAP", "R_FFE", "IMAGINARY", "M", "M_FFE", "OTHER", ""])
def test_the_parts_of_a_complex_image_are_known_by_image_type(word: str) -> None:
    assert complex_part(frame(phase=PhaseKey(kind=(word,)))) is (word[:1] in {"P", "R", "I"})


def test_inversion_mirrors_the_stored_bits_and_keeps_what_is_not_monochrome1() -> None:
    pixels = PixelData("", 0, 0, 16, 12, 11, False, "MONOCHROME1", slope=2.0, intercept=-1.0)
    plain = PixelData("", 0, 0, 16, 12, 11, False, "MONOCHROME2", slope=2.0, intercept=-1.0)
    frames, notices = shown_grey([frame(0, pixels=pixels), frame(1, pixels=plain)], "inverted")
    mirrored, kept = (f.pixels for f in frames)
    assert (mirrored.slope, mirrored.intercept) == (-2.0, 8189.0)  # (4095 - stored) * 2 - 1
    assert kept is plain
    assert [n.code for n in notices] == ["PS-W24"]
    assert shown_grey([frame(1, pixels=plain)], "inverted")[1] == ()
    with pytest.raises(InputError, match="PS-A138: 1 of 2 images"):
        shown_grey([frame(0, pixels=pixels), frame(1, pixels=plain)], "")


def test_every_candidate_can_be_read(tmp_path):
    """What `discover` lists, `read_series` reads; index, echo and phase name it."""
    for n in (1, 2):
        write_series(tmp_path / "exam" / str(n), SeriesInstanceUID=uid(n), SeriesNumber=n)
    for k in range(GRID.n):
        for n, time in enumerate(("3.1", "9.3")):
            ds = image(GRID, k, EchoTime=time, SeriesInstanceUID=uid("third"), SOPInstanceUID=uid(k, n))
            save(ds, tmp_path / "exam" / f"echo{k}_{n}")
    found = discover(tmp_path / "exam").series
    assert len({(s.index, s.echo, s.phase) for s in found}) == len(found)
    for series in found:
        volume = read_series(series)
        again = read_volume(tmp_path / "exam", series=series.index, echo=series.echo, phase=series.phase)
        assert np.array_equal(volume.array, again.array)
        assert volume.shape[2] == series.n_slices


def test_facts_hold_no_identity(tmp_path):
    write_series(tmp_path)
    volume = read_volume(tmp_path)
    assert volume.facts == {
        "manufacturer": "Acme",
        "modality": "MR",
        "body_part": "KNEE",
        "field_strength_t": 3.0,
        "repetition_time_ms": 13.0,
        "series_number": 4,
        "echo": 1,
        "echo_time_ms": 4.4,
        "n_files": 16,
        "n_slices": 16,
        "transfer_syntax": "Explicit VR Little Endian",
    }
    assert volume.slice_axis == 2
    found = discover(tmp_path)
    assert "ZZPHI" not in repr(found)
    assert "ZZPHI" not in repr(found.series[0].frames)
    assert uid("series") not in repr(found)


@pytest.mark.parametrize(
    ("tags", "laterality"),
    [({}, None), ({"Laterality": "L"}, "L"), ({"ImageLaterality": "R", "Laterality": "L"}, "R")],
    ids=["60-none", "60-series", "60-image"],
)
def test_the_side_is_told_only_where_a_tag_tells_it(tags, laterality, tmp_path):
    write_series(tmp_path, **tags)
    assert read_volume(tmp_path).facts.get("laterality") == laterality
    assert discover(tmp_path).series[0].laterality == (laterality or "")
