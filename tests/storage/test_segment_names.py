"""A .seg.nrrd of 3D Slicer: the names in its header say which value is which bone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from pedseg.domains import load_domains
from pedseg.errors import InputError
from pedseg.storage.cases import find_cases, read_case
from pedseg.storage.masks import read_mask
from pedseg.storage.segment_names import named_labels, named_values
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti

(ANKLE,) = load_domains(["ankle"])
BOXES = np.zeros((6, 8, 5), np.uint8)
BOXES[1:3, 2:5, 1:4], BOXES[3:5, 2:7, 0:3], BOXES[0:2, 6:8, 2:5] = 1, 2, 3
DRAWN = ((1, "Talus"), (2, "Tibia"), (3, "Calcaneus"))
"""In the order in which they were drawn."""
TO_DRAWN = np.array([0, 3, 1, 2], np.uint8)
AFFINE = np.diag([-0.5, -0.5, 1.0, 1.0])


def slicer(path: Path, array: np.ndarray, segments: tuple[tuple[int, str], ...] = DRAWN) -> Path:
    """A file with the keys of a segmentation node."""
    image = sitk.GetImageFromArray(array.transpose(2, 1, 0))
    image.SetSpacing((0.5, 0.5, 1.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path), useCompression=True)
    head, blank, data = path.read_bytes().partition(b"\n\n")
    lines = [f"Segment{n}_{key}:={text}" for n, (value, name) in enumerate(segments) for key, text in (
        ("ID", f"Segment_{n}"), ("LabelValue", value), ("Layer", 0), ("Name", name), ("Color", "0.5 0.6 0.4")
    )]  # fmt: skip
    path.write_bytes(b"\n".join([head, *(line.encode() for line in lines)]) + blank + data)
    return path


def test_values_are_taken_by_name(tmp_path: Path) -> None:
    path = slicer(tmp_path / "a.seg.nrrd", TO_DRAWN[BOXES])
    assert np.array_equal(read_mask(path, ANKLE).array, BOXES)
    named = named_values(path, ANKLE, "a")
    assert named is not None
    assert (named.values, named.known, named.notices) == ({1: (3,), 2: (1,), 3: (2,)}, {1, 2, 3}, ())
    assert np.array_equal(named_labels(TO_DRAWN[BOXES].astype(np.float32), named, ANKLE, "a"), BOXES)


def test_a_choice_of_values_goes_before_the_names(tmp_path: Path) -> None:
    path = slicer(tmp_path / "a.seg.nrrd", TO_DRAWN[BOXES])
    values = {"calcaneus": (1,), "talus": (2,), "tibia_distal": (3,)}
    assert np.array_equal(read_mask(path, ANKLE, values=values).array, TO_DRAWN[BOXES])


def test_names_of_nobody_leave_the_values(tmp_path: Path) -> None:
    segments = tuple((value, f"Segment_{value}") for value in (1, 2, 3))
    assert np.array_equal(read_mask(slicer(tmp_path / "a.nrrd", BOXES, segments), ANKLE).array, BOXES)
    assert named_values(slicer(tmp_path / "b.nrrd", BOXES, ()), ANKLE, "b") is None
    assert named_values(tmp_path / "c.nii.gz", ANKLE, "c") is None


def test_another_bone_is_left_aside_and_told(tmp_path: Path) -> None:
    array = TO_DRAWN[BOXES]
    array[5, 0, 0] = 9
    mask = read_mask(slicer(tmp_path / "a.seg.nrrd", array, (*DRAWN, (9, "Fibula"))), ANKLE)
    assert np.array_equal(mask.array, BOXES)
    assert [notice.code for notice in mask.notices] == ["PS-W126"]


def test_what_cannot_be_told_is_refused(tmp_path: Path) -> None:
    some = ((1, "Talus"), (2, "Tibia"), (3, "Segment_3"))
    with pytest.raises(InputError, match=r"PS-A131: a: nothing is called calcaneus, but there is"):
        read_mask(slicer(tmp_path / "a.seg.nrrd", BOXES, some), ANKLE)
    with pytest.raises(InputError, match=r"PS-A131: a: value 3 has several names"):
        read_mask(slicer(tmp_path / "a.seg.nrrd", BOXES, (*DRAWN, (3, "Fibula"))), ANKLE)
    array = BOXES.copy()
    array[5, 0, 0] = 9
    with pytest.raises(InputError, match=r"PS-A131: a: voxels of value 9, which has no name in the header: export it"):
        read_mask(slicer(tmp_path / "a.seg.nrrd", array), ANKLE)


@pytest.mark.parametrize("name", ["labels.nrrd", "labels.seg.nrrd"])
def test_exams_to_learn_from_are_read_by_name_too(name: str, tmp_path: Path) -> None:
    array = TO_DRAWN[BOXES]
    array[5, 0, 0] = 9
    slicer(tmp_path / "e" / name, array, (*DRAWN, (9, "Fibula")))
    image = np.random.default_rng(0).integers(0, 99, BOXES.shape).astype(np.int16)
    write_nifti(Volume(image, AFFINE), tmp_path / "e" / "image.nii.gz")
    (case,) = find_cases(tmp_path)
    assert np.array_equal(read_case(case, ANKLE)[1].array, BOXES)
