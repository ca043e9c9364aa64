"""Grey values: one test for each fault of the catalogue, named by its row."""

from __future__ import annotations

import numpy as np
import pytest
from mr_series import GRID, Grid, image, place_error_mm, raw, write_series
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pedseg.dicom import ReadOptions, read_volume
from pedseg.errors import InputError

SMALL = Grid(rows=6, columns=5, n=5)


def random_words(k: int, dtype: str = "<u2") -> np.ndarray:
    info = np.iinfo(dtype)
    shape = (SMALL.rows, SMALL.columns)
    return np.random.default_rng(k).integers(info.min, info.max, shape, dtype=dtype, endpoint=True)


def stacked(planes) -> np.ndarray:
    """(rows, columns) planes -> (I, J, K), by loops."""
    out = np.zeros((SMALL.columns, SMALL.rows, SMALL.n))
    for k, plane in enumerate(planes):
        for j in range(SMALL.rows):
            for i in range(SMALL.columns):
                out[i, j, k] = plane[j][i]
    return out


def with_words(words, **tags):
    def change(k: int, ds: Dataset) -> Dataset:
        ds.PixelData = words(k).tobytes()
        for key, value in tags.items():
            setattr(ds, key, value)
        return ds

    return change


@pytest.mark.parametrize(
    ("tags", "dtype"),
    [
        pytest.param({}, np.uint16, id="61"),
        pytest.param({"RescaleSlope": "1", "RescaleIntercept": "0"}, np.uint16, id="61-identity"),
        pytest.param({"PixelRepresentation": 1}, np.int16, id="61-signed"),
    ],
)
def test_stored_integers_are_kept(tags, dtype, tmp_path):
    words = lambda k: random_words(k, "<i2" if dtype is np.int16 else "<u2")  # noqa: E731
    write_series(tmp_path, with_words(words, **tags), grid=SMALL)
    volume = read_volume(tmp_path)
    assert volume.array.dtype == dtype
    assert np.array_equal(volume.array, stacked([words(k) for k in range(SMALL.n)]))


def test_slope_and_intercept_apply_slice_by_slice(tmp_path):
    """Row 62: Philips gives each slice its own; no value is rounded back to an integer."""

    def change(k: int, ds: Dataset) -> Dataset:
        ds.PixelData = random_words(k).tobytes()
        ds.RescaleSlope, ds.RescaleIntercept = f"{0.37 + 0.11 * k:.2f}", f"{-3.5 * k}"
        return ds

    write_series(tmp_path, change, grid=SMALL)
    volume = read_volume(tmp_path)
    wanted = stacked([random_words(k).astype(float) * (0.37 + 0.11 * k) - 3.5 * k for k in range(SMALL.n)])
    assert volume.array.dtype == np.float32
    assert np.abs(volume.array - wanted).max() <= 2e-3  # half a unit in float32's last place at 50 000


def test_a_modality_lut_is_applied(tmp_path):
    """Row 63."""

    def change(k: int, ds: Dataset) -> Dataset:
        table = Dataset()
        table.LUTDescriptor, table.ModalityLUTType = [256, 0, 16], "US"
        table.LUTData = [(7 * v + k) % 65536 for v in range(256)]
        table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
        ds.ModalityLUTSequence = Sequence([table])
        ds.PixelData = (random_words(k) % 256).astype("<u2").tobytes()
        return ds

    write_series(tmp_path, change, grid=SMALL)
    wanted = stacked([7 * (random_words(k) % 256).astype(int) + k for k in range(SMALL.n)])
    assert np.array_equal(read_volume(tmp_path).array, wanted)


@pytest.mark.parametrize("signed", [False, True], ids=["64-unsigned", "64-signed"])
@pytest.mark.parametrize("bits", range(8, 17))
def test_bits_beyond_the_stored_ones_are_cleared(bits, signed, tmp_path):
    """Row 64: an overlay above High Bit, for 8 to 16 stored bits."""
    tags = {"BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": int(signed)}
    write_series(tmp_path, with_words(random_words, **tags), grid=SMALL)
    low = [random_words(k).astype(int) % 2**bits for k in range(SMALL.n)]
    wanted = [np.where(v >= 2 ** (bits - 1), v - 2**bits, v) if signed else v for v in low]
    assert np.array_equal(read_volume(tmp_path).array, stacked(wanted))


def test_stored_bits_that_do_not_begin_at_bit_0(tmp_path):
    """Row 64: 12 bits in the upper part of the word."""
    write_series(tmp_path, with_words(random_words, BitsStored=12, HighBit=15), grid=SMALL)
    wanted = stacked([random_words(k) >> 4 for k in range(SMALL.n)])
    assert np.array_equal(read_volume(tmp_path).array, wanted)


def test_eight_bits(tmp_path):
    def words(k: int) -> np.ndarray:
        return (random_words(k) % 256).astype(np.uint8)

    write_series(tmp_path, with_words(words, BitsAllocated=8, BitsStored=8, HighBit=7), grid=SMALL)
    volume = read_volume(tmp_path)
    assert volume.array.dtype == np.uint8
    assert np.array_equal(volume.array, stacked([words(k) for k in range(SMALL.n)]))


def test_signed_and_unsigned_slices_share_one_type(tmp_path):
    def change(k: int, ds: Dataset) -> Dataset:
        ds.PixelRepresentation = k % 2
        value = 65536 - 5 if k % 2 else 60000
        ds.PixelData = np.full((SMALL.rows, SMALL.columns), value, "<u2").tobytes()
        return ds

    write_series(tmp_path, change, grid=SMALL)
    assert [int(v) for v in read_volume(tmp_path).array[0, 0]] == [60000, -5, 60000, -5, 60000]


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        pytest.param(with_words(lambda _: np.full((6, 5), 7, "<u2")), "PS-A65", r"constant \(7\)", id="65"),
        pytest.param(
            lambda k, ds: raw(ds, "RescaleSlope", "DS", b"nan ") if k == 2 else ds,
            "PS-A121",
            "im0003: Rescale",
            id="62-nan",
        ),
        pytest.param(lambda _, ds: raw(ds, "Rows", "US", b"\0\0"), "PS-A121", "make no image", id="68-zero"),
        pytest.param(lambda _, ds: raw(ds, "BitsStored", "US", b"\x20\0"), "PS-A121", "make no image", id="64-absurd"),
        pytest.param(
            lambda _, ds: raw(raw(ds, "Rows", "US", b"\xff\xff"), "Columns", "US", b"\xff\xff"),
            "PS-A08",
            "60 of 8589672450 pixel bytes",
            id="68-lie",
        ),
    ],
)
def test_refused_pixels(change, code, says, tmp_path):
    write_series(tmp_path, change, grid=SMALL)
    with pytest.raises(InputError, match=says) as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == code


def test_too_many_voxels_are_refused_before_they_are_read(tmp_path):
    """Row 68."""
    write_series(tmp_path, grid=SMALL)
    with pytest.raises(InputError, match="5x6x5 voxels, at most 149 are read") as refusal:
        read_volume(tmp_path, options=ReadOptions(max_voxels=149))
    assert refusal.value.code == "PS-A68"
    assert read_volume(tmp_path, options=ReadOptions(max_voxels=150)).array.size == 150


def test_monochrome1_is_the_stored_grey(tmp_path):
    """Row 24: as highdicom without presentation LUT; no inversion."""
    write_series(tmp_path, PhotometricInterpretation="MONOCHROME1")
    volume = read_volume(tmp_path)
    assert place_error_mm(volume) < 0.02
    assert volume.notices[0].text.startswith("16 images are MONOCHROME1")
    assert image(GRID, 0).PhotometricInterpretation == "MONOCHROME2"
