from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from segs import write_seg
from tiny import make_exam, write_dicom

from pedseg.dicom import read_volume
from pedseg.domains import load_domains
from pedseg.storage.cases import find_cases
from pedseg.storage.labels import onto_grid
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti
from pedseg_plan.measure import Measured, histogram, intensity, label_gaps, measure, structure_facts, without

(ANKLE,) = load_domains(["ankle"])
BONES = ("talus", "tibia_distal")


def measured(root: Path) -> Measured:
    (case,) = find_cases(root)
    return measure(case, ANKLE)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.uint16, np.int32])
def test_intensity_is_that_of_numpy_on_the_voxels(dtype):
    rng = np.random.default_rng(3)
    array = (rng.integers(0, 900, (9, 8, 7)) ** 2).astype(dtype)
    if dtype == np.float32:
        array += rng.random(array.shape).astype(np.float32)
    mask = rng.random(array.shape) < 0.3
    whole, inside = histogram(array), histogram(array[mask])
    for grey, voxels in ((inside, array[mask]), (without(whole, inside), array[~mask])):
        facts, values = intensity(grey), voxels.astype(np.float64)
        expected = [values.mean(), values.std(), *np.percentile(values, [0.5, 50, 99.5])]
        found = [facts.mean, facts.std, facts.p00_5, facts.p50, facts.p99_5]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_intensity_of_nothing():
    assert intensity(histogram(np.zeros(0, np.int16))).mean == 0


@pytest.mark.parametrize(
    ("present", "expected"),
    [("00111100", (0, 0)), ("10101", (2, 2)), ("0110011", (2, 1)), ("0000", (0, 0)), ("0100", (0, 0))],
)
def test_label_gaps(present, expected):
    assert label_gaps(np.array([c == "1" for c in present])) == expected


def test_structures_have_volumes_and_26_connected_components():
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[2:4, 2:4, 2:4] = 1
    labels[4, 4, 4] = 1  # touches the cube at a corner: one component
    labels[8, 8, 8] = 1
    labels[4:6, 2:4, 2:4] = 3  # touches structure 1: another component all the same
    facts = structure_facts(labels, ANKLE, 0.5)
    assert set(facts) == {"calcaneus", "tibia_distal"}
    assert facts["calcaneus"].components_mm3 == (4.5, 0.5)
    assert facts["calcaneus"].n_components == 2
    assert facts["calcaneus"].volume_ml == 10 * 0.5 / 1000
    assert facts["tibia_distal"].n_components == 1


def test_facts_of_an_exam(tmp_path: Path, write_case):
    labels = np.zeros((24, 20, 12), np.uint8)
    labels[2:6, 4:10, 2:10] = 1
    labels[7:9, 4:6, 5] = 2
    image = np.full(labels.shape, 100, np.int16)
    image[::2] = 102
    image[labels > 0] = 600
    write_case(tmp_path / "a", image=image, labels=labels, absent=("tibia_distal",))
    facts = measured(tmp_path).facts
    assert facts is not None
    assert facts.shape == (24, 20, 12)
    assert facts.spacing_mm == pytest.approx((0.5, 0.5, 1.2))
    assert (facts.slice_axis, facts.plane) == (2, "sagittal")
    assert facts.fov_mm("axial") == 12.0  # sliced along its own axis whatever the domain's plane
    assert facts.slices_with_bone == (6, 6, 8)
    assert facts.gaps == (1, 0, 0)
    assert (facts.inside.mean, facts.inside.std) == (600, 0)
    assert 100 < facts.outside.mean < 102
    assert facts.structures["calcaneus"].volume_ml == pytest.approx(4 * 6 * 8 * 0.3 / 1000)
    assert facts.missing == ("tibia_distal",)


def test_an_isotropic_exam_shows_no_plane_and_is_cut_where_the_domain_says(tmp_path: Path, write_case):
    write_case(tmp_path / "a", affine=np.diag([0.5, 0.5, 0.5, 1.0]))
    facts = measured(tmp_path).facts
    assert facts is not None
    assert (facts.slice_axis, facts.plane) == (None, None)
    assert facts.axis_for == {"sagittal": 0, "coronal": 1, "axial": 2}
    assert facts.fov_mm("sagittal") == 10


def test_content_knows_an_image_in_another_order_and_type(tmp_path: Path, write_case):
    image = np.random.default_rng(0).integers(0, 900, (24, 20, 12)).astype(np.int16)
    labels = np.zeros(image.shape, np.uint8)
    labels[4:8, 4:8, 4:8] = 1
    write_case(tmp_path / "one" / "a", image=image, labels=labels, absent=BONES)
    turned = image.transpose(2, 0, 1)[::-1].astype(np.float32)
    write_case(tmp_path / "two" / "b", image=turned, labels=labels.transpose(2, 0, 1), absent=BONES)
    other = image.copy()
    other[0, 0, 0] += 1
    write_case(tmp_path / "three" / "c", image=other, labels=labels, absent=BONES)
    contents = [facts.content for n in ("one", "two", "three") if (facts := measured(tmp_path / n).facts)]
    assert contents[0] == contents[1] != contents[2]


def test_all_faults_of_an_exam_are_found_at_once(tmp_path: Path, write_case):
    image = np.zeros((24, 20, 12), np.float32)
    image[3, 3, 3] = np.nan
    labels = np.full(image.shape, 9, np.uint8)
    write_case(tmp_path / "a", image=image, labels=labels, label_affine=np.diag([1.0, 1, 1, 1]))
    result = measured(tmp_path)
    assert result.facts is None
    assert [fault.code for fault in result.faults] == ["PS-A66", "PS-A71", "PS-A69"]


@pytest.mark.parametrize("hot", [0, 5])
def test_a_constant_image_is_refused_hot_voxels_or_not(tmp_path: Path, write_case, hot: int):
    image = np.full((24, 20, 12), 7, np.int16)
    image.ravel()[: hot // 2] = 900
    write_case(tmp_path / "a", image=image)
    assert [fault.code for fault in measured(tmp_path).faults] == ["PS-A65"]


def test_a_missing_label_file_and_a_damaged_image(tmp_path: Path, write_case):
    folder = write_case(tmp_path / "a")
    (folder / "labels.nii.gz").unlink()
    packed = (folder / "image.nii.gz").read_bytes()
    (folder / "image.nii.gz").write_bytes(packed[: len(packed) // 2])
    assert [fault.code for fault in measured(tmp_path).faults] == ["PS-A80", "PS-A73"]


def test_labels_as_dicom_seg_measure_as_the_same_labels_in_a_nifti_file(tmp_path: Path):
    image, labels = make_exam(ANKLE, 5)
    for name in ("a", "b"):
        write_dicom(image, tmp_path / name / "ankle" / "dicom")
    write_nifti(labels, tmp_path / "a" / "ankle" / "labels.nii.gz")
    series = read_volume(tmp_path / "b" / "ankle" / "dicom")
    stored = onto_grid(labels.array, labels.geometry, series.geometry, "b")
    write_seg(tmp_path / "b" / "ankle" / "labels.dcm", tmp_path / "b" / "ankle" / "dicom", stored)
    a, b = (measured(tmp_path / name).facts for name in ("a", "b"))
    assert a is not None
    assert b is not None
    assert b.model_dump(exclude={"source"}) == a.model_dump(exclude={"source"})


def test_a_dicom_seg_without_a_bone_or_of_another_series(tmp_path: Path):
    image, labels = make_exam(ANKLE, 5)
    write_dicom(image, tmp_path / "a" / "dicom")
    two = np.where(labels.array == 3, np.uint8(0), labels.array)
    write_seg(tmp_path / "a" / "labels.dcm", tmp_path / "a" / "dicom", two, names=("Calcaneus", "Talus"))
    assert [fault.code for fault in measured(tmp_path).faults] == ["PS-A74"]
    (tmp_path / "a" / "case.json").write_text('{"absent": ["tibia_distal"]}')
    facts = measured(tmp_path).facts
    assert facts is not None
    assert facts.missing == ("tibia_distal",)
    assert [code for code, _ in facts.warnings] == ["PS-W127"]
    moved = image.affine.copy()
    moved[:3, 3] += 0.7
    write_dicom(Volume(image.array, moved), tmp_path / "elsewhere")
    write_seg(tmp_path / "a" / "labels.dcm", tmp_path / "elsewhere", labels.array)
    assert [fault.code for fault in measured(tmp_path).faults] == ["PS-A69"]
