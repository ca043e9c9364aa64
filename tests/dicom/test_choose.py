"""Which candidate is meant, without files; the rows of the catalogue stand in tests/reliability/test_a2_series.py."""

from __future__ import annotations

from typing import Any

import pytest
from frames import candidate, frame

from pedseg.dicom.choose import FIT_SLICES, choose, fitting_stacks
from pedseg.dicom.frame import SeriesKey
from pedseg.dicom.series import FEW_SLICES, Series
from pedseg.errors import InputError, PedsegError, UsageError

ACROSS = {"orientation": (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)}
NAMED = {"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}
MOSAIC = InputError("PS-A59", "a mosaic")


def stack(
    index: int, n: int = FIT_SLICES, *, key: str = "psuf1", of: dict[str, Any] | None = None, **values: Any
) -> Series:
    """A candidate of n slices, all `of` one kind; its UID is its index unless `key` says otherwise."""
    names = tuple(c.strip("-") for c in key.replace("u", str(index)))
    return candidate([frame(k, series=names, **(of or {})) for k in range(n)], index=index, **values)


def refused(candidates: list[Series], **wish: Any) -> str:
    with pytest.raises(PedsegError) as refusal:
        choose(candidates, **wish)
    return str(refusal.value)


def test_the_only_one_that_fits_is_meant() -> None:
    knee, small = stack(1), stack(2, FIT_SLICES - 1)
    assert choose([knee]) == (knee, ())
    assert choose([small]) == (small, ())
    chosen, (notice,) = choose([small, knee])
    assert chosen is knee
    assert str(notice) == "PS-W20: 1 other series, too small for a volume, were left aside"
    named = stack(3, 20, of=NAMED)
    assert choose([knee, named])[0] is knee


def test_where_several_fit_or_none_they_are_listed() -> None:
    two = refused([stack(1), stack(2), stack(3, 2)])
    assert two == (
        "PS-A20: 2 series fit; choose one by its number: "
        "1 (series 1): 5x6x8, 1x1x1 mm; 2 (series 1): 5x6x8, 1x1x1 mm"
    )
    none = refused([stack(1, 4), stack(2, 5)])
    assert none.startswith(f"PS-A20: none of 2 series has a volume's {FIT_SLICES} slices; choose one by its number: 1 ")


@pytest.mark.parametrize("wish", [2, "2", "02", "1.2.9"])
def test_a_series_is_named_by_number_text_or_uid(wish: int | str) -> None:
    candidates = [stack(1), candidate(stack(2).frames, index=2, key=SeriesKey("p", "s", "1.2.9", "f", ""))]
    assert choose(candidates, series=wish) == (candidates[1], ())


@pytest.mark.parametrize("wish", ["", "3", 0, "-1", "2 ", "9" * 20])
def test_a_series_that_is_not_there_is_refused(wish: int | str) -> None:
    """An empty word is a variable that was not set: it is no name of a series without UID."""
    with pytest.raises(UsageError, match=r"PS-A120: no series .* here; there are: 1 \(series 1\): .*; 2 "):
        choose([stack(1, key="ps-f1"), stack(2)], series=wish)


def test_one_uid_for_two_patients_is_refused_until_one_is_chosen() -> None:
    both = [stack(1, key="psxf1"), stack(2, key="qsxf1")]
    assert refused(both).startswith("PS-A31: one Series Instance UID holds several patients")
    assert refused(both, series="x").startswith("PS-A31")
    assert choose(both, series=2) == (both[1], ())
    with pytest.raises(InputError, match="PS-A31"):
        fitting_stacks(both)
    assert fitting_stacks([stack(1, key="ps-f1"), stack(2, key="qs-f1")]) == (1, 2)


@pytest.mark.parametrize(
    ("beside", "left"),
    [
        (stack(2, FEW_SLICES, key="psxg1", of=ACROSS), True),
        (stack(2, 20, key="psxg1", of=NAMED), True),
        (stack(2, FEW_SLICES, key="psxg1"), False),
        (stack(2, FEW_SLICES + 1, key="psxg1", of=ACROSS), False),
        (stack(2, FEW_SLICES, key="qsxg1", of=ACROSS), False),
        (stack(2, FEW_SLICES, key="psxg1", of=ACROSS, damaged=(frame(fault=MOSAIC),)), False),
    ],
    ids=["across", "named", "along", "too many", "another patient", "a damaged one"],
)
def test_a_localizer_in_a_frame_of_reference_of_its_own_is_left_out(beside: Series, left: bool) -> None:
    knee = stack(1, key="psxf1")
    if not left:
        assert refused([knee, beside]).startswith("PS-A31")
        return
    chosen, notices = choose([beside, knee])
    assert chosen is knee
    text = f"{len(beside.frames)} images of the same series in another frame of reference (localizer) were left out"
    assert [n.text for n in notices] == [text]
    assert fitting_stacks([beside, knee]) == (1,)


def test_all_that_fit_are_told_and_where_none_does_all_others() -> None:
    mosaic = stack(3, 0, damaged=(frame(fault=MOSAIC),))
    broken = stack(4, 0, damaged=(frame(fault=InputError("PS-A08", "cut")),))
    assert fitting_stacks([]) == ()
    assert fitting_stacks([stack(1), stack(2, 3), mosaic, broken]) == (1, 4)
    assert fitting_stacks([stack(1, 3), stack(2, 3), mosaic]) == (1, 2)
    assert fitting_stacks([mosaic]) == (3,)


def test_one_of_several_echoes_must_be_named() -> None:
    parts = [stack(1, echo=n, of={"echo_time_ms": time}) for n, time in ((1, 4.4), (2, 9.0))] + [stack(2, 2)]
    rows = "echo 1: 4.4 ms, 8 slices; echo 2: 9 ms, 8 slices"
    assert refused(parts) == f"PS-A25: the series holds 2 echoes; choose one by its number: {rows}"
    assert choose(parts, series=1, echo=2) == (parts[1], ())
    assert refused(parts, echo=3) == f"PS-A120: no echo 3 here; there is: {rows}"
    assert refused([stack(1)], echo=2) == "PS-A120: no echo 2 here; there is: one echo, no echo time"


def test_one_of_several_phases_must_be_named() -> None:
    """The first lies between the slices of the second, and is no copy of it."""
    first = candidate([frame(k + 0.5) for k in range(8)], phase=1, phase_text="time 1")
    parts = [first, stack(1, 9, phase=2, phase_text="time 2")]
    rows = "phase 1: time 1, 8 slices; phase 2: time 2, 9 slices"
    assert refused(parts) == f"PS-A26: the series holds 2 phases; choose one by its number: {rows}"
    assert choose(parts, phase=2)[0] is parts[1]
    assert refused(parts, phase=3) == f"PS-A120: no phase 3 here; there is: {rows}"
    assert choose([stack(1)], phase=1)[0].phase is None
    assert refused([stack(1)], phase=2) == "PS-A120: no phase 2 here; there is: one phase, 8 slices"
