"""Images that stand twice; the rows of the catalogue stand in tests/reliability/test_a2_series.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from frames import candidate, frame, stored

from pedseg.dicom.alike import SAME_PLACE_MM
from pedseg.dicom.frame import Frame
from pedseg.dicom.repeats import without_copied_parts, without_repeats
from pedseg.dicom.series import Series
from pedseg.errors import GeometryError, InputError


def kept(series: Series) -> tuple[list[str], list[str]]:
    """Names of the images that stay, and what is said."""
    found, notices = without_repeats(series)
    return [f.name for f in found.frames], [str(n) for n in notices]


@pytest.fixture
def images(tmp_path: Path) -> list[Frame]:
    """Four slices with grey values of their own."""
    return [stored(tmp_path, frame(k, name=f"im{k}"), 100 * k) for k in range(4)]


def again(image: Frame, grey: int, **changes: object) -> Frame:
    """The image once more in a file of its own."""
    return stored(image.path.parent, replace(image, name=f"{image.name}b", **changes), grey)  # type: ignore[arg-type]


def test_a_series_without_repeats_stays_as_it_is(images: list[Frame]) -> None:
    assert kept(candidate(images)) == (["im0", "im1", "im2", "im3"], [])
    assert kept(candidate([], damaged=(frame(),))) == ([], [])


def test_copies_of_one_uid_go_and_contradictions_are_refused(images: list[Frame]) -> None:
    same, other = again(images[1], 100), again(images[2], 7)
    assert kept(candidate(images, copies=(same, same))) == (
        ["im0", "im1", "im2", "im3"], ["PS-W28: 2 copies of images were left out"]
    )  # fmt: skip
    with pytest.raises(GeometryError, match="PS-A28: im2 and im2b share one SOP Instance UID but differ: remove the"):
        without_repeats(candidate(images, copies=(other,)))
    elsewhere = again(images[1], 100, position=(0.0, 0.0, 1.1))
    with pytest.raises(GeometryError, match="PS-A28: im1 and im1b"):
        without_repeats(candidate(images, copies=(elsewhere,)))


def test_a_copy_of_another_echo_or_phase_is_not_compared(images: list[Frame]) -> None:
    assert kept(candidate(images[:2], copies=(again(images[3], 7),))) == (["im0", "im1"], [])


@pytest.mark.parametrize("cut", ["original", "copy"])
def test_of_two_one_of_which_was_cut_the_whole_one_stays(cut: str, images: list[Frame]) -> None:
    copy = again(images[1], 100)
    path = {"original": images[1].path, "copy": copy.path}[cut]
    path.write_bytes(path.read_bytes()[:-10])
    names = ["im0", "im1b" if cut == "original" else "im1", "im2", "im3"]
    assert kept(candidate(images, copies=(copy,))) == (names, ["PS-W28: 1 copies of images were left out"])


def test_what_cannot_be_read_for_another_reason_is_refused(images: list[Frame]) -> None:
    copy = again(images[1], 100)
    assert copy.pixels is not None
    endless = replace(copy, pixels=replace(copy.pixels, intercept=1e9))
    with pytest.raises(InputError, match=r"PS-A121: im1b: .* grey values merge"):
        without_repeats(candidate(images, copies=(endless,)))


@pytest.mark.parametrize(
    ("along", "aside", "grey", "n"),
    [(0.0, 0.0, 100, 4), (0.9, 0.0, 100, 4), (1.1, 0.0, 100, 5), (0.0, 1.1, 100, 5), (0.0, 0.0, 7, 5)],
    ids=["one place", "nearly", "farther", "aside", "another image"],
)
def test_equal_images_at_one_place_are_one(along: float, aside: float, grey: int, n: int, images: list[Frame]) -> None:
    """Distances in parts of what counts as one place; different images are refused when they are stacked."""
    place = (aside * SAME_PLACE_MM, 0.0, 1 + along * SAME_PLACE_MM)
    twin = again(images[1], grey, uid="another", position=place)
    names, notices = kept(candidate([*images, twin]))
    assert (len(names), len(notices)) == (n, 5 - n)


def test_a_phase_that_holds_copies_of_the_largest_goes(images: list[Frame]) -> None:
    whole = candidate(images, phase=1)
    copied = candidate([again(images[k], 100 * k, uid=f"{k}") for k in (1, 3)], phase=2)
    parts, notices = without_copied_parts([copied, whole])
    assert parts == [whole]
    assert [str(n) for n in notices] == ["PS-W28: 2 exact copies under other numbers were left out"]
    for odd in (again(images[0], 7), again(images[2], 200, position=(0.0, 0.0, 9.0)), replace(images[2], pixels=None)):
        other = candidate([*copied.frames, odd], phase=2)
        assert without_copied_parts([other, whole]) == ([other, whole], ())
