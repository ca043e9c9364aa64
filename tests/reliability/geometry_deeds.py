"""Rows on geometry that are more than one reading of one folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import enhanced_faults as en
import numpy as np
import pytest
from dicom_rows import EXACT_MM, RIGHT_MM
from enhanced_mr import item
from geometry_faults import sheared, some
from mr_series import Grid, image, place_error_mm, write_series

from pedseg.dicom import read_volume
from pedseg.volumes.geometry import Geometry
from pedseg.volumes.nifti import read_nifti, write_nifti

SMALL = Grid(rows=7, columns=5, n=8)


def a_hundred_orders(folder: Path) -> None:
    """Names and the order of files say nothing: bit-identical values, affine and facts."""
    write_series(folder, grid=SMALL)
    first = read_volume(folder)
    assert place_error_mm(first) < RIGHT_MM
    rng = np.random.default_rng(5)
    for _ in range(100):
        for path in sorted(folder.iterdir()):
            path.rename(folder / f"{rng.integers(1 << 60):x}")
        again = read_volume(folder)
        assert np.array_equal(again.array, first.array)
        assert np.array_equal(again.affine, first.affine)
        assert again.facts == first.facts


def written_in_reverse(folder: Path) -> None:
    """The folder's own order: files copied last to first into another."""
    write_series(folder / "a", grid=SMALL)
    (folder / "b").mkdir()
    for path in sorted((folder / "a").iterdir(), reverse=True):
        shutil.copy(path, folder / "b" / path.name)
    one, other = read_volume(folder / "a"), read_volume(folder / "b")
    assert np.array_equal(one.array, other.array)
    assert np.array_equal(one.affine, other.affine)


def shear_in_nifti(folder: Path) -> None:
    """The sform holds what a qform cannot."""
    grid = sheared(16, 14.0)
    volume = read_volume(write_series(folder / "exam", grid=grid))
    write_nifti(volume, folder / "labels.nii.gz")
    written = read_nifti(folder / "labels.nii.gz")
    assert written.geometry.corner_distance_mm(Geometry(volume.shape, grid.ras)) <= EXACT_MM


def every_axis_order_and_flip(folder: Path) -> None:
    """Rows and columns along each pair of axes, either way, slices sent either way: 48, turned at random."""
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    cases = product(permutations(range(3), 2), product((1, -1), repeat=2), (False, True))
    for number, ((a, b), (sign_a, sign_b), backwards) in enumerate(cases):
        rows, columns = turn[:, a] * sign_a, turn[:, b] * sign_b
        grid = replace(SMALL, along_row=tuple(rows), along_column=tuple(columns))
        change = (lambda k, _, g=grid: image(g, g.n - 1 - k)) if backwards else None
        volume = read_volume(write_series(folder / str(number), change, grid=grid))
        assert volume.geometry.corner_distance_mm(Geometry(volume.shape, grid.ras)) <= EXACT_MM
        assert place_error_mm(volume) < RIGHT_MM


def swapped_spacing(folder: Path) -> None:
    """Columns before rows in Pixel Spacing: no header can tell. What it says is what is read."""
    volume = read_volume(write_series(folder, PixelSpacing=["0.25", "0.3"]))
    assert volume.spacing_mm == pytest.approx((0.3, 0.25, 0.8))
    assert volume.notices == ()
    assert place_error_mm(volume) > 1


def laterality(told: str | None, folder: Path, **tags: object) -> None:
    """The tag, or nothing."""
    write_series(folder, **tags)
    assert read_volume(folder).facts.get("laterality") == told


def both_sides(folder: Path) -> None:
    """Images that disagree on their side: none is told."""
    some(range(4), ImageLaterality="L")(folder)
    assert "laterality" not in read_volume(folder).facts


def frame_laterality(folder: Path) -> None:
    def change(_, groups):
        groups.FrameAnatomySequence = [item(FrameLaterality="R")]

    en.file_of(en.each_frame(change))(folder)
    assert read_volume(folder).facts["laterality"] == "R"
