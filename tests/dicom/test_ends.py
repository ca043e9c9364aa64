"""Hints at a missing end slice; the rows of the catalogue stand in tests/reliability/test_a3_geometry.py."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from frames import candidate, frame

from pedseg.dicom.ends import HINTS, end_hint

N = 12


def hint(facts: dict[str, int] | None = None, *, in_stack: Iterable[int | None] = (None,) * N, **values: object) -> str:
    """Of twelve slices that lack nothing between them."""
    frames = [frame(k, in_stack=place, facts=facts or {}) for k, place in enumerate(in_stack)]
    return end_hint(candidate(frames, **{"n_in_series": N, "n_files_in_series": N, **values}), frames)


@pytest.mark.parametrize(
    ("in_stack", "says"),
    [
        (range(1, N + 1), ""),
        (range(N), ""),
        (range(2, N + 2), f"In-Stack Positions 2 to {N + 1} for {N} slices: an end slice may be missing"),
        ([1, *range(3, N + 2)], f"In-Stack Positions 1 to {N + 1} for {N} slices: an end slice may be missing"),
        ([1] * N, ""),
        ([None, *range(2, N + 1)], ""),
    ],
    ids=["whole", "from 0", "first missing", "hole", "all one", "one untold"],
)
def test_in_stack_positions(in_stack: Iterable[int | None], says: str) -> None:
    assert hint(in_stack=in_stack, n_files_in_series=1) == says


@pytest.mark.parametrize(
    ("facts", "values", "says"),
    [
        ({"images_in_acquisition": N}, {"n_in_series": 2 * N}, ""),
        ({"images_in_acquisition": 2 * N}, {"n_in_series": 2 * N}, ""),
        ({"images_in_acquisition": N + 1}, {}, f"{N} images in the series, its headers speak of {N + 1}"),
        ({"images_in_acquisition": N - 1}, {}, f"{N} images in the series, its headers speak of {N - 1}"),
        ({"images_in_concatenation": N}, {}, ""),
        ({"images_in_concatenation": 13}, {}, f"{N} files of a concatenation, its headers speak of 13"),
        ({"slices_of_acquisition": N}, {}, ""),
        ({"slices_of_acquisition": 0}, {}, ""),
        ({"slices_of_stack": N // 2}, {}, ""),
        ({"slices_of_stack": N + 1}, {}, f"{N} slices, the scanner's own header speaks of {N + 1}"),
        ({"slices_of_acquisition": N + 2}, {}, f"{N} slices, the scanner's own header speaks of {N + 2}"),
    ],
)
def test_counts_in_the_header(facts: dict[str, int], values: dict[str, int], says: str) -> None:
    assert set(facts) <= HINTS
    assert hint(facts, **values) == says


@pytest.mark.parametrize(
    ("instances", "hinted"),
    [((1, N), False), ((0, N - 1), False), ((1, 1), False), (None, False), ((2, N + 1), True), ((1, N + 1), True)],
    ids=["from 1", "from 0", "one for all", "none", "first missing", "hole"],
)
def test_instance_numbers(instances: tuple[int, int] | None, hinted: bool) -> None:
    low, high = instances or (0, 0)
    text = f"Instance Numbers {low} to {high} for {N} images: an end slice may be missing"
    assert hint(instances=instances) == (text if hinted else "")
    assert hint(instances=instances, n_files_in_series=1) == ""  # of a file, not of its frames


def test_counts_speak_before_positions_and_positions_before_numbers() -> None:
    late = {"in_stack": range(2, N + 2), "instances": (2, N + 1)}
    assert hint({"slices_of_stack": 99}, **late).startswith(f"{N} slices")
    assert hint(**late).startswith("In-Stack Positions")
