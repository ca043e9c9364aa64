"""From images to one grid, without files; the rows of the catalogue stand in tests/reliability/test_a3_geometry.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pedseg.dicom.frame import Frame, SeriesKey
from pedseg.dicom.series import Series, group_frames
from pedseg.dicom.stack import SILENT_MM, UNEVEN_MM, build_stack
from pedseg.errors import GeometryError, PedsegError
from pedseg.volumes.geometry import Geometry

ROWS, COLUMNS, N = 320, 256, 12
SPACING, STEP = (0.4, 0.6), 0.9
WRONG_MM = 0.04
"""The catalogue's bar: a voxel farther off than this is wrong."""
WILD_CODES = ("PS-A30", "PS-A36", "PS-A38", "PS-A40", "PS-A43", "PS-A44", "PS-A45")
KEY = SeriesKey("", "study", "series", "frame of reference", "4")


def frame(k: int, position: NDArray, orientation: NDArray, spacing: tuple[float, float] = SPACING) -> Frame:
    """An image with place and no pixels."""
    return Frame(
        path=Path(f"{k}"),
        name=f"im{k}",
        number=0,
        uid=f"1.2.{k}",
        series=KEY,
        sop_class="",
        matrix=(ROWS, COLUMNS),
        position=tuple(map(float, position)),
        orientation=tuple(map(float, orientation)),
        spacing_mm=spacing,
        instance=k + 1,
    )


def frames(seed: int, *, off_mm: float = 0.0, turn: float = 0.0, stretch_mm: float = 0.0) -> list[Frame]:
    """Twelve slices of a random orientation, each off its place, turned and stretched at random by up to so much."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    origin = rng.uniform(-300, 300, 3)
    normal = np.cross(axes[0], axes[1])
    made = []
    for k in range(N):
        position = origin + k * STEP * normal + rng.uniform(-1, 1, 3) * off_mm
        orientation = axes[:2].ravel() + rng.uniform(-1, 1, 6) * turn
        rows, columns = np.array(SPACING) + rng.uniform(-1, 1, 2) * stretch_mm
        made.append(frame(k, position, orientation, (float(rows), float(columns))))
    return made


def corners(image: Frame) -> NDArray:
    """(4, 3) RAS mm: where the header of one image puts its corner voxels, written out from the standard's equation."""
    rows, columns = np.reshape(image.orientation, (2, 3))
    rows, columns = rows / np.linalg.norm(rows), columns / np.linalg.norm(columns)
    (n_rows, n_columns), (between_rows, between_columns) = image.matrix, image.spacing_mm
    places = [
        np.array(image.position) + i * between_columns * rows + j * between_rows * columns
        for i in (0, n_columns - 1)
        for j in (0, n_rows - 1)
    ]
    return np.array(places) * [-1, -1, 1]


def worst_mm(stack) -> float:
    """Largest distance of a corner voxel from where its own header puts it."""
    off = []
    for k, image in enumerate(stack.frames):
        index = [(i, j, k, 1) for i in (0, COLUMNS - 1) for j in (0, ROWS - 1)]
        off.append(np.linalg.norm((np.array(index) @ stack.affine.T)[:, :3] - corners(image), axis=1).max())
    return max(off)


def stack_of(images: list[Frame], **more: object):
    return build_stack(Series(1, KEY, tuple(images), **more))  # type: ignore[arg-type]


@given(
    seed=st.integers(0, 10_000),
    off_mm=st.sampled_from([0.0, 1e-6, 4e-3, 8e-3, 0.02, 0.05, 0.2]),
    turn=st.sampled_from([0.0, 1e-7, 1e-5, 5e-5]),
    stretch_mm=st.sampled_from([0.0, 5e-6]),
)
def test_no_voxel_is_silently_wrong(seed, off_mm, turn, stretch_mm):
    """Refused, warned of, or every voxel within the bar of where its own header puts it."""
    images = frames(seed, off_mm=off_mm, turn=turn, stretch_mm=stretch_mm)
    try:
        stack = stack_of(images)
    except GeometryError:
        assert off_mm >= 0.02 or turn > 1e-5, "a readable stack is lost"
        return
    worst = worst_mm(stack)
    assert worst <= 2 * UNEVEN_MM
    if not {n.code for n in stack.notices} & {"PS-W38", "PS-W45"}:
        assert worst <= 2 * SILENT_MM < WRONG_MM
    if off_mm <= 1e-6 and turn == stretch_mm == 0:
        assert worst <= 1e-5
        assert stack.notices == ()


WILD = st.sampled_from([0.0, -0.0, 1e-9, 1e-3, 0.3, 1.0, -1.0, 1.0001, 7.5, -250.0, 1e5])


AXIAL = st.just((1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
STEPS = st.builds(lambda dx, dz: [(k * dx, 0.0, k * dz) for k in range(6)], WILD, WILD)


@given(
    positions=STEPS | st.lists(st.tuples(WILD, WILD, WILD), min_size=4, max_size=8),
    orientation=AXIAL | st.tuples(*[WILD] * 6),
    second=AXIAL | st.tuples(*[WILD] * 6),
    spacing=st.tuples(*[st.sampled_from([1e-3, 0.3, 10.0])] * 2),
)
def test_whatever_the_numbers_there_is_a_grid_or_a_typed_refusal(positions, orientation, second, spacing):
    both = (orientation, second)
    images = [frame(k, p, np.array(both[k % 3 == 2]), spacing) for k, p in enumerate(positions)]
    for series in group_frames(images):
        code = ""
        try:
            stack = build_stack(series, min_slices=2)
        except PedsegError as refusal:
            code = refusal.code
        assert code in WILD_CODES or Geometry((COLUMNS, ROWS, len(stack.frames)), stack.affine).voxel_mm3 > 0


def test_an_odd_slice_does_not_move_the_others():
    """The line goes through the first and the last; the warning tells how far off the odd one lies."""
    images = frames(3)
    images[4] = replace(images[4], position=tuple(np.add(images[4].position, [0.03, 0.0, 0.0])))
    stack, even = stack_of(images), stack_of(frames(3))
    np.testing.assert_allclose(stack.affine, even.affine, atol=1e-12)
    assert worst_mm(stack) == pytest.approx(0.03, abs=1e-6)
    (notice,) = stack.notices
    assert notice.code == "PS-W38"
    assert "lies 0.030 mm off" in notice.text


def test_a_stack_that_turns_more_than_its_field_allows_is_refused():
    """Cosines within the tolerance of one series, and 0.2 mm at the far corner of a field of a metre."""
    images = [replace(f, spacing_mm=(4.0, 4.0)) for f in frames(1)]
    turned = np.add(images[5].orientation, [9e-5, -9e-5, 9e-5, -9e-5, 9e-5, 9e-5])
    images[5] = replace(images[5], orientation=tuple(map(float, turned)))
    assert len(group_frames(images)) == 1
    with pytest.raises(GeometryError, match=r"PS-A45: slice (6|7) of 12 is turned .* a corner lies 0\.[12]\d\d mm off"):
        stack_of(images)


def test_one_step_past_an_end_counts_whatever_else_lies_there():
    """Images of another matrix: within the stack they are its localizer, behind it a damaged slice."""
    images = frames(2)
    beside = replace(images[-1], matrix=(64, 64), name="odd")
    assert len(stack_of(images, left_out=(beside,)).frames) == N
    for field in ("left_out", "siblings"):
        with pytest.raises(GeometryError, match="PS-A45: odd continues the stack"):
            stack_of(images[:-1], **{field: (beside,)})
    named = replace(beside, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    assert len(stack_of(images[:-1], left_out=(named,)).frames) == N - 1
