"""What a fold folder says about its training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pedseg.bundle import fold_entries, load_recipe, training_batches, training_network, validation_batches
from pedseg.bundle.recipe import VALIDATION_SLICES
from pedseg.data import SliceDataset
from pedseg.errors import UsageError
from pedseg.plan import Plan

SLICES = {"ankle": 20, "knee": 40, "shoulder": 30}


def test_plan_fold_and_cache_are_found_from_the_folder_alone(tiny_run: Path) -> None:
    recipe = load_recipe(tiny_run / "fold_0")
    assert (recipe.name, recipe.plan.digest) == ("0", load_recipe(tiny_run / "fold_0").plan.digest)
    assert recipe.fold == recipe.plan.folds[0]
    assert recipe.cache == tiny_run.parents[2] / "cache/default"
    assert load_recipe(tiny_run / "fold_0", tiny_run).cache == tiny_run


def test_entries_are_those_of_the_fold_in_the_plans_order(tiny_run: Path) -> None:
    recipe = load_recipe(tiny_run / "fold_0")
    train, validation = fold_entries(recipe, "train"), fold_entries(recipe, "validation")
    assert [[e.manifest.case for e in part] for part in train] == [["ankle_2"], ["knee_2"], ["shoulder_2"]]
    assert [[e.manifest.case for e in part] for part in validation] == [["ankle_1"], ["knee_1"], ["shoulder_1"]]
    assert SliceDataset(train).counts == tuple(SLICES.values())


def test_batches_follow_the_plan(tiny_run: Path) -> None:
    recipe = load_recipe(tiny_run / "fold_0")
    dataset = SliceDataset(fold_entries(recipe, "train"))
    batches = training_batches(recipe, dataset)
    assert (batches.share, batches.seed, batches.reuse, len(batches)) == (2, 0, True, 20)
    assert len(validation_batches(dataset)) == sum(-(-n // VALIDATION_SLICES) for n in SLICES.values())
    values = {**recipe.plan.model_dump(by_alias=True), "objective": {"name": "ce"}}
    alone = Plan.model_validate({**values, "network": {**values["network"], "scheme": "individual"}})
    own = type(recipe)(recipe.root, alone, recipe.name, recipe.fold, recipe.cache)
    assert (training_batches(own, dataset).share, training_batches(own, dataset).reuse) == (6, False)


def test_the_first_weights_follow_from_the_seed(tiny_run: Path) -> None:
    recipe = load_recipe(tiny_run / "fold_0")
    dataset = SliceDataset(fold_entries(recipe, "train"))
    one, two = (training_network(recipe, dataset, torch.device("cpu")) for _ in range(2))
    assert all(torch.equal(v, two.state_dict()[k]) for k, v in one.state_dict().items())
    conv = next(p for p in one.parameters() if p.dim() == 4 and p.shape[1] > 1)
    assert conv.is_contiguous(memory_format=torch.channels_last)


def test_heads_start_at_the_frequencies_of_the_training_labels(tiny_run: Path) -> None:
    recipe = load_recipe(tiny_run / "fold_0")
    entries = fold_entries(recipe, "train")
    network = training_network(recipe, SliceDataset(entries), torch.device("cpu"))
    for domain, (entry,) in enumerate(entries):
        shares = np.bincount(entry.labels.ravel()) / entry.labels.size
        bias = network.head(domain).bias.detach().softmax(0).numpy()
        np.testing.assert_allclose(bias, shares, rtol=1e-2, atol=1e-4)


def test_a_fold_folder_without_its_configs_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"PS-A125: .*plan.json is missing"):
        load_recipe(tmp_path)
