"""The plausibility benchmark: what it plants, what it counts; and a small version of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.plausibility import FALSE, FLAGGED, Trial, cut, looks, planned, rates, report, shifts
from pedseg.bundle import (
    calibrate_fold,
    finish_fold,
    fold_entries,
    load_recipe,
    make_fold,
    run_prior,
    training_network,
)
from pedseg.bundle.generations import save_tensors
from pedseg.data import SliceDataset
from pedseg.evaluation.plausibility import LOOK_AGAIN, LOOKS_LIKE, STILL_MM, Verdict
from pedseg.inference import load_model
from pedseg.inference.checkpoint import WEIGHTS
from pedseg.volumes import Volume
from pedseg.workspace import Workspace

VALUES = {
    "code_distance": 1.0, "code_limit": 2.0, "reconstruction_dice": 0.9, "reconstruction_limit": 0.8,
    "volume_share": 0.3, "volume_share_limits": [0.2, 0.4], "jump_mm": 1.0, "jump_limit_mm": 2.0,
}  # fmt: skip


def trial(kind: str, flagged: bool, exam: str = "a", **values: float) -> Trial:
    word = LOOK_AGAIN if flagged else LOOKS_LIKE
    verdict = Verdict(word, ("small beside the other bones",) if flagged else (), {**VALUES, **values})
    return Trial(kind, "reference", exam, "talus", verdict)


def test_a_third_to_a_half_of_one_bone_is_cut_off_beyond_a_plane() -> None:
    array = np.ones((20, 20, 10), np.uint8)
    array[10:] = 2
    for seed in range(5):
        left = cut(Volume(array, np.diag([1.0, 1, 3, 1])), 1, np.random.default_rng(seed))
        assert (left[10:] == 2).all()
        gone = np.argwhere(left[:10] == 0) * [1, 1, 3]
        assert 0.3 < len(gone) / 2000 < 0.52
        kept = np.argwhere(left[:10] == 1) * [1, 1, 3]
        way = gone.mean(0) - kept.mean(0)
        assert np.median(gone @ way) > np.quantile(kept @ way, 0.95)


def test_every_other_block_of_slices_is_moved_by_5_to_10_mm() -> None:
    array = np.zeros((40, 40, 12), np.uint8)
    array[15:25, 15:25] = 1
    for seed in range(5):
        volume = Volume(array, np.diag([1.5, 1.5, 3, 1]))
        moved = array[shifts(volume, np.random.default_rng(seed))]
        centres = np.array([np.argwhere(moved[:, :, k]).mean(0) * 1.5 for k in range(12)])
        ways = np.linalg.norm(centres - centres[0], axis=1)
        assert ways[0] == 0
        assert 3.5 < ways.max() < 11.5
        assert len(np.unique(ways.round(6))) == 2


def test_strain_is_above_nought_where_a_limit_is_passed() -> None:
    assert trial("good", flagged=False).strain == pytest.approx(max(np.log(0.5), np.log(0.75), np.log(2 / 3), -0.1))
    assert trial("cut off", flagged=True, volume_share=0.1).strain == pytest.approx(np.log(2))
    assert trial("motion", flagged=True, jump_mm=4.0).strain == pytest.approx(np.log((4 + STILL_MM) / (2 + STILL_MM)))
    assert trial("x", flagged=True, reconstruction_dice=0.5).strain == pytest.approx(0.3)
    assert Trial("x", "reference", "a", "talus", Verdict(LOOK_AGAIN)).strain == np.inf


def test_each_kind_of_failure_counts_alike(capsys: pytest.CaptureFixture[str]) -> None:
    trials = [trial("good", flagged=False), trial("good", flagged=True), trial("cut off", flagged=True)]
    trials += [trial("motion", flagged=True), trial("motion", flagged=False), trial("wrong joint", flagged=True)]
    assert rates(trials) == (pytest.approx(2.5 / 3), 0.5)
    report(trials)
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("motion"))
    assert row.split() == ["motion", "reference", "2", "50.0%", "1", "100.0%"]


@pytest.mark.slow
def test_planted_failures_are_told_from_good_masks(tmp_path: Path) -> None:
    """Of outlines alone: the auto-encoder is trained briefly, the network not at all, so that it outlines nothing."""
    plan, folder = planned(tmp_path, epochs=1, prior=4), Workspace(tmp_path).fold("default", "main", "0")
    make_fold(folder, plan, "0", plan.folds[0])
    recipe, cpu = load_recipe(folder), torch.device("cpu")
    slices = SliceDataset(fold_entries(recipe, "train"))
    run_prior(recipe, slices, cpu)
    save_tensors(folder / WEIGHTS, training_network(recipe, slices, cpu).state_dict())
    calibrate_fold(recipe, cpu)
    finish_fold(recipe, 0)
    trials = [trial for look in looks(load_model(folder), range(9, 12)) for trial in look.references()]
    report(trials)
    told, wrongly = rates(trials)
    assert told >= FLAGGED
    assert wrongly <= FALSE
