"""Limits of a fold: drawn from its training and validation exams once it is trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import change_plan, copied

from pedseg.bundle import calibrate_fold, load_recipe, make_fold, prior_network
from pedseg.bundle import plausibility as module
from pedseg.bundle.generations import save_tensors
from pedseg.evaluation.plausibility import calibrate
from pedseg.inference.autoencoder import PRIOR
from pedseg.inference.checkpoint import WEIGHTS
from pedseg.inference.plausibility import CODES, LIMITS, load_reader
from pedseg.plan import Fold, Plan, load_plan
from pedseg.storage.cache import read_entry

CPU = torch.device("cpu")
NARROW = {"autoencoder": {"channels": (16, 16, 16, 32, 32)}}


@pytest.fixture
def fold(tiny_run: Path, tmp_path: Path) -> Path:
    """The tiny fold's network beside an auto-encoder that has learned nothing; knee: an exam trains, one validates."""
    root = copied(tiny_run.parents[2], tmp_path)
    change_plan(root, objective={"name": "msc+mjap"}, prior=NARROW)
    plan, folder = load_plan(root / "plans/default"), root / "runs/default/prior/fold_0"
    make_fold(folder, plan, "0", plan.folds[0])
    shutil.copyfile(root / "runs/default/main/fold_0" / WEIGHTS, folder / WEIGHTS)
    recipe = load_recipe(folder)
    save_tensors(folder / PRIOR, prior_network(recipe, CPU).state_dict())
    return folder


def test_plans_without_an_auto_encoder_draw_no_limits(tiny_run: Path, tmp_path: Path) -> None:
    root = copied(tiny_run.parents[2], tmp_path)
    folder = root / "runs/default/main/fold_0"
    calibrate_fold(load_recipe(folder), CPU)
    assert not (folder / LIMITS).exists()


def test_references_are_training_and_validation_exams_and_outlines_those_of_validation(
    fold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def noted(references: list, predicted: list, *, exams: int):  # type: ignore[no-untyped-def, type-arg]
        asked.append(([a.exam for a in references], [a.exam for a in predicted], exams))
        return calibrate(references, predicted, exams=exams)

    monkeypatch.setattr(module, "calibrate", noted)
    calibrate_fold(load_recipe(fold), CPU)
    assert len(asked) == 3 + 4 + 2  # a call a bone
    assert asked[0] == (["ankle_2", "ankle_1"], ["ankle_1"], 2)  # the tiny network outlines ankles well
    assert all(predicted in ([], [references[1]]) for references, predicted, _ in asked)


def test_a_bad_outline_does_not_count(fold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = torch.load(fold / WEIGHTS, weights_only=True)
    torch.save({k: torch.zeros_like(v) for k, v in weights.items()}, fold / WEIGHTS)
    asked = []
    monkeypatch.setattr(module, "calibrate", lambda r, p, *, exams: asked.append(p) or calibrate(r, p, exams=exams))
    calibrate_fold(load_recipe(fold), CPU)
    assert asked == [[]] * 9


def test_codes_are_those_of_the_cached_masks(fold: Path) -> None:
    recipe = load_recipe(fold)
    calibrate_fold(recipe, CPU)
    codes = torch.load(fold / CODES, weights_only=True)
    limits = json.loads((fold / LIMITS).read_text("utf-8"))["domains"]
    assert set(codes) == {f"{domain}/{bone}" for domain, bones in limits.items() for bone in bones}
    reader = load_reader(fold, recipe.plan, "knee", CPU)
    labels = np.asarray(read_entry(recipe.cache / "knee", "knee_2").labels)[:, None]
    seen = reader(labels, exam="knee_2")
    np.testing.assert_array_equal(codes["knee/patella"][0].numpy(), seen["patella"].code.astype(np.float32))


def test_an_exam_that_stands_in_for_validation_is_one_reference(fold: Path) -> None:
    recipe = load_recipe(fold)
    alone = Fold(train=recipe.fold.train, validation=recipe.fold.train)
    calibrate_fold(type(recipe)(recipe.root, recipe.plan, "all", alone, recipe.cache), CPU)
    limits = json.loads((fold / LIMITS).read_text("utf-8"))["domains"]
    assert {values["exams"] for bones in limits.values() for values in bones.values()} == {1}


def test_the_union_of_bones_is_judged_as_one(fold: Path) -> None:
    values = load_plan(fold / "configs/plan.json").model_dump(by_alias=True)
    network = {**values["network"], "scheme": "individual", "strategy": "global"}
    plan = Plan.model_validate({**values, "network": network, "objective": {"name": "shape"}, "prior": None})
    recipe = load_recipe(fold)
    entry = read_entry(recipe.cache / "knee", "knee_2")
    labels = module._labels(type(recipe)(recipe.root, plan, "0", recipe.fold, recipe.cache), entry)
    assert np.unique(labels).tolist() == [0, 1]
    np.testing.assert_array_equal(labels[:, 0] > 0, np.asarray(entry.labels) > 0)
