from __future__ import annotations

import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pedseg.domains import Domain, Structure, load_domains
from pedseg.errors import GeometryError, InputError, UsageError
from pedseg.plan import DomainPlan
from pedseg.storage.cases import (
    exam_folder,
    find_cases,
    nnunet_domain,
    onto_grid,
    read_case,
    remap_labels,
    source_digest,
)
from pedseg.volumes import Geometry
from pedseg.workspace import Workspace

OBLIQUE = np.array([[0.48, 0.05, 0.1, -30.0], [-0.06, 0.59, 0.02, 12.0], [-0.05, 0.02, 1.19, 7.0], [0, 0, 0, 1]])
SHAPE = (7, 6, 5)


@pytest.fixture
def knee() -> Domain:
    return load_domains(["knee"])[0]


def save(path: Path, array: np.ndarray, affine: np.ndarray = OBLIQUE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def numbered() -> np.ndarray:
    """Every voxel its own grey value."""
    return np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)


def marked(value: int = 1) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1, 2, 3] = value
    return labels


def test_raw_cases_come_by_name_with_patient_and_side(tmp_path: Path):
    save(tmp_path / "b" / "image.nii.gz", numbered())
    save(tmp_path / "a" / "image.nii", numbered())
    save(tmp_path / "a" / "labels.nii.gz", marked())
    (tmp_path / "a" / "case.json").write_text(json.dumps({"patient": "anna", "side": "left", "age": 9}))
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes").mkdir()
    a, b = find_cases(tmp_path)
    assert (a.name, a.patient, a.side) == ("a", "anna", "left")
    assert a.labels == tmp_path / "a" / "labels.nii.gz"
    assert (b.name, b.patient, b.side, b.labels) == ("b", "b", "", None)


def test_a_dicom_folder_goes_before_an_image_file(tmp_path: Path):
    save(tmp_path / "a" / "image.nii.gz", numbered())
    (tmp_path / "a" / "dicom").mkdir()
    assert find_cases(tmp_path)[0].image == tmp_path / "a" / "dicom"


def test_a_folder_that_is_not_there_or_empty_or_ill_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"PS-A125: .*missing is missing"):
        find_cases(tmp_path / "missing")
    with pytest.raises(InputError, match="PS-A122: no exam in"):
        find_cases(tmp_path)
    save(tmp_path / "exam 1" / "image.nii.gz", numbered())
    with pytest.raises(UsageError, match="PS-A99: case name 'exam 1'"):
        find_cases(tmp_path)


def test_a_damaged_case_file_is_named(tmp_path: Path):
    save(tmp_path / "a" / "image.nii.gz", numbered())
    (tmp_path / "a" / "case.json").write_text("{")
    with pytest.raises(UsageError, match=r"PS-A96: a/case.json is not valid JSON"):
        find_cases(tmp_path)


def test_nnunet_dataset_is_read_as_it_is(tmp_path: Path, knee: Domain):
    save(tmp_path / "imagesTr" / "knee_001_0000.nii.gz", numbered())
    save(tmp_path / "labelsTr" / "knee_001.nii.gz", marked(9))
    names = {"background": 0, "Patella": 9, "femur_distal": 3, "fibula_proximal": 2, "tibia_proximal": 1}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": names}))
    (case,) = find_cases(tmp_path)
    domain = nnunet_domain(tmp_path, knee)
    _, labels = read_case(case, domain)
    assert case.name == "knee_001"
    assert domain.source_values == {1: (3,), 2: (2,), 3: (9,), 4: (1,)}
    assert labels.array[1, 2, 3] == knee.labels["patella"] == 3
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "patella": 1}}))
    with pytest.raises(UsageError, match=r"PS-A96: dataset\.json: no label is named 'femur_distal'"):
        nnunet_domain(tmp_path, knee)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (1, -1, 1)])
def test_labels_stored_in_another_order_come_to_the_image_voxel_by_voxel(order, flips):
    """The labels are the image's own numbers, stored otherwise with the affine that says so."""
    own = Geometry(SHAPE, OBLIQUE)
    stored = np.arange(210, dtype=np.uint8).reshape(SHAPE).transpose(order)[tuple(slice(None, None, f) for f in flips)]
    to_own = np.zeros((4, 4))
    to_own[3, 3] = 1
    for k, (axis, flip) in enumerate(zip(order, flips, strict=True)):
        to_own[axis, k] = flip
        to_own[axis, 3] = SHAPE[axis] - 1 if flip < 0 else 0
    elsewhere = Geometry(stored.shape, own.affine @ to_own)
    back = onto_grid(stored, elsewhere, own, "case")
    assert np.array_equal(back, np.arange(210, dtype=np.uint8).reshape(SHAPE))


def test_labels_on_another_grid_are_refused_with_the_distance():
    own = Geometry(SHAPE, OBLIQUE)
    shifted = OBLIQUE.copy()
    shifted[0, 3] += 0.5
    with pytest.raises(GeometryError, match=r"PS-A69: c1: .*corners 0.50 mm apart"):
        onto_grid(marked(), Geometry(SHAPE, shifted), own, "c1")
    with pytest.raises(GeometryError, match=r"\(7, 6, 4\) against \(7, 6, 5\)"):
        onto_grid(marked()[..., :4], Geometry((7, 6, 4), OBLIQUE), own, "c1")
    nearly = OBLIQUE.copy()
    nearly[0, 3] += 0.09
    assert onto_grid(marked(), Geometry(SHAPE, nearly), own, "c1")[1, 2, 3] == 1


def test_a_quarter_of_a_small_voxel_is_the_limit():
    fine = np.diag([0.2, 0.2, 0.2, 1.0])
    shifted = fine.copy()
    shifted[1, 3] = 0.06
    with pytest.raises(GeometryError, match=r"corners 0\.06 mm apart"):
        onto_grid(marked(), Geometry(SHAPE, shifted), Geometry(SHAPE, fine), "c1")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_source_values_become_labels_in_order(dtype):
    structures = (
        Structure(name="left", color="#000000", source_value=(26, 13)),
        Structure(name="right", color="#ffffff", source_value=(1,)),
    )
    domain = Domain(name="calf", structures=structures)
    source = np.array([[[0, 1, 13, 26, 1, 0]]]).astype(dtype)
    assert remap_labels(source, domain, "c").tolist() == [[[0, 2, 1, 1, 2, 0]]]


def test_foreign_labels_are_listed_with_their_counts(knee: Domain):
    labels = marked()
    labels[0, 0, :3] = 77
    with pytest.raises(InputError, match=r"PS-A71: c: labels 77 \(3 voxels\) are not of knee \(1, 2, 3, 4\)"):
        remap_labels(labels, knee, "c")
    with pytest.raises(InputError, match=r"PS-A71: c: labels -1 \(1 voxels\)"):
        remap_labels(np.where(marked(), np.int16(-1), np.int16(0)), knee, "c")


def test_labels_that_are_not_whole_numbers(knee: Domain):
    nearly = marked().astype(np.float32) * 0.9995
    assert remap_labels(nearly, knee, "c")[1, 2, 3] == 1
    with pytest.raises(InputError, match="PS-A72"):
        remap_labels(marked() * np.float32(1.5), knee, "c")
    with pytest.raises(InputError, match="PS-A72"):
        remap_labels(marked() * np.float32(np.nan), knee, "c")


def test_empty_and_absent_labels(tmp_path: Path, knee: Domain):
    with pytest.raises(InputError, match="PS-A73: c: no voxel is labelled"):
        remap_labels(np.zeros(SHAPE, np.uint8), knee, "c")
    save(tmp_path / "a" / "image.nii.gz", numbered())
    (case,) = find_cases(tmp_path)
    with pytest.raises(InputError, match="PS-A73: a: no label file"):
        read_case(case, knee)


def test_a_case_is_read_on_the_images_grid(tmp_path: Path, knee: Domain):
    save(tmp_path / "a" / "image.nii.gz", numbered())
    flipped = OBLIQUE @ np.array([[-1, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    save(tmp_path / "a" / "labels.nii.gz", marked(4)[::-1], flipped)
    (case,) = find_cases(tmp_path)
    image, labels = read_case(case, knee)
    assert image.array[1, 2, 3] == numbered()[1, 2, 3]
    assert labels.array.dtype == np.uint8
    assert np.argwhere(labels.array).tolist() == [[1, 2, 3]]
    assert labels.array[1, 2, 3] == 4
    assert labels.geometry.corner_distance_mm(image.geometry) == 0


def test_source_digest_follows_the_files(tmp_path: Path):
    save(tmp_path / "a" / "image.nii.gz", numbered())
    save(tmp_path / "a" / "labels.nii.gz", marked())
    (case,) = find_cases(tmp_path)
    before = source_digest(case)
    assert source_digest(case) == before
    os.utime(tmp_path / "a" / "labels.nii.gz", ns=(1, 1))
    assert source_digest(case) != before


def test_exam_folder_of_a_plan(tmp_path: Path, knee: Domain):
    space = Workspace(tmp_path)
    plan = DomainPlan(domain=knee, plane="axial", spacing_mm=1)
    assert exam_folder(space, plan) == tmp_path / "raw" / "knee"
    assert exam_folder(space, plan.model_copy(update={"source": "sets/one"})) == tmp_path / "sets" / "one"
    assert exam_folder(space, plan.model_copy(update={"source": "/data/one"})) == Path("/data/one")
