"""Weights of a finished fold laid into the one that starts from them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import make_workspace, train

from pedseg.bundle import make_fold, place_source
from pedseg.bundle.generations import Generations
from pedseg.errors import ModelError
from pedseg.inference.checkpoint import load_network
from pedseg.plan import load_plan
from pedseg.storage.runs import SOURCE

SMALL = {"channels": (4, 4, 4, 4, 4)}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fold of individual networks."""
    root = tmp_path_factory.mktemp("transfer")
    make_workspace(root, ("ankle", "shoulder"), wishes={"scheme": "individual"}, network=SMALL)
    return train(root, epochs=1)


def _fold(folder: Path, pretrained: Path) -> Path:
    plan = load_plan(pretrained / "configs/plan.json")
    make_fold(folder, plan, "0", plan.folds[0])
    return folder


def test_the_weights_are_those_of_the_source_alone(pretrained: Path, tmp_path: Path) -> None:
    fold = _fold(tmp_path / "fold_0", pretrained)
    place_source(fold, pretrained, "shoulder")
    weights = torch.load(fold / SOURCE, weights_only=True)
    network = load_network(pretrained, load_plan(pretrained / "configs/plan.json"), "shoulder").network
    assert set(weights) == set(network.state_dict())
    assert all(torch.equal(v, weights[k]) for k, v in network.state_dict().items())


def test_the_same_weights_again_change_nothing_and_others_are_refused_behind_a_checkpoint(
    pretrained: Path, tmp_path: Path
) -> None:
    fold = _fold(tmp_path / "fold_0", pretrained)
    place_source(fold, pretrained, "shoulder")
    place_source(fold, pretrained, "ankle")  # nothing has been trained from the first
    before = (fold / SOURCE).read_bytes()
    Generations(fold).paths[0].touch()
    place_source(fold, pretrained, "ankle")
    assert (fold / SOURCE).read_bytes() == before
    with pytest.raises(ModelError, match=r"PS-A87: fold_0 began with other weights of shoulder than main has now: .*"):
        place_source(fold, pretrained, "shoulder")
    assert (fold / SOURCE).read_bytes() == before
    place_source(fold, pretrained, "shoulder", resume=False)
    assert (fold / SOURCE).read_bytes() != before


def test_an_unfinished_fold_lends_nothing(pretrained: Path, tmp_path: Path) -> None:
    fold = _fold(tmp_path / "fold_0", pretrained)
    unfinished = _fold(tmp_path / "fold_1", pretrained)
    with pytest.raises(ModelError, match="PS-A123: fold_1 is not finished"):
        place_source(fold, unfinished, "ankle")
    assert not (fold / SOURCE).exists()
