"""Slices drawn from the exams of a fold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import reseal

from pedseg.errors import InputError, ModelError
from pedseg.inference.sample import Exams, learned_exams, read_exams
from pedseg.plan import load_plan
from pedseg.storage.cache import CacheEntry, Manifest


def entry(case: str, shown: dict[str, tuple[int, ...]], *, n: int = 6, windows: int = 1) -> CacheEntry:
    """An exam whose row r is r everywhere; labels are as many pixels as the row's number."""
    images = np.arange(n, dtype=np.float16)[:, None, None] * np.ones((1, 4, 4), np.float16)
    labels = np.zeros((n, 4, 4), np.uint8)
    for rows in shown.values():
        for row in rows:
            labels[row].ravel()[: row + 1] = 1
    manifest = Manifest(
        domain="joint", case=case, plan_digest="p", source_digest="s", grid={"offsets": [[0, 0]] * windows},
        left_right_axis=None, rows_with=shown, ceiling={},
    )  # fmt: skip
    return CacheEntry(manifest, images, labels)


def test_rows_are_drawn_from_all_exams_together_in_their_order() -> None:
    exams = Exams("joint", (entry("a", {}), entry("b", {}, n=30)))
    rows, total = exams.draw(12, np.random.default_rng(0))
    assert total == 36
    assert sum(map(len, rows)) == 12
    assert all((np.diff(own) > 0).all() for own in rows)
    assert len(rows[1]) > len(rows[0])
    again, _ = exams.draw(12, np.random.default_rng(0))
    other, _ = exams.draw(12, np.random.default_rng(1))
    assert all(map(np.array_equal, rows, again))
    assert not all(map(np.array_equal, rows, other))
    everything, _ = exams.draw(99, np.random.default_rng(0))
    assert [own.tolist() for own in everything] == [list(range(6)), list(range(30))]


def test_of_masks_those_with_bone_alone() -> None:
    exams = Exams("joint", (entry("a", {"one": (1, 2), "two": (2, 4)}), entry("empty", {})))
    rows, total = exams.draw(99, np.random.default_rng(0), with_bone=True)
    assert total == 3
    assert [own.tolist() for own in rows] == [[1, 2, 4], []]
    assert exams.images(rows)[:, 0, 0].tolist() == [1, 2, 4]
    assert (exams.labels(rows) > 0).sum((1, 2)).tolist() == [2, 3, 5]


def test_the_most_telling_row_shows_most_structures_then_most_bone() -> None:
    first, third, fourth = {"one": (1, 2, 3), "two": (2, 3)}, {"one": (0, 5)}, {"one": (1,)}
    exams = Exams("joint", (entry("a", first), entry("none", {}), entry("b", third), entry("c", fourth)))
    rows = exams.telling(2)
    assert [own.tolist() for own in rows] == [[3], [], [5], []]
    assert exams.places(rows) == ("a, slice 4", "b, slice 6")


def test_windows_beside_each_other_are_of_one_slice() -> None:
    exams = Exams("joint", (entry("a", {"one": (5,)}, windows=2),))
    assert exams.places(exams.telling(1)) == ("a, slice 3",)


def test_learned_are_the_validation_exams_then_those_that_train(tiny_run: Path) -> None:
    fold = tiny_run / "fold_0"
    found = learned_exams(fold)
    assert found == {name: (f"{name}_1", f"{name}_2") for name in ("ankle", "knee", "shoulder")}


def test_a_changed_fold_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    fold = tmp_path / "fold_0"
    shutil.copytree(tiny_run / "fold_0", fold)
    path = fold / "configs/fold.json"
    values = json.loads(path.read_text("utf-8"))
    values["train"]["knee"] = ["knee_0"]
    path.write_text(json.dumps(values), "utf-8")
    with pytest.raises(ModelError, match="PS-A86"):
        learned_exams(fold)
    reseal(fold)
    assert learned_exams(fold)["knee"] == ("knee_1", "knee_0")


def test_exams_come_in_the_plans_order_and_of_its_plan_only(tiny_workspace: Path) -> None:
    plan = load_plan(tiny_workspace / "plans/default")
    cache = tiny_workspace / "cache/default"
    found = read_exams(plan, cache, {"shoulder": ("shoulder_1",), "ankle": ("ankle_2", "ankle_0"), "knee": ()})
    assert [(part.name, [e.manifest.case for e in part.entries]) for part in found] == [
        ("ankle", ["ankle_2", "ankle_0"]), ("shoulder", ["shoulder_1"]),
    ]  # fmt: skip
    with pytest.raises(InputError, match="PS-A85: ankle_9 is not in the slice cache"):
        read_exams(plan, cache, {"ankle": ("ankle_9",)})
    finer = plan.domains[0].model_copy(update={"spacing_mm": 0.1})
    other = plan.model_copy(update={"domains": (finer, *plan.domains[1:])})
    with pytest.raises(InputError, match=r"PS-A85: ankle/ankle_0 was cached for plan .*, the model's is"):
        read_exams(other, cache, {"ankle": ("ankle_0",)})
