"""Enhanced multi-frame files; the rows of the catalogue stand in tests/reliability/test_a3_geometry.py."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from enhanced_mr import enhanced, frame_groups, item, order
from mr_series import GRID, place_error_mm, save
from pydicom.sequence import Sequence

from pedseg.dicom import discover, read_volume
from pedseg.errors import PedsegError

RIGHT_MM = 0.02


def write_one(folder: Path) -> None:
    save(enhanced([(k, frame_groups(k)) for k in order()]), folder / "file")


def test_one_file_is_enough(tmp_path):
    """Row 03: a path that is a multi-frame file; and highdicom sees the same volume."""
    write_one(tmp_path)
    volume = read_volume(tmp_path / "file")
    assert place_error_mm(volume) < RIGHT_MM
    ds = enhanced([(k, frame_groups(k)) for k in order()])
    # highdicom believes this tag, which is wrong here on purpose.
    del ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    file = hd.imread(save(ds, tmp_path / "theirs"))
    theirs = file.get_volume(apply_presentation_lut=False, apply_real_world_transform=False)
    values, lps = theirs.array, theirs.affine  # (slices, rows, columns)
    index = np.argwhere(np.ones(values.shape))
    places = index @ lps[:3, :3].T + lps[:3, 3]
    ours = np.rint(volume.geometry.to_index(places * [-1, -1, 1])).astype(int)
    assert np.array_equal(volume.array[tuple(ours.T)], values.reshape(-1))


def test_a_frame_s_own_groups_come_before_the_shared_ones(tmp_path):
    """Empty items of a frame do not hide the shared ones; what neither holds is taken from the file."""
    ds = enhanced([(k, frame_groups(k)) for k in range(GRID.n)])
    shared = ds.SharedFunctionalGroupsSequence[0]
    shared.PixelValueTransformationSequence = Sequence([item(RescaleSlope="3", RescaleIntercept="5")])
    for k, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
        if k % 2:
            groups.PixelValueTransformationSequence = Sequence([item()])
    ds.PerFrameFunctionalGroupsSequence[4].PixelValueTransformationSequence = Sequence([item(RescaleIntercept="7")])
    ds.RescaleSlope, ds.RescaleIntercept = "11", "13"
    save(ds, tmp_path / "file")
    (series,) = discover(tmp_path).series
    scales = {f.number: (f.pixels.slope, f.pixels.intercept) for f in series.frames}
    assert [scales[k] for k in (2, 3, 4)] == [(1.0, 0.0), (3.0, 5.0), (11.0, 7.0)]


def test_a_number_of_the_wrong_length_is_refused(tmp_path):
    """Temporal Position Index said to be a float of eight bytes: four are there."""
    write_one(tmp_path)
    data = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(data.replace(b"\x20\x00\x28\x91UL\x04\x00", b"\x20\x00\x28\x91FD\x04\x00"))
    with pytest.raises(PedsegError, match=r"PS-A121: .*its frames cannot be told apart"):
        read_volume(tmp_path)
