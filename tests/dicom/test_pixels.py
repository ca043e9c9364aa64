"""Grey values of a stack, file by file; the rows of the catalogue stand in tests/reliability/test_a4_grey.py."""

from __future__ import annotations

import numpy as np
import pytest
from mr_series import Grid, image, save, write_series
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from pedseg.dicom import discover
from pedseg.dicom.frame import PixelData
from pedseg.dicom.pixels import read_grey, same_pixels, stored_type
from pedseg.errors import InputError

SMALL = Grid(rows=6, columns=5, n=5)


def frames_of(folder):
    (series,) = discover(folder).series
    return sorted(series.frames, key=lambda frame: frame.name)


@pytest.mark.parametrize(
    ("bits", "signed", "wanted"), [(8, False, "u1"), (16, False, "u2"), (16, True, "i2"), (32, True, "i4")]
)
def test_the_stored_type_follows_bits_and_sign(bits, signed, wanted):
    pixels = PixelData("", 0, 0, bits, bits, bits - 1, signed, "MONOCHROME2")
    assert stored_type(pixels) == np.dtype(wanted)


def test_slices_come_in_the_order_of_the_frames(tmp_path):
    write_series(tmp_path, grid=SMALL)
    frames = frames_of(tmp_path)
    array = read_grey(frames[::-1])
    assert array.shape == (SMALL.columns, SMALL.rows, SMALL.n)
    assert array.transpose(2, 1, 0).flags.c_contiguous  # each slice is one piece of memory
    for k in range(SMALL.n):
        assert np.array_equal(array[..., SMALL.n - 1 - k].T, SMALL.plane(k))


def test_one_slope_makes_all_slices_single_precision(tmp_path):
    write_series(tmp_path, lambda k, ds: image(SMALL, k, RescaleSlope="0.5") if k == 2 else ds, grid=SMALL)
    array = read_grey(frames_of(tmp_path))
    assert array.dtype == np.float32
    assert np.array_equal(array[..., 2].T, SMALL.plane(2) * 0.5)
    assert np.array_equal(array[..., 3].T, SMALL.plane(3))


def test_the_same_grey_values_in_other_bytes(tmp_path):
    """Compressed, big endian, and by slope: one picture."""
    save(image(SMALL, 1), tmp_path / "im1")
    save(image(SMALL, 2), tmp_path / "im2")
    save(image(SMALL, 1), tmp_path / "im3", ExplicitVRBigEndian)
    packed = dcmread(tmp_path / "im1")
    packed.compress(RLELossless, generate_instance_uid=False)
    packed.save_as(tmp_path / "im4", enforce_file_format=True)
    (series,) = discover(tmp_path).series
    by_name = {frame.name: frame for frame in (*series.frames, *series.copies)}
    assert same_pixels(by_name["im1"], by_name["im3"])
    assert same_pixels(by_name["im1"], by_name["im4"])
    assert not same_pixels(by_name["im1"], by_name["im2"])


def test_a_file_cut_after_its_header_was_read_is_refused(tmp_path):
    write_series(tmp_path, grid=SMALL)
    frames = frames_of(tmp_path)
    frames[3].path.write_bytes(frames[3].path.read_bytes()[:-10])
    with pytest.raises(InputError, match="PS-A08: im0004: 25 of 30 pixels"):
        read_grey(frames)


def coded_as_signed(lowest):
    """JPEG 2000 slices of signed values from `lowest`, whose headers say unsigned."""

    def change(k, ds):
        values = np.linspace(lowest, 1000 + k, ds.Rows * ds.Columns).astype("<i2")
        ds.PixelData, ds.PixelRepresentation, ds.BitsStored, ds.HighBit = values.tobytes(), 1, 12, 11
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.compress(JPEG2000Lossless, generate_instance_uid=False)
        ds.PixelRepresentation = 0
        return ds

    return change


def test_a_sign_in_the_codestream_alone_does_no_harm_without_negative_values(tmp_path):
    write_series(tmp_path, coded_as_signed(0))
    array = read_grey(frames_of(tmp_path))
    assert (array.dtype, array.min(), array.max()) == (np.uint16, 0, 1015)


def test_negative_values_under_an_unsigned_header_are_refused(tmp_path):
    """A header that is believed would make 4095 of -1."""
    write_series(tmp_path, coded_as_signed(-1))
    with pytest.raises(InputError, match=r"im0001 has an unsigned Pixel Representation.* may mean negative") as refused:
        read_grey(frames_of(tmp_path))
    assert refused.value.code == "PS-A121"
