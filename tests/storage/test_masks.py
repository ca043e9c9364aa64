from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from segs import write_seg
from tiny import write_dicom

from pedseg.dicom import read_volume
from pedseg.domains import Domain, load_domains
from pedseg.errors import GeometryError, InputError, UsageError
from pedseg.storage.masks import find_masks, read_mask, reference_domain
from pedseg.volumes import Geometry, Volume
from pedseg.volumes.nifti import write_nifti

OBLIQUE = np.array([[0.48, 0.05, 0.1, -30.0], [-0.06, 0.59, 0.02, 12.0], [-0.05, 0.02, 1.19, 7.0], [0, 0, 0, 1]])
SHAPE = (7, 6, 5)
GRID = Geometry(SHAPE, OBLIQUE)


@pytest.fixture
def ankle() -> Domain:
    return load_domains(["ankle"])[0]


def three_bones() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 2:4, 1:4], labels[4, 1:3, 2], labels[6, 5, 4] = 1, 2, 3
    return labels


def save(path: Path, array: np.ndarray, affine: np.ndarray = OBLIQUE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume(array, affine), path)
    return path


def names(folder: Path) -> dict[str, str]:
    return {exam: path.relative_to(folder).as_posix() for exam, path in find_masks(folder).masks.items()}


def test_one_file_an_exam(tmp_path: Path):
    """As nnU-Net and most tools write them, beside files of their own."""
    for name in ("b.nii.gz", "a.1.nii", "c.nrrd", "D.MHA", "e.dcm", ".hidden.nii.gz", "plans.json", "x.npz"):
        (tmp_path / name).touch()
    (tmp_path / "f.seg.nrrd").touch()  # of 3D Slicer
    (tmp_path / "empty").mkdir()
    wanted = {"D": "D.MHA", "a.1": "a.1.nii", "b": "b.nii.gz", "c": "c.nrrd", "e": "e.dcm", "f": "f.seg.nrrd"}
    assert names(tmp_path) == wanted


def test_one_folder_an_exam(tmp_path: Path):
    """Predictions of ours, raw exams, one mask of any name, and one file a structure."""
    for name in (
        "ours/labels.nii.gz", "ours/prediction.json", "raw/image.nii.gz", "raw/labels.dcm", "raw/labels.nii",
        "bare/image.nii.gz", "seg/study.dcm", "any/mask.nrrd", "many/talus.nii.gz", "many/tibia.nii.gz",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    wanted = {"ours": "ours/labels.nii.gz", "raw": "raw/labels.nii", "seg": "seg/study.dcm", "any": "any"}
    assert names(tmp_path) == {**wanted, "many": "many"}


def test_an_nnunet_dataset_gives_its_labels(tmp_path: Path):
    for name in ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "dataset.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(tmp_path) == {"a": "labelsTr/a.nii.gz"}


@pytest.mark.parametrize("other", ["a.nrrd", "a/labels.nii.gz", "a/talus.nii.gz"])
def test_two_masks_for_one_exam_are_a_fault_of_that_exam(tmp_path: Path, other: str):
    for exam in ("a", "b"):
        save(tmp_path / f"{exam}.nii.gz", three_bones())
    (tmp_path / "a").mkdir()
    (tmp_path / other).touch()
    found = find_masks(tmp_path)
    assert found.masks == {"b": tmp_path / "b.nii.gz"}
    assert list(found.faults) == ["a"]
    assert re.match(r"PS-A134: a: \S+ and \S+ are both masks of the same", str(found.faults["a"]))


def test_a_segmentation_beside_another_mask_is_a_fault(tmp_path: Path):
    save(tmp_path / "a" / "talus.nii.gz", three_bones())
    (tmp_path / "a" / "seg.dcm").touch()
    found = find_masks(tmp_path)
    assert not found.masks
    assert str(found.faults["a"]).startswith("PS-A134: a: a/seg.dcm and a/talus.nii.gz")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_a_file_name_that_is_not_utf8_is_a_fault_that_can_be_written(tmp_path: Path):
    save(tmp_path / "a.nii.gz", three_bones())
    (tmp_path / os.fsdecode(b"\xe9.nii.gz")).touch()
    found = find_masks(tmp_path)
    assert (list(found.masks), list(found.faults)) == (["a"], ["?"])
    told = "PS-A99: the file name '?.nii.gz' is not UTF-8, or holds control characters: rename it"
    assert str(found.faults["?"]).encode() == told.encode()


@pytest.mark.parametrize("place", ["", "labelsTr"])
def test_references_of_nnunet_are_numbered_by_their_dataset(tmp_path: Path, ankle: Domain, place: str):
    """A bone is what `dataset.json` calls so, whatever its number."""
    stored = np.array([0, 3, 1, 2], np.uint8)[three_bones()]
    save(tmp_path / "labelsTr" / "a.nii.gz", stored)
    assert reference_domain(tmp_path / place, ankle) is ankle
    labels = {"background": 0, "talus": 1, "tibia_distal": 2, "calcaneus": 3}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}), "utf-8")
    (path,) = find_masks(tmp_path / place).masks.values()
    assert np.array_equal(read_mask(path, reference_domain(tmp_path / place, ankle)).array, three_bones())
    said = ankle.model_copy(update={"structures": tuple(
        s.model_copy(update={"source_value": (v,)}) for s, v in zip(ankle.structures, (7, 8, 9), strict=True)
    )})  # fmt: skip
    assert reference_domain(tmp_path / place, said) is said


def test_no_folder_and_no_mask(tmp_path: Path):
    with pytest.raises(UsageError, match=r"PS-A03: .*absent is no folder"):
        find_masks(tmp_path / "absent")
    with pytest.raises(InputError, match="PS-A04: no mask in"):
        find_masks(tmp_path)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_a_mask_stored_in_another_order_comes_to_the_grid(tmp_path: Path, ankle: Domain, ending: str):
    """Axes exchanged and one of them reversed, as other tools store them."""
    sitk = pytest.importorskip("SimpleITK")
    affine = OBLIQUE @ np.array([[0, -1, 0, SHAPE[0] - 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    stored = np.ascontiguousarray(three_bones().transpose(2, 0, 1)[:, ::-1])
    straight = np.linalg.qr(OBLIQUE[:3, :3])[0] * [0.5, 0.6, 1.2]
    grid = Geometry(SHAPE, np.block([[straight, OBLIQUE[:3, 3:]], [np.zeros((1, 3)), np.ones((1, 1))]]))
    affine = grid.affine @ np.linalg.inv(OBLIQUE) @ affine
    path = tmp_path / f"exam{ending}"
    if ending == ".nii.gz":
        save(path, stored, affine)
    else:
        image = sitk.GetImageFromArray(stored.transpose(2, 1, 0))
        lps = np.diag([-1, -1, 1, 1]) @ affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        sitk.WriteImage(image, str(path))
    mask = read_mask(path, ankle, like=grid)
    assert mask.array.dtype == np.uint8
    assert np.array_equal(mask.array, three_bones())
    assert np.array_equal(mask.affine, grid.affine)
    assert read_mask(path, ankle).shape == (5, 7, 6)


def test_another_grid_is_refused_with_the_exams_name(tmp_path: Path, ankle: Domain):
    shifted = OBLIQUE.copy()
    shifted[0, 3] += 0.3
    path = save(tmp_path / "anna.nii.gz", three_bones(), shifted)
    with pytest.raises(GeometryError, match=r"PS-A69: anna: .*corners 0\.30 mm apart"):
        read_mask(path, ankle, like=GRID)
    part = save(tmp_path / "part.nii.gz", three_bones()[:, :, 1:], OBLIQUE)
    with pytest.raises(GeometryError, match="PS-A69: said: "):
        read_mask(part, ankle, like=GRID, where="said")


def test_an_empty_mask_is_a_mask(tmp_path: Path, ankle: Domain):
    path = save(tmp_path / "a.nii.gz", np.zeros(SHAPE, np.int16))
    assert not read_mask(path, ankle, like=GRID).array.any()


def test_foreign_values_need_to_be_explained(tmp_path: Path, ankle: Domain):
    other = np.array([0, 40, 77, 3], np.uint8)[three_bones()]
    path = save(tmp_path / "a" / "labels.nii.gz", other)
    with pytest.raises(InputError, match=r"PS-A71: a: labels 40 \(12 voxels\), 77 \(2 voxels\) are not of ankle"):
        read_mask(path, ankle)
    found = read_mask(path, ankle, values={"talus": (40, 41), "tibia_distal": (77,)}).array
    assert np.array_equal(found, np.array([0, 2, 3, 0], np.uint8)[three_bones()])


def test_values_that_do_not_fit_the_domain(tmp_path: Path, ankle: Domain):
    path = save(tmp_path / "a.nii.gz", three_bones())
    with pytest.raises(UsageError, match="PS-A120: values: no structure 'tallus': did you mean 'talus'"):
        read_mask(path, ankle, values={"tallus": (1,)})
    for values in ({"talus": (1,), "calcaneus": (1,)}, {"talus": (0,)}):
        with pytest.raises(UsageError, match=r"PS-A120: values .*0 is background, and a value means one structure"):
            read_mask(path, ankle, values=values)


def test_a_probability_map_and_a_one_hot_mask_are_refused_with_the_exams_name(tmp_path: Path, ankle: Domain):
    path = save(tmp_path / "a" / "labels.nii.gz", three_bones() * np.float32(0.4))
    with pytest.raises(InputError, match="PS-A72: a: labels are not whole numbers"):
        read_mask(path, ankle)
    import nibabel as nib

    nib.save(nib.Nifti1Image(np.zeros((*SHAPE, 4), np.uint8), OBLIQUE), path)
    with pytest.raises(InputError, match=r"PS-A121: a: labels\.nii\.gz holds 7x6x5x4: one 3-D image was wanted"):
        read_mask(path, ankle)


def one_file_a_bone(folder: Path, **more: np.ndarray) -> Path:
    for label, name in enumerate(("calcaneus", "talus", "tibia"), start=1):
        save(folder / f"{name}.nii.gz", (three_bones() == label).astype(np.uint8))
    for name, array in more.items():
        save(folder / f"{name}.nii.gz", array)
    return folder


def test_one_file_a_structure(tmp_path: Path, ankle: Domain):
    """As TotalSegmentator writes them: the exam's folder holds a file for every structure it knows."""
    one_file_a_bone(tmp_path / "a", fibula=np.ones(SHAPE, np.uint8))
    (path,) = find_masks(tmp_path).masks.values()
    mask = read_mask(path, ankle, like=GRID)
    assert np.array_equal(mask.array, three_bones())
    assert [str(n) for n in mask.notices] == ["PS-W126: masks of other structures were left aside: fibula"]


def test_files_of_one_exam_may_differ_in_their_order_not_their_grid(tmp_path: Path, ankle: Domain):
    folder = one_file_a_bone(tmp_path / "a")
    flipped = OBLIQUE @ np.diag([1, -1, 1, 1])
    flipped[:3, 3] = OBLIQUE[:3, 3] + OBLIQUE[:3, 1] * (SHAPE[1] - 1)
    save(folder / "talus.nii.gz", (three_bones() == 2)[:, ::-1] * np.uint8(255), flipped)
    assert np.array_equal(read_mask(folder, ankle, like=GRID).array, three_bones())
    save(folder / "talus.nii.gz", (three_bones() == 2).astype(np.uint8), OBLIQUE * [[1.1], [1], [1], [1]])
    with pytest.raises(GeometryError, match=r"PS-A69: a/talus\.nii\.gz: |PS-A69: a: a/talus\.nii\.gz: "):
        read_mask(folder, ankle)


def test_files_that_overlap_or_hold_several_values(tmp_path: Path, ankle: Domain):
    folder = one_file_a_bone(tmp_path / "a", talus=np.isin(three_bones(), (1, 2)).astype(np.uint8))
    with pytest.raises(InputError, match="PS-A132: a: 12 voxels belong to several structures"):
        read_mask(folder, ankle)
    save(folder / "talus.nii.gz", three_bones())
    with pytest.raises(InputError, match=r"PS-A71: a.*talus\.nii\.gz: values 1, 2, 3 in the mask of one structure"):
        read_mask(folder, ankle)
    with pytest.raises(UsageError, match="PS-A120: a: values are for masks that hold several structures"):
        read_mask(one_file_a_bone(tmp_path / "b"), ankle, values={"talus": (1,)}, where="a")


def test_a_file_of_another_name_may_be_the_missing_bone(tmp_path: Path, ankle: Domain):
    folder = one_file_a_bone(tmp_path / "a")
    (folder / "tibia.nii.gz").rename(folder / "tibia_left.nii.gz")
    with pytest.raises(InputError, match="PS-A131: a: nothing is called tibia_distal, but there is tibia_left"):
        read_mask(folder, ankle)
    (folder / "tibia_left.nii.gz").unlink()
    mask = read_mask(folder, ankle)
    assert [n.code for n in mask.notices] == ["PS-W127"]
    assert np.array_equal(mask.array, np.where(three_bones() == 3, 0, three_bones()))


def test_two_files_of_one_bone_are_refused(tmp_path: Path, ankle: Domain):
    folder = one_file_a_bone(tmp_path / "a", tibia_distal=np.zeros(SHAPE, np.uint8))
    with pytest.raises(InputError, match=r"PS-A134: a: a/tibia\.nii\.gz and a/tibia_distal\.nii\.gz are both masks"):
        read_mask(folder, ankle)


def test_a_lone_file_is_one_bone_or_all_of_them(tmp_path: Path, ankle: Domain):
    save(tmp_path / "all" / "my_mask.nii.gz", three_bones())
    save(tmp_path / "bone" / "Talus.nii.gz", (three_bones() == 2).astype(np.uint8))
    found = find_masks(tmp_path).masks
    assert np.array_equal(read_mask(found["all"], ankle).array, three_bones())
    assert np.array_equal(read_mask(found["bone"], ankle).array, np.where(three_bones() == 2, 2, 0))


def test_a_dicom_seg_comes_to_the_grid_of_its_series(tmp_path: Path, ankle: Domain):
    """Frames without a label are left out of the file: it holds four of ten slices."""
    image = Volume(np.arange(960, dtype=np.int16).reshape(12, 8, 10), np.diag([-1.0, -1.1, 2.0, 1.0]))
    write_dicom(image, tmp_path / "series")
    labels = np.zeros(image.shape, np.uint8)
    labels[2:5, 3:6, 3:5], labels[7:9, 2:4, 5:7] = 1, 3
    path = write_seg(tmp_path / "masks" / "a.dcm", tmp_path / "series", labels)
    series = read_volume(tmp_path / "series")
    (found,) = find_masks(path.parent).masks.values()
    assert read_mask(found, ankle).shape == (12, 8, 4)
    assert np.array_equal(read_mask(found, ankle, like=series.geometry).array, labels)
    turned = Geometry((10, 12, 8), series.affine[:, [2, 0, 1, 3]])
    assert np.array_equal(read_mask(found, ankle, like=turned).array, labels.transpose(2, 0, 1))
    assert [read_mask(found, ankle, like=grid).slice_axis for grid in (series.geometry, turned)] == [2, 0]
    one = read_mask(found, ankle, like=series.geometry, values={"talus": (3,)}).array
    assert np.array_equal(one, np.where(labels == 3, 2, 0))
    moved = Geometry(image.shape, series.affine + np.array([[0, 0, 0, 0.3]] + 3 * [[0, 0, 0, 0]]))
    with pytest.raises(GeometryError, match=r"PS-A69: a: .*corners 0\.30 mm from the voxels"):
        read_mask(found, ankle, like=moved)


def test_importing_masks_loads_neither_torch_nor_highdicom(root: Path):
    code = "import sys, pedseg.storage.masks; print({'torch', 'highdicom', 'monai', 'SimpleITK'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
