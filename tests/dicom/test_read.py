"""The whole reader: random geometries, an independent reader, speed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import highdicom as hd
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from mr_series import Grid, write_series
from pydicom import dcmread

from pedseg.dicom import read_volume

SIZES = st.integers(3, 9)
SPACINGS = st.floats(0.2, 3.0)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Any orthonormal orientation, unequal spacing, origins within a scanner."""
    numbers = np.array(draw(st.lists(st.floats(-1, 1), min_size=9, max_size=9)))
    turn = np.linalg.qr(numbers.reshape(3, 3) + 2 * np.eye(3))[0]
    return Grid(
        rows=draw(SIZES),
        columns=draw(SIZES),
        n=draw(st.integers(4, 9)),
        row_spacing=round(draw(SPACINGS), 6),
        column_spacing=round(draw(SPACINGS), 6),
        step=draw(st.floats(0.2, 5.0)),
        along_row=tuple(turn[:, 0]),
        along_column=tuple(turn[:, 1]),
        origin=tuple(draw(st.lists(st.floats(-800, 800), min_size=3, max_size=3))),
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(grid=grids(), seed=st.integers(0, 1000))
def test_any_geometry_comes_back_exactly(grid, seed):
    """Rows 01, 34 and 56: corners within 1e-4 mm, every value in its place, whatever the file order."""
    words = np.random.default_rng(seed).integers(0, 60000, (grid.n, grid.rows, grid.columns)).astype("<u2")
    names = np.random.default_rng(seed).permutation(grid.n)

    def change(k, ds):
        ds.PixelData, ds.InstanceNumber = words[k].tobytes(), int(names[k]) + 1
        return ds

    with tempfile.TemporaryDirectory() as folder:
        write_series(Path(folder), change, grid=grid)
        for n, path in zip(names, sorted(Path(folder).iterdir()), strict=True):
            path.rename(path.with_name(f"{n}.x"))
        volume = read_volume(folder)
    corners = np.array([[i, j, k] for i in (0, grid.columns - 1) for j in (0, grid.rows - 1) for k in (0, grid.n - 1)])
    wanted = corners @ grid.ras[:3, :3].T + grid.ras[:3, 3]
    assert np.linalg.norm(volume.geometry.to_mm(corners) - wanted, axis=1).max() <= 1e-4
    assert np.array_equal(volume.array, words.transpose(2, 1, 0))


def test_highdicom_sees_the_same_volume(tmp_path):
    """Voxel for voxel, and its affine, on a sagittal-oblique series with slopes."""
    write_series(tmp_path, RescaleSlope="0.5", RescaleIntercept="-7", PhotometricInterpretation="MONOCHROME1")
    ours = read_volume(tmp_path)
    images = [dcmread(path) for path in tmp_path.iterdir()]
    theirs = hd.get_volume_from_series(images, apply_presentation_lut=False)
    to_ours = np.linalg.inv(np.diag([-1, -1, 1, 1]) @ ours.affine) @ theirs.affine  # (slice, row, column) -> (i, j, k)
    whole = np.rint(to_ours)
    assert np.abs(to_ours - whole).max() <= 1e-4
    index = np.argwhere(np.ones(theirs.array.shape, bool))
    i, j, k = (index @ whole[:3, :3].T + whole[:3, 3]).astype(int).T
    assert np.array_equal(ours.array[i, j, k], theirs.array.reshape(-1))


def test_a_knee_exam_is_read_fast(tmp_path):
    """110 slices of 512x512: well under a second of processor time on a slow machine."""
    plane = np.random.default_rng(0).integers(0, 4000, (512, 512)).astype("<u2").tobytes()

    def change(_, ds):
        ds.PixelData = plane
        return ds

    write_series(tmp_path, change, grid=Grid(n=110), Rows=512, Columns=512)
    start = time.process_time()
    volume = read_volume(tmp_path)
    assert time.process_time() - start < 1.5
    assert volume.shape == (512, 512, 110)
    assert volume.array.nbytes == 110 * 512 * 512 * 2
