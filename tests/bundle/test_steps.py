"""One step of training and of validation against a plain loop."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from tiny import change_plan, copied

from pedseg.bundle import TrainStep, ValidateStep, fold_entries, load_recipe, training_batches, training_network
from pedseg.bundle.descent import MAX_SKIPPED
from pedseg.bundle.recipe import Recipe
from pedseg.data import SliceDataset
from pedseg.data.augment import Mirror, apply_augmentation, draw_augmentation
from pedseg.data.batches import OrderedBatches
from pedseg.errors import TrainingError
from pedseg.losses import Objective, majority
from pedseg.networks import select_domain
from pedseg.plan import NetworkSpec

CPU = torch.device("cpu")


@pytest.fixture
def recipe(tiny_run: Path) -> Recipe:
    return load_recipe(tiny_run / "fold_0")


def network_and_slices(recipe: Recipe) -> tuple[torch.nn.Module, SliceDataset]:
    dataset = SliceDataset(fold_entries(recipe, "train"))
    return training_network(recipe, dataset, CPU), dataset


def trained_by_monai(recipe: Recipe, steps: int) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    network, dataset = network_and_slices(recipe)
    batches = list(training_batches(recipe, dataset))[:steps]
    outputs: list[dict[str, float]] = []
    trainer = SupervisedTrainer(
        device=CPU, max_epochs=1, train_data_loader=batches, network=network,
        optimizer=torch.optim.Adam(network.parameters(), lr=recipe.plan.schedule.learning_rate),
        loss_function=Objective(recipe.plan.objective, len(recipe.plan.domains)),
        iteration_update=TrainStep(recipe), decollate=False,
    )  # fmt: skip
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: outputs.append(engine.state.output))
    trainer.run()
    return network.state_dict(), outputs


def test_steps_equal_a_plain_loop_with_the_same_draws(recipe: Recipe) -> None:
    weights, outputs = trained_by_monai(recipe, 3)
    plan = recipe.plan
    assert (plan.schedule.decay, plan.augmentation.flips) == ("poly", "left_right")
    network, dataset = network_and_slices(recipe)
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.schedule.learning_rate)
    objective = Objective(plan.objective, 3)
    mirrors = [Mirror(1, part.domain.mirrored_labels) for part in plan.domains]  # axial: columns run left-right
    for step, batch in enumerate(list(training_batches(recipe, dataset))[:3], start=1):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - (step - 1) / 3) ** 0.9  # polynomial decay over three steps
        seed = int(np.random.SeedSequence([0, step]).generate_state(1)[0])
        drawn = draw_augmentation(plan.augmentation, 6, torch.Generator().manual_seed(seed))
        drawn = replace(drawn, flip=drawn.flip & torch.tensor([False, True]))  # the plan flips left and right only
        images, labels = apply_augmentation(batch.images, batch.labels, drawn, sizes=batch.sizes, mirrors=mirrors)
        optimizer.zero_grad()
        output = network(images.contiguous(memory_format=torch.channels_last), batch.sizes)
        loss, terms = objective(output, labels, (2, 2, 2))
        loss.backward()
        optimizer.step()
        expected = {"loss": loss.item(), **{k: v.item() for k, v in terms.items()}}
        assert outputs[step - 1] == expected
    assert all(torch.equal(weights[k], v) for k, v in network.state_dict().items())


def test_blocks_left_out_are_those_of_the_step_whatever_was_drawn_before(recipe: Recipe) -> None:
    spec = NetworkSpec(name="efficient_unet", stochastic_depth=0.5)
    recipe = replace(recipe, plan=recipe.plan.model_copy(update={"network": spec}))
    network, dataset = network_and_slices(recipe)
    (batch, *_), start = list(training_batches(recipe, dataset)), deepcopy(network.state_dict())

    def loss(iteration: int, drawn_before: int) -> float:
        torch.manual_seed(drawn_before)
        network.load_state_dict(start)
        engine: Any = SimpleNamespace(
            network=network, optimizer=torch.optim.Adam(network.parameters()),
            loss_function=Objective(recipe.plan.objective, len(recipe.plan.domains)),
            state=SimpleNamespace(device=CPU, iteration=iteration, max_epochs=9, epoch_length=9),
        )  # fmt: skip
        step = TrainStep(recipe)
        step.augmented = lambda batch, _: batch  # type: ignore[assignment, misc]
        return step(engine, batch)["ce"]

    assert loss(2, drawn_before=0) == loss(2, drawn_before=1) != loss(3, drawn_before=0)


def test_a_loss_that_is_not_finite_leaves_the_weights_alone(recipe: Recipe) -> None:
    network, dataset = network_and_slices(recipe)
    with torch.no_grad():
        next(p for p in network.parameters() if p.dim() == 4).fill_(torch.inf)
    before = {k: v.clone() for k, v in network.named_parameters()}
    batch = next(iter(training_batches(recipe, dataset)))
    engine = SimpleNamespace(
        network=network, optimizer=torch.optim.Adam(network.parameters()),
        loss_function=Objective(recipe.plan.objective, 3),
        state=SimpleNamespace(device=CPU, iteration=1, max_epochs=1, epoch_length=1),
    )  # fmt: skip
    step = TrainStep(recipe)
    for _ in range(MAX_SKIPPED):
        values = step(engine, batch)  # type: ignore[arg-type]
        assert list(values) == ["loss", "ce", "soft_dice", "msc"]
        assert all(np.isnan(list(values.values())))
    with pytest.raises(TrainingError, match=r"PS-A88: loss is not finite \(ce nan, soft_dice nan, msc nan\)"):
        step(engine, batch)  # type: ignore[arg-type]
    assert all(torch.equal(v, before[k]) for k, v in network.named_parameters())


def test_bfloat16_trains_close_to_float32(recipe: Recipe, tiny_workspace: Path, tmp_path: Path) -> None:
    plan = change_plan(copied(tiny_workspace, tmp_path), schedule={"precision": "bfloat16"})
    rough = Recipe(recipe.root, plan, recipe.name, recipe.fold, recipe.cache)
    (_, exact), (weights, outputs) = trained_by_monai(recipe, 2), trained_by_monai(rough, 2)
    assert all(v.dtype != torch.bfloat16 for v in weights.values())
    assert outputs[0]["ce"] != exact[0]["ce"]
    assert outputs[0]["ce"] == pytest.approx(exact[0]["ce"], rel=0.02)


def test_validation_gives_the_labels_of_the_selected_network(recipe: Recipe) -> None:
    network, _ = network_and_slices(recipe)
    batches = OrderedBatches(SliceDataset(fold_entries(recipe, "validation")), 16)
    scored = []
    evaluator = SupervisedEvaluator(
        device=CPU, val_data_loader=batches, network=network, iteration_update=ValidateStep(recipe), decollate=False
    )
    evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: scored.append(engine.state.output))
    evaluator.run()
    assert len(scored) == len(batches)
    plain = {d: select_domain(network, name).eval() for d, name in enumerate(recipe.plan.domain_names)}
    for (batch, place), (labels, reference, where) in zip(batches, scored, strict=True):
        assert where == place
        n_classes = recipe.plan.domains[place.domain].domain.n_classes
        assert torch.equal(reference, majority(batch.labels, n_classes, tuple(labels.shape[1:])))
        with torch.inference_mode():
            assert torch.equal(labels, plain[place.domain](batch.images).argmax(1))
