"""One batch of masks: what an auto-encoder sees, learns from, and is scored by."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from pedseg.bundle import PriorStep, ReconstructStep, prior_network, prior_objective
from pedseg.bundle.augmenter import Augmenter
from pedseg.bundle.descent import MAX_SKIPPED
from pedseg.bundle.prior_steps import Masks
from pedseg.bundle.recipe import Recipe
from pedseg.data.dataset import Batch, SliceRef
from pedseg.domains import load_domains
from pedseg.errors import TrainingError
from pedseg.losses import coverage
from pedseg.plan import Fold, Plan

CPU = torch.device("cpu")
RATE = 0.01
CLASSES = (4, 5, 3)


def recipe(*, dense: bool = True) -> Recipe:
    """Three joints with an auto-encoder of all of them (B)."""
    domains = load_domains(["ankle", "knee", "shoulder"])
    here = {"plane": "axial", "spacing_mm": 1, "window": 32, "label_detail": 2}
    prior = {"autoencoder": {"channels": (4, 4, 8, 8, 8)}, "learning_rate": RATE, "batch": 6}
    schedule = {"decay": "poly", "channels_last": dense}
    parts = [{"domain": d, **here} for d in domains]
    values = {"domains": parts, "objective": {"name": "msc+mjap"}, "prior": prior, "schedule": schedule}
    return Recipe(Path("fold_0"), Plan.model_validate(values), "0", Fold(train={}), Path("cache"))


def batch(sizes: tuple[int, ...] = (2, 2, 2), seed: int = 0) -> Batch:
    """Blocks of labels, twice as fine as the pixels; the images say nothing."""
    draw = torch.Generator().manual_seed(seed)
    parts = [torch.randint(0, n, (size, 8, 8), generator=draw) for n, size in zip(CLASSES, sizes, strict=True)]
    labels = torch.cat(parts).repeat_interleave(8, 1).repeat_interleave(8, 2).to(torch.uint8)
    return Batch(torch.full((sum(sizes), 1, 32, 32), torch.nan), labels, sizes)


def engine(made: Recipe, network: torch.nn.Module, **state: Any) -> Any:
    """Of ten steps."""
    here = {"device": CPU, "iteration": 1, "max_epochs": 2, "epoch_length": 5, **state}
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    return SimpleNamespace(
        network=network, optimizer=optimizer, loss_function=prior_objective(made), state=SimpleNamespace(**here)
    )


def test_steps_equal_a_plain_loop() -> None:
    made = recipe()
    network, plain = prior_network(made, CPU).eval(), prior_network(made, CPU).train()
    step, trainer, objective = PriorStep(made), engine(made, network), prior_objective(made)
    optimizer = torch.optim.SGD(plain.parameters(), lr=1.0)
    for number in (1, 2, 3):
        trainer.state.iteration = number
        values = step(trainer, batch(seed=number))
        optimizer.param_groups[0]["lr"] = RATE * (1 - (number - 1) / 10) ** 0.9  # poly
        changed = Augmenter(made.plan)(batch(seed=number), number)
        parts = zip(changed.labels.split(2), CLASSES, strict=True)
        masks = [coverage(y, n, (32, 32)).contiguous(memory_format=torch.channels_last) for y, n in parts]
        loss, terms = objective(plain(masks), changed.labels, changed.sizes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert values == {"loss": loss.item(), **{name: value.item() for name, value in terms.items()}}
    assert {"loss", "ce", "msc"} <= set(values)
    assert all(torch.equal(v, plain.state_dict()[k]) for k, v in network.state_dict().items())


class _Rewinder:
    """Has returned before: half the rate, and no second time."""

    rate = 0.5
    scaler = torch.amp.GradScaler("cpu", enabled=False)

    def rewind(self) -> bool:
        return False


def test_after_a_return_it_learns_at_half_the_rate() -> None:
    made = recipe()
    trainer = engine(made, prior_network(made, CPU))
    PriorStep(made, rewinder=_Rewinder())(trainer, batch())
    assert trainer.optimizer.param_groups[0]["lr"] == RATE / 2


def test_a_loss_that_is_not_finite_leaves_the_weights_alone_and_says_nothing_of_its_terms() -> None:
    made = recipe()
    network = prior_network(made, CPU)
    before = {k: v.clone() for k, v in network.named_parameters()}
    step, trainer, objective = PriorStep(made), engine(made, network), prior_objective(made)

    def bad(*given: Any) -> tuple[Tensor, dict[str, Tensor]]:
        loss, terms = objective(*given)
        return loss * math.nan, terms

    trainer.loss_function = bad
    for _ in range(MAX_SKIPPED):
        values = step(trainer, batch())
        assert {"loss", "ce", "msc"} <= set(values)
        assert all(map(math.isnan, values.values()))
    with pytest.raises(TrainingError, match="PS-A88: loss is not finite"):
        step(trainer, batch())
    assert all(torch.equal(v, before[k]) for k, v in network.named_parameters())


@pytest.mark.parametrize("dense", [True, False])
def test_masks_are_shares_of_finer_labels_and_empty_where_a_domain_has_no_slice(dense: bool) -> None:
    labels = torch.zeros((1, 64, 64), dtype=torch.uint8)
    labels[0, 0, 0] = 2
    ankle, knee, shoulder = Masks(recipe(dense=dense))(Batch(torch.zeros(1, 1, 32, 32), labels, (0, 1, 0)))
    assert (len(ankle), knee.shape, len(shoulder)) == (0, (1, 5, 32, 32), 0)
    assert knee[0, :, 0, 0].tolist() == [0.75, 0, 0.25, 0, 0]
    assert knee.is_contiguous(memory_format=torch.channels_last) is dense


class _Echo(torch.nn.Module):
    """Gives back the masks it is shown."""

    def forward(self, masks: list[Tensor]) -> SimpleNamespace:
        return SimpleNamespace(logits=tuple(masks))


def test_a_perfect_auto_encoder_gives_back_the_reference() -> None:
    """Of the domain at hand, and without augmentation."""
    made, given, place = recipe(), batch((0, 3, 0)), SliceRef(domain=1, exam=0, row=7)
    evaluator = SimpleNamespace(network=_Echo().train(), state=SimpleNamespace(device=CPU))
    labels, reference, where = ReconstructStep(made)(evaluator, (given, place))  # type: ignore[arg-type]
    assert torch.equal(reference, given.labels[:, ::2, ::2])
    assert torch.equal(labels, reference)
    assert labels.unique().numel() == 5
    assert where is place
    assert not evaluator.network.training
