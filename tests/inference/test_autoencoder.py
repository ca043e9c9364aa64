"""Reading the auto-encoder of a fold: the trained one, whole, tensors only."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tiny import copied, reseal

from pedseg.bundle import load_recipe
from pedseg.bundle.prior import PRIOR as WRITTEN
from pedseg.bundle.prior import load_prior
from pedseg.errors import ModelError
from pedseg.inference import load_model
from pedseg.inference.autoencoder import PRIOR, load_autoencoder


@pytest.fixture
def fold(tiny_shape_run: Path, tmp_path: Path) -> Path:
    """A fold of its own."""
    return copied(tiny_shape_run, tmp_path) / "fold_0"


def test_it_is_the_one_that_was_trained_in_evaluation(tiny_shape_run: Path) -> None:
    fold = tiny_shape_run / "fold_0"
    assert PRIOR == WRITTEN
    found = load_autoencoder(fold, load_model(fold).plan)
    trained = load_prior(load_recipe(fold))
    assert found is not None
    assert not any(module.training for module in found.modules())
    assert found.names == ("ankle", "knee", "shoulder")
    assert all(torch.equal(v, trained.state_dict()[k]) for k, v in found.state_dict().items())


def test_a_fold_without_one_has_none(tiny_run: Path) -> None:
    assert load_autoencoder(tiny_run / "fold_0", load_model(tiny_run).plan) is None


def test_a_missing_or_other_file_is_refused(fold: Path) -> None:
    plan = load_model(fold).plan
    shutil.copyfile(fold / "models/model.pt", fold / PRIOR)
    with pytest.raises(ModelError, match=r"PS-A86: fold_0/models/prior.pt is missing or not the file run.json names"):
        load_autoencoder(fold, plan)
    reseal(fold)
    with pytest.raises(ModelError, match=r"PS-A102: weights of this plan's auto-encoder are needed, got .* missing"):
        load_autoencoder(fold, plan)
    (fold / PRIOR).unlink()
    with pytest.raises(ModelError, match="PS-A86"):
        load_autoencoder(fold, plan)
    (fold / "run.json").unlink()
    with pytest.raises(ModelError, match="PS-A123: fold_0 is not finished"):
        load_autoencoder(fold, plan)


def test_weights_that_are_not_finite_are_refused(fold: Path) -> None:
    state = torch.load(fold / PRIOR, weights_only=True)
    next(iter(state.values()))[0] = float("nan")
    torch.save(state, fold / PRIOR)
    reseal(fold)
    with pytest.raises(ModelError, match=r"PS-A86: fold_0/models/prior.pt holds values that are not finite"):
        load_autoencoder(fold, load_model(fold).plan)
