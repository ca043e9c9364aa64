"""DICOM -> volume -> slices -> mask file -> volume, of any geometry: not a voxel moved, not a bit changed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oblique import FORMS, ORIENTATIONS, SYNTAXES, Exam, exam, rotation, turned, write

from pedseg.dicom import read_volume
from pedseg.domains import load_domains
from pedseg.report.prediction import write_prediction
from pedseg.storage.runs import LABELS
from pedseg.volumes import Volume
from pedseg.volumes.geometry import Geometry
from pedseg.volumes.nifti import read_nifti, write_nifti
from pedseg.volumes.slices import from_windows, labels_to_windows, plan_slices, windows_to_onehot

EXACT_MM = 1e-4
"""Largest shift of a corner: the affine of a NIfTI file is float32."""
N_CLASSES = 5
NEED_ROOM = ("jpeg2000", "jpegls")
"""Their encoders want 2^5 pixels a side, or a stream that is no longer than the pixels."""
CELLS = st.integers(4, 7)


@dataclass(frozen=True)
class Case:
    """An exam and how it is written."""

    exam: Exam
    form: str
    syntax: str
    order: tuple[int, ...]
    pixel_mm: float

    def __repr__(self) -> str:
        return f"Case({self.exam.grid}, {self.form}, {self.syntax}, {self.order}, {self.pixel_mm})"


def directions(turn: tuple[float, ...], orientation: int) -> np.ndarray:
    return rotation(turn) @ ORIENTATIONS[orientation]


@st.composite
def cases(draw: st.DrawFn, syntax: str | None = None, form: str | None = None) -> Case:
    """Any orientation; rows and columns whole multiples of a pixel that both share, so that slices can hold them."""
    number = st.floats(-1, 1, allow_subnormal=False)
    turn = draw(st.tuples(number, number, number, number).filter(lambda q: np.linalg.norm(q) > 0.1))
    pixel_mm = draw(st.integers(300, 3000)) / 1e4
    rows, columns = draw(st.tuples(CELLS, CELLS).filter(lambda pair: pair[0] != pair[1]))
    n = draw(st.integers(4, 8))
    syntax = syntax or draw(st.sampled_from(sorted(SYNTAXES)))
    size = st.integers(32, 36) if syntax in NEED_ROOM else st.integers(3, 9)
    grid = turned(
        directions(turn, draw(st.integers(0, 47))),
        rows=draw(size), columns=draw(size), n=n,
        row_spacing=round(rows * pixel_mm, 4), column_spacing=round(columns * pixel_mm, 4),
        step=draw(st.floats(0.3, 8)),
        origin=draw(st.tuples(*[st.floats(-600, 600)] * 3)),
    )  # fmt: skip
    return Case(
        exam(grid, draw(st.integers(0, 2**32 - 1))),
        form or draw(st.sampled_from(sorted(FORMS))),
        syntax,
        tuple(draw(st.permutations(range(n)))),
        pixel_mm,
    )


def check(case: Case) -> None:
    """The property."""
    with tempfile.TemporaryDirectory() as folder:
        write(case.exam, Path(folder), form=case.form, syntax=case.syntax, order=case.order)
        volume = read_volume(folder)
        check_read(volume, case.exam)
        check_mask(volume, Path(folder) / "labels.nii.gz", pixel_mm=case.pixel_mm)


def check_read(volume: Volume, exam: Exam) -> None:
    """The words, bit by bit, each at its place."""
    wanted = exam.volume()
    assert volume.array.dtype == np.uint16
    assert np.array_equal(volume.array, wanted.array)
    assert volume.geometry.corner_distance_mm(wanted.geometry) <= EXACT_MM
    assert volume.slice_axis == 2


def check_mask(volume: Volume, path: Path, *, pixel_mm: float) -> None:
    """Labels like noise come back from the slices as they were, and from the file."""
    labels = noise(volume)
    back = through_slices(labels, volume, pixel_mm=pixel_mm)
    assert np.array_equal(back, labels)
    write_nifti(volume.with_array(back), path)
    check_file(path, labels, volume.geometry)


def check_file(path: Path, labels: np.ndarray, geometry: Geometry) -> None:
    """Read by pedseg, and by nibabel as anyone would."""
    file = nib.load(path)
    theirs = Volume(np.asanyarray(file.dataobj), file.affine)
    for again in (read_nifti(path), theirs):
        assert again.array.dtype == np.uint8
        assert np.array_equal(again.array, labels)
        assert again.geometry.corner_distance_mm(geometry) <= EXACT_MM


def noise(volume: Volume) -> np.ndarray:
    return np.random.default_rng(volume.array.size).integers(0, N_CLASSES, volume.shape, dtype=np.uint8)


def through_slices(labels: np.ndarray, volume: Volume, *, pixel_mm: float) -> np.ndarray:
    """What a network returns that finds every label: the same windows as probabilities."""
    grid = plan_slices(volume.geometry, slice_axis=volume.slice_axis or 0, spacing_mm=pixel_mm, window=32)
    windows = labels_to_windows(labels, grid, N_CLASSES)
    return from_windows(windows_to_onehot(windows, N_CLASSES), grid).labels


@settings(max_examples=25)
@given(cases())
def test_any_geometry_form_syntax_and_order(case: Case) -> None:
    check(case)


@pytest.mark.slow
@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_a_thousand_geometries(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_transfer_syntax_of_every_form(syntax: str, form: str) -> None:
    """Rows 16, 17, 57."""

    @settings(max_examples=2)
    @given(cases(syntax, form))
    def two(case: Case) -> None:
        check(case)

    two()


@pytest.mark.parametrize("orientation", range(48))
def test_every_orientation(orientation: int, tmp_path: Path) -> None:
    """Row 54: permutations and flips of the axes, turned at random."""
    turn = np.random.default_rng(orientation).normal(size=4)
    values = {"rows": 7, "columns": 5, "n": 6, "row_spacing": 0.3, "column_spacing": 0.25, "step": 0.8}
    whole = exam(turned(directions(turn, orientation), **values), orientation)
    volume = read_volume(write(whole, tmp_path, order=np.random.default_rng(orientation).permutation(6)))
    check_read(volume, whole)
    check_mask(volume, tmp_path / "labels.nii.gz", pixel_mm=0.05)


@pytest.mark.parametrize("orientation", range(48))
def test_every_order_of_storage_gets_its_own_mask_back(orientation: int, tmp_path: Path) -> None:
    """Row 54, of image files: slices along any axis."""
    turn = rotation(np.random.default_rng(orientation).normal(size=4)) @ ORIENTATIONS[orientation]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [0.3, 0.25, 0.8], [-81.25, 20.5, -403.7]
    volume = Volume(np.zeros((5, 4, 6), np.uint8), affine, slice_axis=orientation % 3)
    check_mask(volume, tmp_path / "labels.nii.gz", pixel_mm=0.05)


def test_on_equal_pixels_the_grid_is_its_own(tmp_path: Path) -> None:
    """No resampling at all: one pixel a voxel."""
    square = {"row_spacing": 0.4, "column_spacing": 0.4, "rows": 30, "columns": 40}
    whole = exam(turned(directions((0.3, -0.2, 0.9, 0.1), 13), **square))
    volume = read_volume(write(whole, tmp_path))
    check_mask(volume, tmp_path / "labels.nii.gz", pixel_mm=0.4)


def test_as_pedseg_predict_writes_it(tmp_path: Path) -> None:
    whole = exam(turned(directions((0.3, -0.2, 0.9, 0.1), 29), rows=24, columns=20, n=8))
    volume = read_volume(write(whole, tmp_path / "exam", form="enhanced", order=(3, 1, 0, 2, 7, 5, 6, 4)))
    (ankle,) = load_domains(["ankle"])
    labels = noise(volume) % ankle.n_classes
    write_prediction(tmp_path / "masks", volume, volume.with_array(labels), ankle, {})
    check_file(tmp_path / "masks" / LABELS, labels, volume.geometry)


def test_the_property_can_fail() -> None:
    """Spacings of rows and columns exchanged; slices in the other order."""
    whole = exam(turned(directions((0.3, -0.2, 0.9, 0.1), 5)))
    right = whole.volume()
    swapped = right.affine @ np.diag([0.3 / 0.25, 0.25 / 0.3, 1, 1])
    with pytest.raises(AssertionError):
        check_read(Volume(right.array, swapped, slice_axis=2), whole)
    with pytest.raises(AssertionError):
        check_read(Volume(right.array[..., ::-1], right.affine, slice_axis=2), whole)
