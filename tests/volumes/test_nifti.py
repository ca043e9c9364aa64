"""Image files: exact there and back, damage always noticed. Numbers in ids are rows of the fault catalogue."""

from __future__ import annotations

import gzip
import time
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from pedseg.errors import InputError, OutputError, PedsegError
from pedseg.volumes import Volume
from pedseg.volumes.nifti import check_image, read_image, read_nifti, write_nifti

AFFINE = np.array([[0.30, 0.02, -0.05, -81.25], [-0.03, 0.24, 0.11, 20.5], [0.04, -0.06, 0.79, -1003.7], [0, 0, 0, 1]])
ROTATION, _ = np.linalg.qr(AFFINE[:3, :3])


def rigid() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = ROTATION * [0.3, 0.25, 0.8]
    affine[:3, 3] = AFFINE[:3, 3]
    return affine


def volume(dtype: str = "uint8", affine: np.ndarray | None = None, shape=(5, 6, 7)) -> Volume:
    rng = np.random.default_rng(0)
    array = rng.normal(size=shape) * 100 if dtype.startswith("f") else rng.integers(0, 100, shape)
    return Volume(array.astype(dtype), rigid() if affine is None else affine, slice_axis=2)


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32"])
def test_there_and_back(dtype, name, tmp_path):
    """The same values and type, corners within 1e-4 mm, the slice axis; nibabel and SimpleITK agree."""
    written = volume(dtype)
    write_nifti(written, tmp_path / name)
    back = read_nifti(tmp_path / name)
    assert back.array.dtype == dtype
    assert np.array_equal(back.array, written.array)
    assert back.geometry.corner_distance_mm(written.geometry) <= 1e-4
    assert back.slice_axis == 2
    assert back.notices == ()
    theirs = nib.load(tmp_path / name)
    assert np.array_equal(np.asanyarray(theirs.dataobj), written.array)
    assert np.abs(theirs.affine - written.affine).max() < 1e-4
    other = SimpleITK.ReadImage(str(tmp_path / name))
    assert np.array_equal(SimpleITK.GetArrayFromImage(other).transpose(2, 1, 0), written.array)
    lps = np.array(other.TransformIndexToPhysicalPoint((4, 5, 6)))
    assert lps * [-1, -1, 1] == pytest.approx(written.geometry.to_mm([4, 5, 6]), abs=1e-3)


def test_what_the_header_says(tmp_path):
    """Both forms with code 1, mm, and no text that could name a patient."""
    write_nifti(volume(), tmp_path / "x.nii.gz")
    header = nib.load(tmp_path / "x.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"
    assert header["descrip"].item() == header["aux_file"].item() == header["db_name"].item() == b""
    assert len(header.extensions) == 0


@pytest.mark.parametrize(("drift_mm", "code"), [(0.0, 1), (0.02, 1), (0.06, 0)])
def test_a_form_that_a_reader_may_prefer_is_not_written_where_it_is_off(drift_mm, code, tmp_path):
    """No rotation holds the shear of a stack whose last slice lies that far sideways; the nearest halves it."""
    sheared = rigid()
    sheared[:3, 2] += sheared[:3, 0] / np.linalg.norm(sheared[:3, 0]) * drift_mm / 6
    write_nifti(volume(affine=sheared), tmp_path / "x.nii")
    header = nib.load(tmp_path / "x.nii").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, code)
    assert read_nifti(tmp_path / "x.nii").geometry.corner_distance_mm(volume(affine=sheared).geometry) <= 1e-4


def test_equal_volumes_give_equal_bytes(tmp_path):
    write_nifti(volume(), tmp_path / "a.nii.gz")
    time.sleep(1.1)  # gzip stores whole seconds, unless told not to
    write_nifti(volume(), tmp_path / "other name.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "other name.nii.gz").read_bytes()


@pytest.mark.parametrize(
    ("array", "stored"),
    [
        (np.eye(3, dtype=bool)[..., None], "uint8"),
        (np.full((2, 2, 2), 70000, np.int64), "int32"),
        (np.full((2, 2, 2), 0.5), "float32"),
        (np.full((2, 2, 2), np.nan, np.float32), "float32"),
    ],
    ids=["bool", "int64", "float64", "nan"],
)
def test_other_types_are_stored_in_one_every_reader_knows(array, stored, tmp_path):
    write_nifti(Volume(array, np.eye(4)), tmp_path / "x.nii")
    back = read_nifti(tmp_path / "x.nii").array
    assert back.dtype == stored
    assert np.array_equal(back, array, equal_nan=True)


def test_numbers_that_fit_no_type_are_a_mistake(tmp_path):
    with pytest.raises(TypeError, match="int32"):
        write_nifti(Volume(np.full((2, 2, 2), 1 << 40), np.eye(4)), tmp_path / "x.nii")
    assert list(tmp_path.iterdir()) == []


def test_any_memory_order_gives_the_same_file(tmp_path):
    one = volume("int16")
    for name, array in {"c": np.ascontiguousarray(one.array), "f": np.asfortranarray(one.array)}.items():
        write_nifti(one.with_array(array), tmp_path / f"{name}.nii")
    write_nifti(one.with_array(one.array[::-1, :, ::2].repeat(2, axis=2)[::-1, :, :7]), tmp_path / "view.nii")
    assert (tmp_path / "c.nii").read_bytes() == (tmp_path / "f.nii").read_bytes()
    assert np.array_equal(read_nifti(tmp_path / "view.nii").array[..., 1], one.array[..., 0])


def test_nothing_half_written_stays(tmp_path):
    """Row 105: the folder is a file."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError) as refusal:
        write_nifti(volume(), tmp_path / "file" / "x.nii.gz")
    assert refusal.value.code == "PS-A105"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_label_volume_is_written_fast(tmp_path):
    """512x512x170 labels, written, synced and read back: seconds of processor time."""
    array = np.zeros((512, 512, 170), np.uint8)
    array[100:300, 150:400, 40:130] = 1
    start = time.process_time()
    write_nifti(Volume(array, rigid()), tmp_path / "x.nii.gz")
    assert time.process_time() - start < 4


def test_other_headers_are_read_as_meant(tmp_path):
    """Slope and intercept, big endian, NIfTI-2, micrometres, a fourth axis of one."""
    stored = np.arange(60, dtype=">i2").reshape(3, 4, 5, 1)
    header = nib.Nifti1Header(endianness=">")
    header.set_data_shape(stored.shape)
    header.set_data_dtype(np.int16)
    header.set_sform(np.diag([300, 250, 800, 1]), 1)
    header.set_xyzt_units("micron")
    header["vox_offset"], header["magic"] = 352, b"n+1"
    header["scl_slope"], header["scl_inter"] = 0.5, -3
    (tmp_path / "x.nii").write_bytes(header.binaryblock + bytes(4) + stored.tobytes(order="F"))
    back = read_nifti(tmp_path / "x.nii")
    assert back.spacing_mm == pytest.approx((0.3, 0.25, 0.8), abs=1e-6)
    assert np.array_equal(back.array, stored[..., 0] * 0.5 - 3)
    nib.save(nib.Nifti2Image(np.ones((2, 3, 4), np.float32), AFFINE), tmp_path / "two.nii.gz")
    assert np.abs(read_nifti(tmp_path / "two.nii.gz").affine - AFFINE).max() < 1e-4


def damaged(folder: Path, data: bytes, name: str = "x.nii.gz") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def header_with(**fields: object) -> bytes:
    header = nib.Nifti1Header()
    header.set_data_shape((4, 4, 4))
    header.set_sform(np.eye(4), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    for key, value in fields.items():
        header[key] = value
    return bytes(header.binaryblock) + bytes(4)


BOMB = [3, 32767, 32767, 32767, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        pytest.param(header_with(dim=BOMB), "PS-A68", "32767x32767x32767 voxels", id="68"),
        pytest.param(gzip.compress(header_with(dim=BOMB)), "PS-A68", "at most 1073741824", id="68-gz"),
        pytest.param(header_with(dim=[3, 1000, 1000, 1000, 1, 1, 1, 1]), "PS-A80", "0 of 4000000000", id="80-lie"),
        pytest.param(header_with(dim=[4, 4, 4, 4, 9, 1, 1, 1]) + bytes(9999), "PS-A121", "4x4x4x9: one 3-D", id="4d"),
        pytest.param(header_with(dim=[2, 4, 4, 1, 1, 1, 1, 1]), "PS-A121", "one 3-D image", id="2d"),
        pytest.param(header_with(dim=[3, -4, 4, 4, 1, 1, 1, 1]), "PS-A121", "one 3-D image", id="negative"),
        pytest.param(header_with(dim=[99, 4, 4, 4, 1, 1, 1, 1]), "PS-A121", "one 3-D image", id="dims"),
        pytest.param(header_with(datatype=128, bitpix=24) + bytes(9999), "PS-A121", "integers or real", id="rgb"),
        pytest.param(header_with(datatype=7) + bytes(9999), "PS-A121", "unknown data type", id="type"),
        pytest.param(header_with(vox_offset=np.nan) + bytes(9999), "PS-A121", "begin at byte 0", id="offset"),
        pytest.param(header_with(srow_x=[np.nan] * 4) + bytes(256), "PS-A52", "affine", id="52"),
        pytest.param(header_with(srow_x=[0] * 4) + bytes(256), "PS-A52", "affine", id="52-flat"),
        pytest.param(b"not an image", "PS-A121", "no single-file NIfTI", id="text"),
        pytest.param(gzip.compress(bytes(1 << 20)), "PS-A121", "no single-file NIfTI", id="zeros"),
    ],
)
def test_refused_files(data, code, says, tmp_path):
    with pytest.raises(PedsegError, match=says) as refusal:
        read_image(damaged(tmp_path, data, "x.nii"))
    assert refusal.value.code == code
    assert "\n" not in str(refusal.value)


def test_a_second_image_behind_the_data_is_refused_and_less_is_not(tmp_path):
    """64 voxels of 4 bytes, and as many bytes again."""
    assert read_nifti(damaged(tmp_path, header_with() + bytes(511), "x.nii")).shape == (4, 4, 4)
    with pytest.raises(InputError, match=r"PS-A80: x.nii holds more than its header says"):
        read_nifti(damaged(tmp_path, header_with() + bytes(512), "x.nii"))


def test_a_gzip_bomb_behind_a_small_image_is_refused(tmp_path):
    """Row 68: 4x4x4 voxels, then 256 MiB of zeros."""
    packer = zlib.compressobj(9, wbits=31)
    data = packer.compress(header_with() + bytes(1 << 28)) + packer.flush()
    with pytest.raises(InputError, match="more than its header says"):
        read_nifti(damaged(tmp_path, data))


@pytest.mark.parametrize("ending", ["nrrd", "mha"])
def test_other_formats_come_through_simpleitk(ending, tmp_path):
    values = np.random.default_rng(0).integers(0, 99, (7, 6, 5)).astype(np.int16)  # (k, j, i)
    image = SimpleITK.GetImageFromArray(values)
    lps = np.diag([-1, -1, 1]) @ ROTATION
    image.SetDirection(lps.reshape(-1).tolist())
    image.SetSpacing([0.3, 0.25, 0.8])
    image.SetOrigin((np.diag([-1, -1, 1]) @ AFFINE[:3, 3]).tolist())
    path = tmp_path / f"x.{ending}"
    SimpleITK.WriteImage(image, str(path))
    back = read_image(path)
    assert np.abs(back.affine - rigid()).max() < 1e-9
    assert np.array_equal(back.array, values.transpose(2, 1, 0))
    with pytest.raises(InputError, match="5x6x7 voxels"):
        read_image(path, max_voxels=209)
    with pytest.raises(InputError) as refusal:
        read_image(damaged(tmp_path, path.read_bytes()[:-50], f"cut.{ending}"))
    assert refusal.value.code == "PS-A121"


def test_unknown_and_missing_files(tmp_path):
    with pytest.raises(InputError, match="is no image pedseg reads"):
        read_image(tmp_path / "x.png")
    for name in ("x.nii.gz", "x.nrrd"):
        with pytest.raises(InputError) as refusal:
            read_image(tmp_path / name)
        assert refusal.value.code == "PS-A121"


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        pytest.param(np.nan, "PS-A66", "1 of 27 voxels are NaN or infinite", id="66"),
        pytest.param(-np.inf, "PS-A66", "1 of 27", id="66-inf"),
        pytest.param(0.0, "PS-A65", r"constant \(0\)", id="65"),
    ],
)
def test_grey_values_no_network_can_use(value, code, says):
    array = np.zeros((3, 3, 3), np.float32)
    array[1, 2, 0] = value
    with pytest.raises(InputError, match=says) as refusal:
        check_image(Volume(array, np.eye(4)))
    assert refusal.value.code == code


def test_ordinary_grey_values_pass():
    check_image(volume("float32"))
    check_image(volume("int16"))
