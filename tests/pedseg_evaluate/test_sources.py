"""Which masks belong together, and what is named because its other half is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from masks import boxes, write_masks

from pedseg.errors import InputError, UsageError
from pedseg_evaluate.options import EvaluateOptions
from pedseg_evaluate.sources import folder_name, folder_sources, method_names


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
    with pytest.raises(InputError, match=r"PS-A122: ours: no mask to score"):
        folder_sources([ours], EvaluateOptions(references=truth, domains=("ankle",)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say so with -d"),
        ({"domains": ("ankle",), "names": ("x", "y")}, "1 methods need 1 --names, got 2"),
        ({"domains": ("ankle",), "against": "theirs"}, "--against 'theirs' is none of ours"),
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


@pytest.mark.parametrize(("name", "safe"), [("dsl + MSC", "dsl_MSC"), ("../x", "x"), ("..", "method"), ("a.b", "a.b")])
def test_a_method_has_a_safe_folder(name: str, safe: str) -> None:
    assert folder_name(name) == safe
