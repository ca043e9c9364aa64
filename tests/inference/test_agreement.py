"""Where networks agree, counted batch by batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pedseg.domains import load_domains
from pedseg.evaluation.agreement import mean_pairwise_dice
from pedseg.inference.agreement import Votes

(ANKLE,) = load_domains(["ankle"])


def test_by_hand() -> None:
    votes = Votes(2, 4)
    votes.add(torch.tensor([[[1, 1, 1, 0]], [[1, 1, 0, 2]]], dtype=torch.uint8))
    # label 1: 2 * 2 / (3 + 2); label 2: one fold alone; label 3: none
    assert votes.agreement(ANKLE) == pytest.approx({"calcaneus": 0.8, "talus": 0.0})


def test_batches_add_up_to_what_whole_maps_give() -> None:
    maps = np.random.default_rng(0).integers(0, 4, (4, 10, 16, 16)).astype(np.uint8)
    votes = Votes(4, 4)
    for start in range(0, 10, 3):
        votes.add(torch.from_numpy(maps[:, start : start + 3]))
    assert votes.agreement(ANKLE) == pytest.approx(mean_pairwise_dice(list(maps), ANKLE), rel=1e-12)


def test_counts_of_a_whole_batch_are_exact() -> None:
    votes = Votes(2, 2)
    for _ in range(5):
        votes.add(torch.ones(2, 2**22 + 1, dtype=torch.uint8))
    assert votes.shared.tolist() == [[[5.0 * (2**22 + 1)] * 2] * 2]


def test_nothing_found_has_no_agreement() -> None:
    votes = Votes(3, 4)
    votes.add(torch.zeros(3, 8, dtype=torch.uint8))
    assert votes.agreement(ANKLE) == {}
