from __future__ import annotations

import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from segs import write_seg
from tiny import write_dicom

from pedseg.domains import Domain, load_domains
from pedseg.errors import GeometryError, InputError, UsageError
from pedseg.plan import DomainPlan
from pedseg.storage.cases import (
    exam_folder,
    find_cases,
    nnunet_domain,
    planned_case,
    read_case,
    source_digest,
)
from pedseg.volumes import Volume
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
    with pytest.raises(UsageError, match=r"PS-A96: a/case\.json: case\.json:1 is not JSON"):
        find_cases(tmp_path)
    (tmp_path / "a" / "case.json").write_text('{"side": "up"}')
    with pytest.raises(UsageError, match=r"PS-A96: a/case\.json:1: side: Input should be 'left', 'right' or ''"):
        find_cases(tmp_path)


def test_a_case_file_may_choose_among_echoes(tmp_path: Path):
    save(tmp_path / "a" / "image.nii.gz", numbered())
    (tmp_path / "a" / "case.json").write_text('{"patient": 17, "echo": 2, "side": null, "age": 9.5}')
    (case,) = find_cases(tmp_path)
    assert (case.patient, case.side, case.echo, case.series, case.phase) == ("17", "", 2, None, None)


def test_nnunet_dataset_is_read_as_it_is(tmp_path: Path, knee: Domain):
    save(tmp_path / "imagesTr" / "knee_001_0000.nii.gz", numbered())
    save(tmp_path / "labelsTr" / "knee_001.nii.gz", marked(9))
    save(tmp_path / "imagesTr" / "knee_001_0001.nii.gz", numbered())
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(InputError, match=r"PS-A122: imagesTr/knee_001_0001\.nii\.gz is a second channel"):
        find_cases(tmp_path)
    (tmp_path / "imagesTr" / "knee_001_0001.nii.gz").unlink()
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


def test_source_digest_follows_the_files(tmp_path: Path):
    save(tmp_path / "a" / "image.nii.gz", numbered())
    save(tmp_path / "a" / "labels.nii.gz", marked())
    (case,) = find_cases(tmp_path)
    before = source_digest(case)
    assert source_digest(case) == before
    (tmp_path / "a" / "case.json").write_text('{"echo": 2}')
    chosen = source_digest(case)
    assert chosen != before
    os.utime(tmp_path / "a" / "labels.nii.gz", ns=(1, 1))
    assert source_digest(case) != chosen


def test_exam_folder_of_a_plan(tmp_path: Path, knee: Domain):
    space = Workspace(tmp_path)
    plan = DomainPlan(domain=knee, plane="axial", spacing_mm=1)
    assert exam_folder(space, plan) == tmp_path / "raw" / "knee"
    assert exam_folder(space, plan.model_copy(update={"source": "sets/one"})) == tmp_path / "sets" / "one"
    assert exam_folder(space, plan.model_copy(update={"source": "/data/one"})) == Path("/data/one")


def dicom_case(folder: Path, labels: np.ndarray, **options: object) -> np.ndarray:
    """An exam as a DICOM series with its labels as a DICOM SEG of the labelled frames."""
    image = Volume(np.arange(960, dtype=np.int16).reshape(12, 8, 10), np.diag([-1.0, -1.1, 2.0, 1.0]))
    write_dicom(image, folder / "dicom")
    write_seg(folder / "labels.dcm", folder / "dicom", labels, **options)
    return labels


def test_labels_may_be_a_dicom_seg(tmp_path: Path):
    """Matched by name: the segments stand in another order than the structures, and source values do not count."""
    (ankle,) = load_domains(["ankle"])
    structures = [s.model_copy(update={"source_value": (70 + i,)}) for i, s in enumerate(ankle.structures)]
    ankle = ankle.model_copy(update={"structures": tuple(structures)})
    labels = np.zeros((12, 8, 10), np.uint8)
    labels[2:5, 3:6, 3:5], labels[7:9, 2:4, 5:7], labels[10, 6, 6] = 1, 2, 3
    dicom_case(tmp_path / "a", labels, names=("Tibia", "Talus", "Calcaneus"))
    (case,) = find_cases(tmp_path)
    image, found = read_case(case, ankle)
    assert case.labels == tmp_path / "a" / "labels.dcm"
    assert np.array_equal(found.array, np.array([0, 3, 2, 1], np.uint8)[labels])
    assert np.array_equal(found.affine, image.affine)


def test_a_dicom_seg_without_a_label_or_on_another_grid(tmp_path: Path):
    (ankle,) = load_domains(["ankle"])
    dicom_case(tmp_path / "a", np.zeros((12, 8, 10), np.uint8))
    (case,) = find_cases(tmp_path)
    with pytest.raises(InputError, match="PS-A73: a: no voxel is labelled"):
        read_case(case, ankle)
    labels = np.zeros((12, 8, 10), np.uint8)
    labels[2:5, 3:6, 3:5] = 1
    dicom_case(tmp_path / "b", labels, names=("Calcaneus",))
    save(tmp_path / "c" / "image.nii.gz", numbered())
    (tmp_path / "b" / "labels.dcm").rename(tmp_path / "c" / "labels.dcm")
    *_, case = find_cases(tmp_path)
    with pytest.raises(GeometryError, match="PS-A69: c: "):
        read_case(case, ankle)


def test_a_planned_exam_is_found_by_name_wherever_the_plan_says(tmp_path: Path, knee: Domain):
    space = Workspace(tmp_path)
    plan = DomainPlan(domain=knee, plane="axial", spacing_mm=1)
    save(space.raw("knee") / "a" / "image.nii.gz", numbered())
    save(tmp_path / "set" / "imagesTr" / "b_0000.nii.gz", numbered())
    (tmp_path / "set" / "dataset.json").write_text("{}")
    assert planned_case(space, plan, "a").image == space.raw("knee") / "a" / "image.nii.gz"
    other = plan.model_copy(update={"source": "set"})
    assert planned_case(space, other, "b").image == tmp_path / "set" / "imagesTr" / "b_0000.nii.gz"
    with pytest.raises(InputError, match=r"PS-A135: exam b of the plan is not in .*knee: put it back, or plan again"):
        planned_case(space, plan, "b")
    with pytest.raises(InputError, match=r"PS-A135: exam c of the plan is not in .*set: "):
        planned_case(space, other, "c")
    with pytest.raises(UsageError, match=r"PS-A125: .*gone is missing"):
        planned_case(space, plan.model_copy(update={"source": "gone"}), "a")


def test_what_lies_beside_a_planned_exam_does_not_matter(tmp_path: Path, knee: Domain):
    space = Workspace(tmp_path)
    plan = DomainPlan(domain=knee, plane="axial", spacing_mm=1)
    for name in ("a", "new exam", "b"):
        save(space.raw("knee") / name / "image.nii.gz", numbered())
    (space.raw("knee") / "b" / "case.json").write_text("{")
    assert planned_case(space, plan, "a").name == "a"
    for name in ("a_0000", "b_0000", "b_0001"):
        save(tmp_path / "set" / "imagesTr" / f"{name}.nii.gz", numbered())
    (tmp_path / "set" / "dataset.json").write_text("{}")
    assert planned_case(space, plan.model_copy(update={"source": "set"}), "a").name == "a"
