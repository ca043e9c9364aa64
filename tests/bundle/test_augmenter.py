"""Random changes of a batch: those of the step, of the patient's left and right only, in the plan's layout."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pedseg.bundle.augmenter import Augmenter, step_seed
from pedseg.data.dataset import Batch
from pedseg.domains import Domain, load_domains
from pedseg.plan import Plan

LEGS = Domain.model_validate(
    {
        "name": "legs",
        "structures": [{"name": "tibia_left", "color": "#aa0000"}, {"name": "tibia_right", "color": "#00aa00"}],
        "mirror_pairs": [("tibia_left", "tibia_right")],
    }
)
FLIPS_ONLY: dict[str, Any] = {"rotation_deg": 0, "shift_fraction": 0, "scale_fraction": 0}
N = 8


def plan(planes: tuple[str, str] = ("axial", "sagittal"), *, seed: int = 0, dense: bool = True, **ranges: Any) -> Plan:
    """Legs and knees, each in a plane."""
    parts = zip((LEGS, *load_domains(["knee"])), planes, strict=True)
    return Plan.model_validate(
        {
            "domains": [{"domain": domain, "plane": plane, "spacing_mm": 1, "window": 32} for domain, plane in parts],
            "augmentation": ranges,
            "schedule": {"seed": seed, "channels_last": dense},
        }
    )


def batch(sizes: tuple[int, int] = (N, N)) -> Batch:
    """Noise over labels 1 above, 2 below, 0 on the left: no flip of a slice is the slice."""
    labels = torch.ones(sum(sizes), 32, 32, dtype=torch.uint8)
    labels[:, 16:] = 2
    labels[:, :, :10] = 0
    return Batch(torch.randn((sum(sizes), 1, 32, 32), generator=torch.Generator().manual_seed(0)), labels, sizes)


def test_changes_are_those_of_the_step_and_of_nothing_before() -> None:
    augmented, given = Augmenter(plan()), batch()
    torch.manual_seed(1)
    first, second = augmented(given, 1), augmented(given, 2)
    state = torch.random.get_rng_state()
    again, other = Augmenter(plan())(given, 1), Augmenter(plan(seed=1))(given, 1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.images, second.images)
    assert not torch.equal(first.images, other.images)
    assert torch.equal(given.images, batch().images)
    assert torch.equal(given.labels, batch().labels)


def test_steps_of_every_seed_start_apart() -> None:
    """Seed 1 in step 2 is not seed 2 in step 1; the first two stand as numpy gives them, for trainings resume."""
    assert (step_seed(0, 1), step_seed(0, 2)) == (3_964_924_996, 3_141_116_543)
    assert len({step_seed(seed, step) for seed in range(30) for step in range(1, 100)}) == 30 * 99


@pytest.mark.parametrize(
    ("flips", "planes", "seen"),
    [
        ("left_right", ("axial", "sagittal"), ("as it is, columns", "as it is")),
        ("left_right", ("sagittal", "coronal"), ("as it is", "as it is, columns")),
        ("none", ("axial", "coronal"), ("as it is", "as it is")),
        ("both", ("axial", "sagittal"), ("as it is, both, columns, rows", "as it is, both, columns, rows")),
    ],
)
def test_slices_are_flipped_as_the_plan_says(flips: str, planes: tuple[str, str], seen: tuple[str, str]) -> None:
    """Sagittal slices show no left and right; only left and right exchange the legs."""
    augmented, given = Augmenter(plan(planes, **FLIPS_ONLY, flips=flips)), batch()
    ways = {"as it is": (), "rows": (1,), "columns": (2,), "both": (1, 2)}
    found: tuple[set[str], set[str]] = (set(), set())
    for step in range(1, 5):
        changed = augmented(given, step)
        for i, (image, labels) in enumerate(zip(changed.images, changed.labels, strict=True)):
            (way,) = [w for w, dims in ways.items() if torch.allclose(image, given.images[i].flip(dims), atol=1e-4)]
            found[i // N].add(way)
            swap = i < N and planes[0] != "sagittal" and way in ("columns", "both")
            expected = given.labels[i].flip([dim - 1 for dim in ways[way]])
            assert torch.equal(labels, torch.tensor([0, 2, 1], dtype=torch.uint8)[expected.int()] if swap else expected)
    assert tuple(", ".join(sorted(names)) for names in found) == seen


@pytest.mark.parametrize("dense", [True, False])
def test_what_comes_out_has_the_plans_layout_and_the_batchs_types(dense: bool) -> None:
    given = batch()
    changed = Augmenter(plan(dense=dense))(Batch(given.images.repeat(1, 2, 1, 1), given.labels, given.sizes), 1)
    assert changed.images.is_contiguous(memory_format=torch.channels_last) is dense
    assert changed.images.is_contiguous() is not dense
    assert (changed.images.dtype, changed.labels.dtype) == (torch.float32, torch.uint8)
    assert changed.sizes == (N, N)


def test_a_domain_may_have_no_slice() -> None:
    changed = Augmenter(plan(flips="left_right"))(batch((0, 2)), 1)
    assert (changed.sizes, changed.images.shape, changed.labels.shape) == ((0, 2), (2, 1, 32, 32), (2, 32, 32))
