"""Images beside references, and folders that are not what they seem."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from masks import boxes, write_masks

from pedseg.domains import load_domains
from pedseg.errors import InputError, UsageError
from pedseg_evaluate.folders import find_images, other_domain
from pedseg_evaluate.options import EvaluateOptions
from pedseg_evaluate.sources import folder_sources

(ANKLE,) = load_domains(["ankle"])


def test_images_are_looked_for_beside_the_references(tmp_path: Path) -> None:
    for name in ("a/dicom", "b"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "b/image.nii.gz").write_bytes(b"")
    write_masks(tmp_path / "a", labels=boxes())
    write_masks(tmp_path, c=boxes())
    found = find_images(ANKLE, [ANKLE], EvaluateOptions(references=tmp_path))
    assert {exam: case.image for exam, case in found.items()} == {
        "a": tmp_path / "a/dicom", "b": tmp_path / "b/image.nii.gz",
    }  # fmt: skip
    assert find_images(ANKLE, [ANKLE], EvaluateOptions()) == {}


def test_a_mask_of_another_joint_is_named(tmp_path: Path) -> None:
    """Labels 1 to 3 of a knee are no ankle, and nothing but the record says so."""
    truth = write_masks(tmp_path / "truth", a=boxes(), b=boxes())
    for exam, joint in (("a", "ankle"), ("b", "knee")):
        write_masks(tmp_path / "ours" / exam, labels=boxes())
        (tmp_path / "ours" / exam / "prediction.json").write_text(json.dumps({"domain": joint}), "utf-8")
    (source,) = folder_sources([tmp_path / "ours"], EvaluateOptions(domains=("ankle",), references=truth))
    assert [task.exam for task in source.tasks] == ["a"]
    assert "says that the mask is of knee, not of ankle" in source.failed["ankle/b"]
    with pytest.raises(InputError, match=r"PS-A71: b: prediction\.json says"):
        raise other_domain(tmp_path / "ours/b/prediction.json", ANKLE) or AssertionError


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"domain": 3}', '{"domain": "ankle"}'])
def test_a_record_that_says_nothing_else_is_no_reason(tmp_path: Path, text: str) -> None:
    (tmp_path / "prediction.json").write_text(text, "utf-8")
    assert other_domain(tmp_path / "prediction.json", ANKLE) is None


def test_a_folder_is_not_scored_against_itself(tmp_path: Path) -> None:
    masks = write_masks(tmp_path / "masks", a=boxes())
    with pytest.raises(UsageError, match="PS-A120: --predictions and --references are both"):
        folder_sources([masks], EvaluateOptions(domains=("ankle",), references=tmp_path / "x/../masks"))


def test_numbers_of_one_of_several_methods(tmp_path: Path) -> None:
    ours, theirs = (write_masks(tmp_path / name, a=boxes()) for name in ("ours", "theirs"))
    values = {"theirs:talus": (7,), "theirs:calcaneus": (3,)}
    sources = folder_sources([ours, theirs], EvaluateOptions(domains=("ankle",), values=values))
    assert [task.values for source in sources for task in source.tasks] == [None, {"talus": (7,), "calcaneus": (3,)}]
    with pytest.raises(UsageError, match=r"of which method are --labels\?: say so as in theirs:talus=3"):
        folder_sources([ours, theirs], EvaluateOptions(domains=("ankle",), values={"talus": (7,)}))
    with pytest.raises(UsageError, match=r"--labels is of 'other'"):
        folder_sources([ours, theirs], EvaluateOptions(domains=("ankle",), values={"other:talus": (7,)}))
