"""Real exams and real vendor headers against independent readers; skipped where the data are absent."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from pedseg.dicom import ReadOptions, discover, read_series, read_volume
from pedseg.errors import InputError, PedsegError
from pedseg.volumes import Volume
from pedseg.volumes.geometry import LPS_TO_RAS, Geometry

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HEADERS = DATA / "dicom_headers_odd"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs the public test data in ../shared/data")
CT = ReadOptions(any_modality=True)


def test_eight_echoes_are_never_mixed():
    """Row 25: 192 files, big endian, one series."""
    folder = DATA / "knee_mr_ge_8echo_bigendian"
    with pytest.raises(InputError, match=r"8 echoes; .*echo 1: 6.312 ms, 24 slices; .*echo 8: 50.496 ms") as refusal:
        read_volume(folder)
    assert refusal.value.code == "PS-A25"
    assert [(s.echo, s.n_slices) for s in discover(folder).series] == [(echo, 24) for echo in range(1, 9)]


@pytest.mark.parametrize("echo", [1, 5, 8])
def test_one_echo_equals_what_simpleitk_reads(echo):
    """24 sagittal slices; SimpleITK gets the files of that echo by hand, ordered by its own reader."""
    (series,) = (s for s in discover(DATA / "knee_mr_ge_8echo_bigendian").series if s.echo == echo)
    volume = read_series(series)
    assert volume.shape == (256, 256, 24)
    assert volume.notices == ()
    assert volume.geometry.plane_of(2) == "sagittal"
    by_place = sorted(series.frames, key=lambda f: -f.position[0])  # LPS: from the left to the right
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(f.path) for f in by_place])
    image = reader.Execute()
    theirs = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    for corner in [(0, 0, 0), (255, 0, 23), (13, 200, 7), (255, 255, 0)]:
        lps = np.array(image.TransformIndexToPhysicalPoint(corner))
        index = volume.geometry.to_index(lps * [-1, -1, 1])
        assert np.abs(index - np.rint(index)).max() * 0.625 < 0.02  # cosines of six digits
        i, j, k = np.rint(index).astype(int)
        assert volume.array[i, j, k] == theirs[corner]
    sent_backwards = k != corner[2]
    assert np.array_equal(volume.array[..., ::-1] if sent_backwards else volume.array, theirs)


def test_four_oblique_slices_of_a_shoulder():
    volume = read_volume(DATA / "shoulder_mr_hitachi")
    assert volume.shape == (64, 64, 4)
    assert volume.spacing_mm == pytest.approx((2.34375, 2.34375, 4.0), abs=2e-3)
    with pytest.raises(InputError, match="4 slices, a volume needs 5"):
        read_volume(DATA / "shoulder_mr_hitachi", options=ReadOptions(min_slices=5))


FOLDERS = {
    "failing/gantrytilting/001": "PS-A04",
    "failing/notavolume/001": "PS-A04",
    "failing/slicecount/001": "PS-A40",
    "failing/sliceincrement/001": "PS-A04",
    "failing/sliceincrement/002": "PS-A04",
    "failing/sliceorientation/001": "PS-A20",
    "ge/anatomical/001": "",
    "ge/anatomical/001_implicit": "",
    "ge/anatomical/001_single_slice": "PS-A40",
    "generic/anatomical/001": "",
    "generic/anatomical/001_implicit": "",
    "generic/anatomical/002_non_isotropic": "",
    "generic/compressed/001": "",
    "generic/compressed_j2k/001": "",
    "generic/compressed_jpeg/001": "",
    "generic/compressed_jpegls/001": "",
    "generic/compressed_rle/001": "",
    "philips/anatomical/001": "",
    "philips_enhanced/anatomical/001": "",
    "philips_enhanced/anatomical/001_implicit": "",
    "siemens/anatomical/001": "",
    "siemens_multiframe/anatomical/001": "",
}
"""Every folder of images: the refusal's code, or empty where it is read."""


def test_every_folder_has_its_line():
    folders = [path for path in HEADERS.rglob("*") if path.is_dir() and not any(p.is_dir() for p in path.iterdir())]
    assert sorted(path.relative_to(HEADERS).as_posix() for path in folders) == sorted(FOLDERS)


@pytest.mark.parametrize("exam", [exam for exam, code in FOLDERS.items() if not code])
def test_vendor_headers_give_another_program_s_volume(exam):
    """Rows 16, 17, 56, 57: voxel for voxel where its affine puts them, corners within 1e-3 mm."""
    agrees(read_volume(HEADERS / exam), exam)


def test_two_slices_agree_too_where_they_are_asked_for():
    exam = "failing/slicecount/001"
    agrees(read_volume(HEADERS / exam, options=ReadOptions(min_slices=2)), exam)


def agrees(volume: Volume, exam: str) -> None:
    values, ras = oracle(HEADERS / exam)
    corners = Geometry(values.shape, ras).to_index(volume.geometry.corners_mm())
    whole = np.rint(corners)
    assert np.linalg.norm((corners - whole) @ ras[:3, :3].T, axis=1).max() <= 1e-3
    index = Geometry(values.shape, ras).to_index(volume.geometry.to_mm(np.argwhere(np.ones(volume.shape, bool))))
    i, j, k = np.rint(index).astype(int).T
    assert values.size == volume.array.size
    assert np.abs(values[i, j, k] - volume.array.reshape(-1)).max() <= 1e-6 * np.abs(values).max()


def oracle(exam: Path) -> tuple[np.ndarray, np.ndarray]:
    """The converter's NIfTI; SimpleITK's volume of the two series that have none."""
    truth = exam.with_name(f"{exam.name}_ground_truth.nii.gz")
    if truth.exists():
        theirs = nib.load(truth)
        return np.asanyarray(theirs.dataobj).reshape(theirs.shape[:3]), theirs.affine
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(exam)))
    image = reader.Execute()
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0), LPS_TO_RAS @ lps


@pytest.mark.parametrize("exam", [exam for exam, code in FOLDERS.items() if code])
def test_faulty_vendor_series_are_refused(exam):
    with pytest.raises(PedsegError) as refusal:
        read_volume(HEADERS / exam)
    assert refusal.value.code == FOLDERS[exam]


@pytest.mark.parametrize(
    ("exam", "code"),
    [
        ("failing/notavolume/001", "PS-A26"),
        ("failing/sliceincrement/001", "PS-A36"),
        ("failing/sliceincrement/002", "PS-A36"),
    ],
)
def test_faulty_ct_is_refused_for_its_geometry(exam, code):
    with pytest.raises(PedsegError) as refusal:
        read_volume(HEADERS / exam, options=CT)
    assert refusal.value.code == code


def test_gantry_tilt_stays_in_the_affine():
    """Row 41: a tilted CT series, which is no MR either."""
    with pytest.raises(InputError, match="CT Image Storage"):
        read_volume(HEADERS / "failing/gantrytilting/001")
    volume = read_volume(HEADERS / "failing/gantrytilting/001", options=CT)
    assert [n.code for n in volume.notices] == ["PS-W41"]
    assert volume.affine[:3, 2] == pytest.approx([0, 0, 5], abs=1e-3)  # the table's step, not the slices' normal
