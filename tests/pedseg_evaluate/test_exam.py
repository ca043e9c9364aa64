"""One exam: on which grid its masks meet, how they are numbered, what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from masks import boxes, write_masks
from segs import write_seg
from tiny import write_dicom

from pedseg.dicom import read_volume
from pedseg.domains import Domain, load_domains
from pedseg.errors import GeometryError
from pedseg.storage.cases import Case
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti
from pedseg_evaluate.exam import Result, Task, read_masks, score_task

SHAPE = (12, 8, 10)


@pytest.fixture
def ankle() -> Domain:
    return load_domains(["ankle"])[0]


@pytest.fixture
def series(tmp_path: Path) -> Volume:
    image = Volume(np.arange(960, dtype=np.int16).reshape(SHAPE), np.diag([-1.0, -1.1, 2.0, 1.0]))
    write_dicom(image, tmp_path / "series")
    return read_volume(tmp_path / "series")


def bones(*slices: int) -> np.ndarray:
    """Three bones in some of the ten slices."""
    labels = np.zeros(SHAPE, np.uint8)
    for k in slices:
        labels[2:5, 3:6, k], labels[6:8, 2:4, k], labels[9:11, 1:7, k] = 1, 2, 3
    return labels


def ankle_task(ankle: Domain, prediction: Path, reference: Path | None, **changes: object) -> Task:
    return Task("ours", "e", ankle, prediction, reference, **changes)


def value(result: Result, metric: str, structure: str = "talus") -> float:
    (found,) = (s.value for s in result.scores if (s.structure, s.metric) == (structure, metric))
    return found


def test_a_segmentation_without_its_empty_frames_is_scored_on_the_larger_grid(
    tmp_path: Path, series: Volume, ankle: Domain
) -> None:
    """Two of the ten slices hold bone; the prediction adds the talus, four voxels, in a third."""
    truth = write_seg(tmp_path / "truth" / "e.dcm", tmp_path / "series", bones(4, 5))
    made = bones(4, 5)
    made[6:8, 2:4, 6] = 2
    whole = tmp_path / "e.nii.gz"
    write_nifti(Volume(made, series.affine), whole)
    result = score_task(ankle_task(ankle, whole, truth))
    assert value(result, "dice") == pytest.approx(2 * 8 / (8 + 12))
    assert value(result, "specificity") == pytest.approx(1 - 4 / (960 - 8))
    assert {s.slice for s in result.slices} == {4, 5}
    cropped = tmp_path / "cropped.nii.gz"
    write_nifti(Volume(made[:, :, 4:5], series.affine), cropped)
    with pytest.raises(GeometryError, match="PS-A69: prediction of e: "):
        score_task(ankle_task(ankle, cropped, truth))


def test_two_segmentations_may_keep_other_frames(tmp_path: Path, series: Volume, ankle: Domain) -> None:
    truth = write_seg(tmp_path / "truth" / "e.dcm", tmp_path / "series", bones(4, 5))
    made = write_seg(tmp_path / "ours" / "e.dcm", tmp_path / "series", bones(5, 6, 7))
    result = score_task(ankle_task(ankle, made, truth))
    assert value(result, "dice") == pytest.approx(2 * 4 / (8 + 12))
    assert value(result, "specificity") == pytest.approx(1 - 8 / (4 * 96 - 8))  # slices 4 to 7
    image = Case("e", tmp_path / "series", None, "e")
    known = score_task(ankle_task(ankle, made, truth, image=image))
    assert value(known, "dice") == value(result, "dice")
    assert value(known, "specificity") == pytest.approx(1 - 8 / (960 - 8))
    gone = score_task(ankle_task(ankle, made, truth, image=Case("e", tmp_path / "gone", None, "e")))
    assert value(gone, "specificity") == value(result, "specificity")


def test_a_segmentation_comes_to_the_grid_of_a_reference_that_is_whole(
    tmp_path: Path, series: Volume, ankle: Domain
) -> None:
    made = write_seg(tmp_path / "ours" / "e.dcm", tmp_path / "series", bones(4, 5))
    truth = tmp_path / "e.nii.gz"
    write_nifti(Volume(bones(4, 5), series.affine), truth)
    reference, prediction = read_masks(ankle_task(ankle, made, truth))
    assert reference is not None
    assert np.array_equal(reference.array, bones(4, 5))
    assert np.array_equal(prediction.array, bones(4, 5))


def test_reference_and_prediction_may_be_numbered_differently(tmp_path: Path, ankle: Domain) -> None:
    truth = write_masks(tmp_path / "truth", e=boxes(labels=(3, 1, 2))) / "e.nii.gz"
    made = write_masks(tmp_path / "ours", e=boxes()) / "e.nii.gz"
    structures = [s.model_copy(update={"source_value": (v,)}) for s, v in zip(ankle.structures, (3, 1, 2), strict=True)]
    numbered = ankle.model_copy(update={"structures": tuple(structures)})
    assert value(score_task(ankle_task(ankle, made, truth)), "dice") == 0
    assert value(score_task(ankle_task(ankle, made, truth, numbered=numbered)), "dice") == 1
    together = ankle_task(ankle, made, truth, numbered=numbered, union=True)
    write_masks(tmp_path / "ours", e=boxes(labels=(1, 1, 1)))
    assert value(score_task(together), "dice", "all") == 1


def test_what_was_noticed_while_reading_comes_with_the_scores(tmp_path: Path, ankle: Domain) -> None:
    """A reference without a file of the talus scores 0 there: that must not go unsaid."""
    full = boxes()
    parts = {n: full.with_array((full.array == i).astype(np.uint8)) for n, i in (("calcaneus", 1), ("tibia", 3))}
    truth = write_masks(tmp_path / "truth" / "e", **parts)
    made = write_masks(tmp_path / "ours" / "e", talus=full.with_array((full.array == 2).astype(np.uint8)),
                       fibula=full, **parts)  # fmt: skip
    result = score_task(ankle_task(ankle, made, truth))
    assert value(result, "dice") == 0
    assert [str(n) for n in result.notices] == [
        "PS-W127: reference: no mask is called talus: taken as not there",
        "PS-W126: prediction: masks of other structures were left aside: fibula",
    ]
    alone = score_task(ankle_task(ankle, truth, None))
    assert [n.text for n in alone.notices] == ["prediction: no mask is called talus: taken as not there"]
