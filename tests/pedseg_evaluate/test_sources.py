"""Which masks belong together, and what is named because its other half is not there."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from masks import boxes, write_masks

from pedseg.errors import InputError, UsageError
from pedseg_evaluate import output, pedseg_evaluate
from pedseg_evaluate.exam import score_task
from pedseg_evaluate.job import exit_code
from pedseg_evaluate.options import EvaluateOptions
from pedseg_evaluate.outcome import Outcome
from pedseg_evaluate.sources import OWN_NAMES, RECORD, folder_name, folder_sources, method_names


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    ours = write_masks(tmp_path / "ours", a=boxes(), b=boxes(), extra=boxes())
    return ours, write_masks(tmp_path / "truth", a=boxes(), b=boxes(), gone=boxes())


def test_masks_of_one_name_belong_together(folders: tuple[Path, Path]) -> None:
    ours, truth = folders
    (source,) = folder_sources([ours], EvaluateOptions(references=truth, domains=("ankle",), tolerance_mm=2))
    assert [(t.method, t.exam, t.tolerance_mm) for t in source.tasks] == [("ours", "a", 2), ("ours", "b", 2)]
    assert [t.reference for t in source.tasks] == [truth / "a.nii.gz", truth / "b.nii.gz"]
    assert (source.missing, source.unscored) == (("ankle/gone",), ("ankle/extra",))


def test_without_references_every_mask_is_measured(folders: tuple[Path, Path]) -> None:
    (source,) = folder_sources([folders[0]], EvaluateOptions(domains=("ankle",)))
    assert [(t.exam, t.reference) for t in source.tasks] == [("a", None), ("b", None), ("extra", None)]
    assert source.missing == source.unscored == ()


def test_several_domains_lie_in_folders_of_their_names(tmp_path: Path) -> None:
    for domain in ("ankle", "knee"):
        write_masks(tmp_path / "ours" / domain, a=boxes())
    (source,) = folder_sources([tmp_path / "ours"], EvaluateOptions(domains=("ankle", "knee")))
    assert [t.key for t in source.tasks] == [("ours", "ankle", "a"), ("ours", "knee", "a")]
    with pytest.raises(UsageError, match=r"PS-A125.*shoulder is missing.*<domain>"):
        folder_sources([tmp_path / "ours"], EvaluateOptions(domains=("ankle", "shoulder")))


@pytest.mark.parametrize("name", ["a.nii.gz", "a_0000.nii.gz", "a/image.nii.gz"])
def test_images_are_found_by_name(folders: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    images = tmp_path / "images"
    (images / name).parent.mkdir(parents=True)
    (images / name).write_bytes(b"")
    (source,) = folder_sources([folders[0]], EvaluateOptions(domains=("ankle",), images=images))
    found = {t.exam: t.image and t.image.image for t in source.tasks}
    assert found == {"a": images / name, "b": None, "extra": None}


def test_a_folder_without_masks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"PS-A04: no mask in .*empty"):
        folder_sources([tmp_path / "empty"], EvaluateOptions(domains=("ankle",)))


def test_names_that_never_meet_are_refused(tmp_path: Path) -> None:
    ours, truth = write_masks(tmp_path / "ours", a=boxes()), write_masks(tmp_path / "truth", A=boxes())
    wanted = r"PS-A122: ours: no mask to score: .* \(a here, A there\): name them alike"
    with pytest.raises(InputError, match=wanted):
        folder_sources([ours], EvaluateOptions(references=truth, domains=("ankle",)))


def test_masks_of_slicer_meet_references_of_their_exam(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "a.seg.nrrd").touch()
    truth = write_masks(tmp_path / "truth", a=boxes())
    (source,) = folder_sources([tmp_path / "ours"], EvaluateOptions(references=truth, domains=("ankle",)))
    assert [task.exam for task in source.tasks] == ["a"]


@pytest.mark.parametrize("where", ["ours", "truth"])
def test_an_exam_with_two_masks_is_left_out_and_named(folders: tuple[Path, Path], where: str) -> None:
    ours, truth = folders
    options = EvaluateOptions(references=truth, domains=("ankle",))
    (ours.parent / where / "a.nrrd").touch()
    (source,) = folder_sources([ours], options)
    assert [task.exam for task in source.tasks] == ["b"]
    assert list(source.failed) == ["ankle/a"]
    assert source.failed["ankle/a"].startswith(f"PS-A134: a: {where}/a.nii.gz and {where}/a.nrrd are both")
    assert (source.missing, source.unscored) == (("ankle/gone",), ("ankle/extra",))
    assert exit_code([Outcome(replace(source, missing=()), ())]) == 7
    (ours / "b.nii.gz").unlink()
    with pytest.raises(InputError, match="PS-A134: a: "):
        folder_sources([ours], options)


def test_a_fault_is_said_while_the_others_are_scored(
    folders: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folders[0] / "a.nrrd").touch()
    options = EvaluateOptions(references=folders[1], domains=("ankle",), pictures=False)
    pedseg_evaluate(tmp_path / "out", predictions=[folders[0]], options=options)
    assert "ours/ankle/a: PS-A134: a: " in caplog.text


@pytest.mark.parametrize("place", [".", "labelsTr"])
def test_references_of_nnunet_are_matched_by_name(tmp_path: Path, place: str) -> None:
    truth = tmp_path / "Dataset001"
    write_masks(truth / "labelsTr", a=boxes(labels=(3, 1, 2)))
    labels = {"background": 0, "talus": 1, "tibia_distal": 2, "calcaneus": 3}
    (truth / "dataset.json").write_text(json.dumps({"labels": labels}), "utf-8")
    ours = write_masks(tmp_path / "ours", a=boxes())
    (source,) = folder_sources([ours], EvaluateOptions(references=truth / place, domains=("ankle",)))
    scores = score_task(source.tasks[0]).scores
    assert {s.value for s in scores if s.metric == "dice"} == {1.0}


def test_a_record_counts_in_the_exams_own_folder_only(tmp_path: Path) -> None:
    ours = write_masks(tmp_path / "ours", flat=boxes())
    write_masks(ours / "own", labels=boxes())
    write_masks(ours / "parts", calcaneus=boxes(labels=(1,)), talus=boxes(labels=(1,)))
    for folder in (ours, ours / "own", ours / "parts"):
        (folder / "prediction.json").write_text("{}", "utf-8")
    (source,) = folder_sources([ours], EvaluateOptions(domains=("ankle",)))
    wanted = {"flat": None, "own": ours / "own" / RECORD, "parts": ours / "parts" / RECORD}
    assert {task.exam: task.record for task in source.tasks} == wanted
    (ours / "parts" / "prediction.json").unlink()
    (source,) = folder_sources([ours], EvaluateOptions(domains=("ankle",)))
    assert {task.exam: task.record for task in source.tasks}["parts"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say so with -d"),
        ({"domains": ("ankle",), "names": ("x", "y")}, "1 methods need 1 --names, got 2"),
        ({"domains": ("ankle",), "against": "theirs"}, "--against 'theirs' is none of ours"),
        ({"domains": ("ankle",), "representations": True}, "--representations is for --run"),
        ({"domains": ("ankle",), "values": {"femur": (1,)}}, "--labels names 'femur', known: calcaneus, talus"),
    ],
)
def test_flags_that_do_not_fit_are_refused(folders: tuple[Path, Path], options: dict, message: str) -> None:
    with pytest.raises(UsageError, match="PS-A120") as refused:
        folder_sources([folders[0]], EvaluateOptions(**options))
    assert message in str(refused.value)


def test_methods_need_names_that_differ_as_folders_too() -> None:
    with pytest.raises(UsageError, match="need different names, got masks, masks"):
        method_names(["masks", "masks"], EvaluateOptions())
    with pytest.raises(UsageError, match="need different names"):
        method_names(["a", "b"], EvaluateOptions(names=("ce+msc", "CE msc")))
    assert method_names(["m", "m"], EvaluateOptions(names=("one", "two"))) == ("one", "two")
    assert method_names(["方法一", "方法二"], EvaluateOptions()) == ("方法一", "方法二")
    with pytest.raises(UsageError, match=r"PS-A99: the name 'm\?' is not UTF-8"):
        method_names([os.fsdecode(b"m\xe9")], EvaluateOptions())


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("dsl + MSC", "dsl_MSC"),
        ("../x", "x"),
        ("..", "method"),
        ("a.b", "a.b"),
        ("方法 一", "方法_一"),
        ("e\u0301", "é"),
        ("tables", "method_tables"),
        ("Report.HTML", "method_Report.HTML"),
        ("方" * 99, "方" * 40),
    ],
)
def test_a_method_has_a_safe_folder(name: str, safe: str) -> None:
    assert folder_name(name) == safe


def test_no_method_is_called_as_what_an_evaluation_writes() -> None:
    written = {output.SCORES, output.RECORD, output.SLICES, output.REPORT, output.TABLES, output.PICTURES}
    assert {*written, output.CONTENTS} == OWN_NAMES


def test_predictions_are_numbered_by_what_lies_beside_them(tmp_path: Path) -> None:
    """nnU-Net's dataset.json counts by name; a prediction.json says that pedseg counted."""
    theirs = write_masks(tmp_path / "theirs", a=boxes(labels=(2, 3, 1)))
    (theirs / "dataset.json").write_text('{"labels": {"background": 0, "tibia_distal": 1, "calcaneus": 2, "talus": 3}}')
    (source,) = folder_sources([theirs], EvaluateOptions(domains=("ankle",)))
    assert source.tasks[0].domain.source_values == {1: (2,), 2: (3,), 3: (1,)}
    own_numbers = "name: ankle\nstructures:\n  - {name: talus, color: '#0000ff', source_value: 7}\n"
    (tmp_path / "domain.yaml").write_text(own_numbers)
    ours = write_masks(tmp_path / "ours/a", labels=boxes(labels=(1,))).parent
    for record, value in ((False, 7), (True, 1)):
        if record:
            (ours / "a/prediction.json").write_text('{"domain": "ankle"}')
        (source,) = folder_sources([ours], EvaluateOptions(domains=(str(tmp_path / "domain.yaml"),)))
        assert source.tasks[0].domain.source_values == {1: (value,)}
