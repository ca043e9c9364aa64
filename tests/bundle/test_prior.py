"""The auto-encoder of a fold: it learns, from the training masks alone, once, and is then left alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import change_plan, copied, log_rows

from pedseg.bundle import (
    FoldPrior,
    Recipe,
    finish_fold,
    fold_entries,
    load_recipe,
    make_fold,
    prior_digest,
    prior_objective,
    progress,
    run_prior,
    training_objective,
)
from pedseg.bundle import prior as module
from pedseg.data import SliceDataset
from pedseg.errors import ModelError
from pedseg.plan import Fold, load_plan
from pedseg.storage.cache import read_entry, write_entry

CPU = torch.device("cpu")
PRIOR: dict[str, Any] = {
    "autoencoder": {"channels": (16, 16, 16, 32, 32)}, "learning_rate": 3e-3, "batch": 6, "epochs": 3
}  # fmt: skip
OF_ONE: dict[str, Any] = {
    "autoencoder": {"kind": "single", "scheme": "individual", "channels": (16, 16, 32, 32, 32)},
    "learning_rate": 1e-2, "batch": 8, "epochs": 10,
}  # fmt: skip


def slices(recipe: Recipe) -> SliceDataset:
    return SliceDataset(fold_entries(recipe, "train"))


def fold_of(root: Path, run: str = "main") -> Path:
    """Fold 0 as the job writes it, not trained."""
    plan, folder = load_plan(root / "plans/default"), root / f"runs/default/{run}/fold_0"
    make_fold(folder, plan, "0", plan.folds[0])
    return folder


def trained(root: Path, run: str = "main", **options: bool) -> Path:
    """Fold 0 with its auto-encoder trained, and nothing else."""
    recipe = load_recipe(fold_of(root, run))
    run_prior(recipe, slices(recipe), CPU, **options)
    return recipe.root


def note_of(fold: Path) -> dict[str, Any]:
    note: dict[str, Any] = json.loads((fold / "models/prior.json").read_text("utf-8"))
    return note


def weights_of(fold: Path) -> bytes:
    return (fold / "models/prior.pt").read_bytes()


@pytest.fixture(scope="module")
def joints(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three joints planned with a prior of all of them (B); not to be changed: copy it."""
    root = copied(tiny_workspace, tmp_path_factory.mktemp("priors"))
    change_plan(root, objective={"name": "msc+mjap"}, prior=PRIOR)
    return root


@pytest.fixture(scope="module")
def prior_fold(joints: Path) -> Path:
    """Fold 0 of them with its auto-encoder trained; not to be changed: copy it."""
    return trained(joints)


@pytest.fixture
def copy(prior_fold: Path, tmp_path: Path) -> Path:
    """A copy of that fold, in a copy of its workspace."""
    return copied(prior_fold.parents[3], tmp_path) / "runs/default/main/fold_0"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would have been trained."""
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "run_config", lambda _folder, _name, **values: seen.append(values))
    return seen


def test_it_learns_to_give_back_masks_it_has_not_seen(tiny_workspace: Path, tmp_path: Path) -> None:
    """A mask of one label everywhere scores 0.25 or less: no bone is larger."""
    root = copied(tiny_workspace, tmp_path)
    gentle = {"rotation_deg": 5, "shift_fraction": 0.05, "scale_fraction": 0.05, "flips": "none"}
    change_plan(root, augmentation=gentle, prediction={"mirror": False}, schedule={"decay": "none"})
    change_plan(root, objective={"name": "shape"}, prior=OF_ONE)
    fold = trained(root)
    dice = note_of(fold)["dice"]
    assert list(dice) == ["ankle", "knee", "shoulder"]
    assert min(dice.values()) > 0.4
    rows = log_rows(fold, "prior.csv")
    assert all(float(rows[-1][f"dice_{name}"]) == pytest.approx(value, abs=1e-5) for name, value in dice.items())
    assert all(float(rows[-1][f"dice_{name}"]) > float(rows[0][f"dice_{name}"]) + 0.1 for name in dice)


def test_a_domain_without_masks_to_learn_from_is_not_scored(tiny_workspace: Path, tmp_path: Path) -> None:
    """As the source of the scheme `transfer`, whose exams still validate."""
    root = copied(tiny_workspace, tmp_path)
    change_plan(root, objective={"name": "shape"}, prior={**OF_ONE, "epochs": 1})
    plan, folder = load_plan(root / "plans/default"), root / "runs/default/main/fold_0"
    fold = plan.folds[0]
    learned = {name: cases for name, cases in fold.train.items() if name != "knee"}
    make_fold(folder, plan, "0", Fold(validation=fold.validation, train=learned))
    recipe = load_recipe(folder)
    run_prior(recipe, slices(recipe), CPU)
    assert list(note_of(folder)["dice"]) == ["ankle", "shoulder"]
    assert "dice_knee" in log_rows(folder, "prior.csv")[0]


def test_its_loss_is_the_papers_with_soft_dice_where_the_networks_has_it(prior_fold: Path, copy: Path) -> None:
    rows = log_rows(prior_fold, "prior.csv")
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"loss", "ce", "msc", "dice_ankle", "dice_knee", "dice_shoulder"} <= set(rows[0])
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    weight = load_recipe(prior_fold).plan.objective.dice_weight
    loss = float(rows[0]["ce"]) + 0.05 * float(rows[0]["msc"])  # B eq. 6
    assert float(rows[0]["loss"]) == pytest.approx(loss + weight * float(rows[0]["soft_dice"]), abs=1e-4)
    assert prior_objective(load_recipe(prior_fold)).spec.dice_weight == weight > 0
    change_plan(copy.parents[3], objective={"dice_weight": 0})
    spec = prior_objective(load_recipe(fold_of(copy.parents[3]))).spec
    assert (spec.name, spec.contrastive_weight, spec.dice_weight) == ("msc", 0.05, 0)


def test_files_are_tensors_vouched_for_and_no_states_are_left(prior_fold: Path) -> None:
    weights = torch.load(prior_fold / "models/prior.pt", weights_only=True)
    assert all(isinstance(v, torch.Tensor) for v in weights.values())
    note = note_of(prior_fold)
    assert note["sha256"] == hashlib.sha256(weights_of(prior_fold)).hexdigest()
    assert (note["schema"], note["epochs"]) == (1, 3)
    assert {p.name for p in (prior_fold / "models").iterdir()} == {"prior.pt", "prior.json"}
    assert (prior_fold / "prior.png").is_file()


def change_entry(cache: Path, kind: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change an array of a cache entry and make its manifest vouch for it."""
    entry = read_entry(cache.parent, cache.name)
    arrays = {"image": np.array(entry.images), "labels": np.array(entry.labels)}
    arrays[kind] = change(arrays[kind])
    write_entry(cache.parent, entry.manifest, arrays["image"], arrays["labels"])


def test_no_exam_outside_the_training_part_and_no_image_leaks_into_it(
    joints: Path, prior_fold: Path, tmp_path: Path
) -> None:
    """Other labels of validation and test exams, and other images of all, change no bit of the auto-encoder."""
    root = copied(joints, tmp_path)
    shutil.rmtree(root / "runs", ignore_errors=True)
    fold = load_plan(root / "plans/default").folds[0]
    for domain in fold.train:
        for case in (*fold.validation[domain], *fold.test[domain]):
            change_entry(root / f"cache/default/{domain}/{case}", "labels", np.zeros_like)
        for case in (*fold.train[domain], *fold.validation[domain], *fold.test[domain]):
            change_entry(root / f"cache/default/{domain}/{case}", "image", np.zeros_like)
    other = trained(root)
    assert weights_of(other) == weights_of(prior_fold)
    assert note_of(other)["digest"] == note_of(prior_fold)["digest"]
    case = fold.train["knee"][0]
    change_entry(root / f"cache/default/knee/{case}", "labels", np.zeros_like)
    recipe = load_recipe(other)
    assert prior_digest(recipe, slices(recipe)) != note_of(prior_fold)["digest"]


def test_the_right_one_is_not_trained_again(
    copy: Path, calls: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pedseg")
    recipe = load_recipe(copy)
    left = copy / "models/prior_odd.pt"  # of a kill behind the note
    left.touch()
    run_prior(recipe, slices(recipe), CPU)
    assert "prior: prior.pt stands" in caplog.text
    assert not left.exists()
    change_plan(copy.parents[3], schedule={"learning_rate": 0.5, "epochs": 9}, objective={"prior_weight": 0.7})
    trained(copy.parents[3], "main")
    assert calls == []


@pytest.mark.parametrize(
    "changes",
    [{"prior": {"epochs": 4}}, {"prior": {"learning_rate": 0.1}}, {"augmentation": {"rotation_deg": 3}},
     {"schedule": {"seed": 5}}, {"schedule": {"decay": "none"}}, {"objective": {"dice_weight": 0.3}},
     {"prior": {"autoencoder": {"channels": (4, 4, 4, 4, 4)}}}],
    ids=str,
)  # fmt: skip
def test_another_plan_of_it_is_trained(copy: Path, calls: list[dict[str, Any]], changes: dict[str, Any]) -> None:
    change_plan(copy.parents[3], **changes)
    trained(copy.parents[3])
    assert [call["resume"] for call in calls] == [False]
    assert not (copy / "models/prior.json").exists()


def test_another_fold_or_a_damaged_file_is_trained_again(copy: Path, calls: list[dict[str, Any]]) -> None:
    recipe = load_recipe(copy)
    other = Recipe(copy, recipe.plan, "1", recipe.plan.folds[1], recipe.cache)
    run_prior(other, slices(other), CPU)
    assert len(calls) == 1
    (copy / "models/prior.pt").write_bytes(b"")
    run_prior(recipe, slices(recipe), CPU)
    assert len(calls) == 2


def test_a_note_with_another_figure_is_trained_again_and_sealed_in_no_fold(
    copy: Path, calls: list[dict[str, Any]]
) -> None:
    recipe, path = load_recipe(copy), copy / "models/prior.json"
    (copy / "models/model.pt").touch()
    finish_fold(recipe, 1)
    path.write_text(path.read_text("utf-8").replace('"epochs": 3', '"epochs": 2'), "utf-8")
    with pytest.raises(ModelError, match=r"PS-A86: .*prior.pt is missing or not the file prior.json names"):
        finish_fold(recipe, 1)
    run_prior(recipe, slices(recipe), CPU)
    assert len(calls) == 1


def test_a_fold_whose_objective_needs_none_has_none(tiny_run: Path, calls: list[dict[str, Any]]) -> None:
    recipe = load_recipe(tiny_run / "fold_0")
    run_prior(recipe, slices(recipe), CPU)
    assert calls == []
    assert training_objective(recipe).encoder is None
    assert not (tiny_run / "fold_0/models/prior.pt").exists()


def test_a_broken_training_goes_on_to_the_same_bits(
    joints: Path, prior_fold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = copied(joints, tmp_path)
    shutil.rmtree(root / "runs", ignore_errors=True)
    write = progress.write_log

    def fail_in_the_second_epoch(path: Path, rows: list[dict[str, float]]) -> None:
        if len(rows) == 2:
            raise ValueError("broken off")
        write(path, rows)

    monkeypatch.setattr(progress, "write_log", fail_in_the_second_epoch)
    with pytest.raises(Exception, match=r"broken off|Failed to evaluate"):
        trained(root)
    monkeypatch.setattr(progress, "write_log", write)
    caplog.set_level("INFO", "pedseg")
    fold = trained(root)
    assert "resuming behind epoch 1 of 3" in caplog.text
    assert weights_of(fold) == weights_of(prior_fold)
    assert log_rows(fold, "prior.csv") == log_rows(prior_fold, "prior.csv")


def test_the_random_state_is_left_alone(copy: Path) -> None:
    (copy / "models/prior.json").unlink()
    change_plan(copy.parents[3], prior={"epochs": 1})
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    trained(copy.parents[3])
    assert torch.equal(torch.rand(2), expected)


def test_its_encoder_lets_gradients_through_and_keeps_none(prior_fold: Path) -> None:
    recipe = load_recipe(prior_fold)
    encoder = FoldPrior(recipe, CPU)
    torch.manual_seed(0)
    masks = [torch.rand(2, n, 32, 32).softmax(1).requires_grad_() for n in (4, 5, 3)]
    first = encoder(masks)
    assert [code.shape for code in first] == [(2, 32, 2, 2)] * 3
    sum(code.sum() for code in first).backward()
    assert all(m.grad is not None and m.grad.abs().sum() > 0 for m in masks)
    inner = encoder._encoder
    assert inner
    assert not any(p.requires_grad or p.grad is not None for p in inner.parameters())
    assert all(torch.equal(a, b) for a, b in zip(first, encoder([m.detach() for m in masks]), strict=True))


def test_one_that_is_not_there_or_not_the_plans_is_refused(copy: Path) -> None:
    recipe = load_recipe(copy)
    values = recipe.plan.model_dump(by_alias=True)
    values["prior"]["autoencoder"]["channels"] = (8, 8, 8, 8, 8)
    wider = Recipe(copy, type(recipe.plan).model_validate(values), "0", recipe.fold, recipe.cache)
    with pytest.raises(ModelError, match="PS-A102: weights of this plan's auto-encoder are needed, got"):
        FoldPrior(wider, CPU)([])
    (copy / "models/prior.json").unlink()
    with pytest.raises(ModelError, match=r"PS-A86: .*prior.pt is missing or not the file prior.json names"):
        FoldPrior(recipe, CPU)([])
