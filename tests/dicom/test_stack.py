"""Where the slices lie: one test for each fault of the catalogue, named by its row."""

from __future__ import annotations

import re
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from mr_series import GRID, Grid, decimal, image, place_error_mm, raw, write_series
from pydicom.dataset import Dataset

from pedseg.dicom import ReadOptions, read_volume
from pedseg.errors import PedsegError

RIGHT_MM = 0.02


def series(change=None, **tags: object):
    """A writer of the series, each slice changed."""
    return lambda folder: write_series(folder, change, **tags)


def without(*missing: int):
    return series(lambda k, ds: None if k in missing else ds)


def only(n: int):
    return series(lambda k, ds: ds if k < n else None)


def one(slice_number: int, **tags: object):
    """A writer of the series with other tags in one slice."""
    return series(lambda k, ds: image(GRID, k, **tags) if k == slice_number - 1 else ds)


def one_raw(keyword: str, value: bytes, vr: str = "DS"):
    return series(lambda k, ds: raw(ds, keyword, vr, value) if k == 4 else ds)


def moved(offsets: dict[int, tuple[float, float, float]]):
    """A writer of the series with slices moved (LPS mm) without telling the grey values."""

    def change(k: int, ds: Dataset) -> Dataset:
        if k in offsets:
            position = zip(ds.ImagePositionPatient, offsets[k], strict=True)
            ds.ImagePositionPatient = [decimal(a + b) for a, b in position]
        return ds

    return series(change)


def along(mm: float) -> tuple[float, float, float]:
    normal = np.cross(GRID.along_row, GRID.along_column) * mm
    return float(normal[0]), float(normal[1]), float(normal[2])


def shuffled(folder: Path) -> None:
    """File names and Instance Numbers run against the positions."""
    write_series(folder, lambda k, _: image(GRID, k, InstanceNumber=GRID.n - k))
    paths = sorted(folder.iterdir())
    for n, path in zip(np.random.default_rng(0).permutation(len(paths)), paths, strict=True):
        path.rename(folder / f"x{n:04d}")


def random_numbers(folder: Path) -> None:
    order = np.random.default_rng(1).permutation(GRID.n) + 1
    write_series(folder, lambda k, _: image(GRID, k, InstanceNumber=int(order[k])))


def jitter(mm: float):
    noise = np.random.default_rng(2).uniform(-mm, mm, (GRID.n, 3))
    return moved({k: tuple(noise[k]) for k in range(GRID.n)})


def scaled_orientation(factor: float):
    return series(ImageOrientationPatient=[decimal(v * factor) for v in (*GRID.along_row, *GRID.along_column)])


def skewed_orientation(dot: float):
    column = np.array(GRID.along_column) * np.sqrt(1 - dot**2) + np.array(GRID.along_row) * dot
    return series(ImageOrientationPatient=[decimal(v) for v in (*GRID.along_row, *column)])


TURNED = [decimal(v) for v in (np.sin(0.2), np.cos(0.2), 0, 0, 0, -1)]


@pytest.mark.parametrize(
    ("write", "notices"),
    [
        pytest.param(shuffled, set(), id="34"),
        pytest.param(random_numbers, set(), id="35"),
        pytest.param(series(InstanceNumber=None), set(), id="35-missing"),
        pytest.param(jitter(1e-6), set(), id="39"),
        pytest.param(moved({7: along(0.03)}), {"PS-W38"}, id="38-warned"),
        pytest.param(scaled_orientation(1.00005), set(), id="44-silent"),
        pytest.param(scaled_orientation(1.01), {"PS-W44"}, id="44"),
        pytest.param(skewed_orientation(5e-5), set(), id="43-silent"),
        pytest.param(series(SliceThickness="5", SpacingBetweenSlices="-3", SliceLocation="17"), set(), id="53"),
        pytest.param(series(PatientPosition="HFDR"), set(), id="55"),
        pytest.param(series(PatientPosition=None, Laterality="L"), set(), id="55-missing"),
    ],
)
def test_the_grid_is_right(write, notices, tmp_path):
    write(tmp_path / "exam")
    volume = read_volume(tmp_path / "exam")
    assert volume.shape == (GRID.columns, GRID.rows, GRID.n)
    assert volume.geometry.corner_distance_mm(type(volume.geometry)(volume.shape, GRID.ras)) < 2e-3
    assert place_error_mm(volume) < RIGHT_MM
    assert {n.code for n in volume.notices} == notices


@pytest.mark.parametrize(
    ("write", "code", "says"),
    [
        pytest.param(
            without(7),
            "PS-A36",
            r"gap of 1.60 mm \(2.0 x 0.80\) between slice 7 and 8 of 15: 1 image missing",
            id="36",
        ),
        pytest.param(without(3, 4, 9), "PS-A36", "between slice 3 and 4 of 13: 3 images missing", id="36-three"),
        pytest.param(moved({7: along(0.3)}), "PS-A38", "slice 8 of 16 lies 0.300 mm off", id="38"),
        pytest.param(moved({7: (0.0, 0.3, 0.0)}), "PS-A38", "slice 8 of 16 lies 0.300 mm off", id="38-sideways"),
        pytest.param(only(1), "PS-A40", "1 slices", id="40-one"),
        pytest.param(only(2), "PS-A40", "localizer-like: 2 slices, a volume needs 4", id="40"),
        pytest.param(skewed_orientation(0.05), "PS-A43", "87.13 degrees apart", id="43"),
        pytest.param(scaled_orientation(1.03), "PS-A44", "lengths 1.0300 and 1.0300", id="44-refused"),
        pytest.param(one(8, ImageOrientationPatient=TURNED), "PS-A36", "1 image missing", id="45"),
        pytest.param(one(16, ImageOrientationPatient=TURNED), "PS-A45", "im0016 continues the stack", id="45-last"),
        pytest.param(series(ImagePositionPatient=None), "PS-A46", "im0001 has no Image Position", id="46"),
        pytest.param(one(5, ImagePositionPatient=None), "PS-A46", "im0005 has no Image Position", id="47"),
        pytest.param(series(ImageOrientationPatient=None), "PS-A48", "im0001 has no Image Orientation", id="48"),
        pytest.param(series(PixelSpacing=None, ImagerPixelSpacing=["1", "1"]), "PS-A49", "no Pixel Spacing", id="49"),
        pytest.param(one(8, PixelSpacing=["0.3", "0.26"]), "PS-A36", "1 image missing", id="50"),
        pytest.param(one(1, PixelSpacing=["0.3", "0.26"]), "PS-A45", "im0001 continues the stack", id="50-first"),
        pytest.param(one(8, Rows=24, Columns=80), "PS-A36", "1 image missing", id="51"),
        pytest.param(one_raw("ImagePositionPatient", rb"nan\1\2"), "PS-A52", "im0005: Image Posi.*3 finite", id="52"),
        pytest.param(one_raw("ImagePositionPatient", rb"1\2"), "PS-A52", "3 finite numbers", id="52-two"),
        pytest.param(one_raw("ImageOrientationPatient", rb"0\1\0\0\0\inf "), "PS-A52", "6 finite", id="52-inf"),
        pytest.param(one_raw("PixelSpacing", rb"0,3\0,25"), "PS-A52", "im0005: Pixel Spacing", id="52-comma"),
        pytest.param(one_raw("PixelSpacing", rb"0\0.25"), "PS-A52", "must lie in", id="52-zero"),
        pytest.param(one_raw("PixelSpacing", rb"-.3\0.25"), "PS-A52", "must lie in", id="52-negative"),
        pytest.param(one_raw("PixelSpacing", rb"1_0\0.25"), "PS-A52", "2 finite numbers", id="52-underscore"),
        pytest.param(one_raw("PixelSpacing", rb"30\25 "), "PS-A52", "must lie in", id="52-large"),
        pytest.param(series(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), "PS-A59", "mosaic", id="59"),
    ],
)
def test_refused_geometry(write, code, says, tmp_path):
    write(tmp_path / "exam")
    with pytest.raises(PedsegError, match=says) as refusal:
        read_volume(tmp_path / "exam")
    assert refusal.value.code == code
    assert "\n" not in str(refusal.value)
    assert "ZZPHI" not in str(refusal.value)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        pytest.param(without(0), "Instance Numbers 2 to 16 for 15 images", id="37"),
        pytest.param(without(0, 15), "Instance Numbers 2 to 15 for 14 images", id="37-both"),
        pytest.param(
            lambda f: write_series(f, grid=Grid(n=15), ImagesInAcquisition=16), "15 images.*speak of 16", id="37-count"
        ),
    ],
)
def test_a_missing_end_slice_is_hinted_at(write, says, tmp_path):
    write(tmp_path / "exam")
    (notice,) = read_volume(tmp_path / "exam").notices
    assert notice.code == "PS-W37"
    assert re.search(says, notice.text)


@pytest.mark.parametrize(
    ("n", "degrees", "warned"),
    [
        pytest.param(16, 14.0, True, id="41"),
        pytest.param(64, 2.15, True, id="42"),
        pytest.param(64, 0.05, False, id="42-small"),
    ],
)
def test_shear_is_kept_and_judged_in_mm(n, degrees, warned, tmp_path):
    """Row 42: 2.15 degrees pass a tolerance on the cosine, and are 1.9 mm at slice 64."""
    sideways = np.array(GRID.along_row) * GRID.step * np.tan(np.radians(degrees))
    grid = Grid(n=n, shear=tuple(sideways))
    write_series(tmp_path, grid=grid)
    volume = read_volume(tmp_path)
    assert np.abs(volume.affine - grid.ras).max() <= 1e-8
    assert place_error_mm(volume) < RIGHT_MM
    assert [n.code for n in volume.notices] == (["PS-W41"] if warned else [])


def test_min_slices_can_be_lowered(tmp_path):
    """Row 40."""
    only(3)(tmp_path)
    assert read_volume(tmp_path, options=ReadOptions(min_slices=3)).shape[2] == 3


def test_every_axis_order_and_flip(tmp_path):
    """Row 54: rows and columns along each pair of axes, either way, slices sent either way: 48, turned at random."""
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    cases = product(permutations(range(3), 2), product((1, -1), repeat=2), (False, True))
    for number, ((a, b), (sign_a, sign_b), backwards) in enumerate(cases):
        rows, columns = turn[:, a] * sign_a, turn[:, b] * sign_b
        grid = Grid(rows=7, columns=5, n=8, along_row=tuple(rows), along_column=tuple(columns))
        change = (lambda k, _, g=grid: image(g, g.n - 1 - k)) if backwards else None
        volume = read_volume(write_series(tmp_path / str(number), change, grid=grid))
        assert np.abs(volume.affine - grid.ras).max() <= 1e-7
        assert place_error_mm(volume) < RIGHT_MM


def test_the_result_does_not_depend_on_file_names(tmp_path):
    """Row 34: 20 shuffles, bit-identical."""
    write_series(tmp_path)
    first = read_volume(tmp_path)
    rng = np.random.default_rng(5)
    for _ in range(20):
        paths = sorted(tmp_path.iterdir())
        for path in paths:
            path.rename(tmp_path / f"{rng.integers(1 << 60):x}")
        again = read_volume(tmp_path)
        assert np.array_equal(again.array, first.array)
        assert np.array_equal(again.affine, first.affine)
        assert again.facts == first.facts
