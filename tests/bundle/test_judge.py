"""Discriminators in training: in turn with the network, kept in checkpoints and nowhere else."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from tiny import change_plan, copied, log_rows, make_workspace, same_weights, train, weights

from pedseg.bundle import (
    Recipe,
    TrainStep,
    fold_entries,
    load_recipe,
    make_fold,
    training_batches,
    training_judge,
    training_network,
    training_objective,
)
from pedseg.bundle.augmenter import Augmenter
from pedseg.bundle.descent import MAX_SKIPPED, Descent
from pedseg.bundle.judge import Judge
from pedseg.data import Batch, SliceDataset
from pedseg.losses import conditioned, coverage, discrimination
from pedseg.networks import MultiDomainOutput
from pedseg.plan import load_plan

CPU = torch.device("cpu")
NARROW = {"autoencoder": {"kind": "single", "scheme": "individual", "channels": (4, 4, 4, 8, 8)}, "batch": 6}


def recipe_of(root: Path) -> Recipe:
    plan, folder = load_plan(root / "plans/default"), root / "runs/default/main/fold_0"
    make_fold(folder, plan, "0", plan.folds[0])
    return load_recipe(folder)


@pytest.fixture
def adversarial(tiny_workspace: Path, tmp_path: Path) -> Recipe:
    """Three joints in one network against a discriminator of masks each."""
    root = copied(tiny_workspace, tmp_path)
    change_plan(root, objective={"name": "adv", "adversarial_weight": 0.5}, schedule={"decay": "none"})
    return recipe_of(root)


def test_only_objectives_with_one_get_one(tiny_run: Path, adversarial: Recipe) -> None:
    assert training_judge(load_recipe(tiny_run / "fold_0"), CPU) is None
    judge = training_judge(adversarial, CPU)
    assert judge
    first = [next(net.parameters()).shape[1] for net in judge.network.networks]
    assert first == [1 + 4, 1 + 5, 1 + 3]  # the image and every class
    again = training_judge(adversarial, CPU)
    assert again
    assert all(torch.equal(a, b) for a, b in zip(judge.network.parameters(), again.network.parameters(), strict=True))


def test_the_discriminator_of_shape_codes_fits_the_auto_encoder(tiny_workspace: Path, tmp_path: Path) -> None:
    root = copied(tiny_workspace, tmp_path)
    change_plan(root, objective={"name": "spar"}, prior=NARROW)
    judge = training_judge(recipe_of(root), CPU)
    assert judge
    scores = judge.network([torch.randn(2, 8, 2, 2)] * 3)  # codes of 32 x 32 pixels
    assert [s.shape for s in scores] == [(2, 1, 1, 1)] * 3


def test_network_and_discriminator_step_in_turn_as_a_plain_loop(adversarial: Recipe) -> None:
    """Real are the one-hot or shared labels with their images, fake the detached predictions (D eqs 10 to 13)."""
    recipe, dataset = adversarial, SliceDataset(fold_entries(adversarial, "train"))
    batches = list(training_batches(recipe, dataset))[:3]
    rate = recipe.plan.schedule.learning_rate
    network, judge = training_network(recipe, dataset, CPU), training_judge(recipe, CPU)
    assert judge
    outputs: list[dict[str, float]] = []
    trainer = SupervisedTrainer(
        device=CPU, max_epochs=1, train_data_loader=batches, network=network,
        optimizer=torch.optim.Adam(network.parameters(), lr=rate, fused=True),
        loss_function=training_objective(recipe, judge=judge),
        iteration_update=TrainStep(recipe, judge=judge), decollate=False,
    )  # fmt: skip
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: outputs.append(engine.state.output))
    trainer.run()

    plain, other = training_network(recipe, dataset, CPU).train(), training_judge(recipe, CPU)
    assert other
    discriminator = other.network.train()
    objective, augmented = training_objective(recipe, judge=other), Augmenter(recipe.plan)
    own = torch.optim.Adam(plain.parameters(), lr=rate, fused=True)
    its = torch.optim.Adam(discriminator.parameters(), lr=rate, fused=True)
    for step, batch in enumerate(batches, start=1):
        changed = augmented(batch, step)
        output = plain(changed.images, changed.sizes)
        loss, terms = objective(output, changed.labels, changed.sizes, images=changed.images)
        assert list(terms) == ["ce", "soft_dice", "adv"]
        own.zero_grad()
        its.zero_grad()
        loss.backward()
        assert all(p.grad is None for p in discriminator.parameters())
        own.step()
        real = [coverage(y, n, (32, 32)) for y, n in zip(changed.labels.split(2), (4, 5, 3), strict=True)]
        fake = [x.detach().softmax(1) for x in output.logits]
        scores = (discriminator(conditioned(masks, changed.images)) for masks in (real, fake))
        judged = discrimination(*scores)
        judged.backward()
        its.step()
        assert outputs[step - 1]["loss"] == pytest.approx(loss.item(), rel=1e-6)
        assert outputs[step - 1]["discriminator"] == pytest.approx(judged.item(), rel=1e-5)
    for a, b in ((network, plain), (judge.network, discriminator)):
        for name, value in a.state_dict().items():
            torch.testing.assert_close(value, b.state_dict()[name], rtol=1e-4, atol=1e-6)


class Apart:
    """An objective whose real masks are striped one way, whose fake ones the other."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    def discriminator_loss(self, *_: Any, **__: Any) -> torch.Tensor:
        stripes = (torch.arange(32) % 4 < 2).float().expand(2, 1, 32, 32)
        real = [stripes.repeat(1, n, 1, 1) for n in (5, 6, 4)]
        return discrimination(self.judge.network(real), self.judge.network([m.mT for m in real]))


def test_it_learns_to_tell_them_apart(adversarial: Recipe) -> None:
    judge = training_judge(adversarial, CPU)
    assert judge
    batch, output = Batch(torch.zeros(1, 1, 32, 32), torch.zeros(1, 32, 32), (1, 0, 0)), MultiDomainOutput(())
    losses = [judge.step(Apart(judge), output, batch, Descent()) for _ in range(8)]  # type: ignore[arg-type]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(("name", "stopped"), [("shape+adv", 1), ("spar", 2)])
def test_a_resumed_fold_equals_an_unbroken_one(tmp_path: Path, name: str, stopped: int) -> None:
    """Networks, discriminators and both optimisers go on bit for bit; no discriminator is among the weights."""
    make_workspace(tmp_path, ("ankle", "shoulder"), network={"channels": (4, 4, 4, 8, 8)})
    prior = {**NARROW, "epochs": 1}
    change_plan(tmp_path, objective={"name": name}, prior=prior, schedule={"decay": "none"})
    train(tmp_path, epochs=stopped, run="broken")
    broken = train(tmp_path, epochs=3, run="broken")
    unbroken = train(tmp_path, epochs=3, run="unbroken")
    assert same_weights(broken, unbroken)
    assert log_rows(broken) == log_rows(unbroken)
    assert {"discriminator", name.partition("+")[0]} <= set(log_rows(broken)[0])
    one, two = (torch.load(f / "models/checkpoint_odd.pt", weights_only=True) for f in (broken, unbroken))
    for part in ("network", "discriminator"):
        assert all(torch.equal(one[part][k], v) for k, v in two[part].items())
    for part in ("optimizer", "discriminator_optimizer"):
        moments = two[part]["state"]
        assert moments
        assert all(torch.equal(one[part]["state"][i][k], v) for i in moments for k, v in moments[i].items())
    assert set(weights(broken)) == set(two["network"])


class Back:
    """A rewinder that notes when it is asked."""

    rate = 1.0
    scaler = torch.amp.GradScaler("cpu", enabled=False)

    def __init__(self) -> None:
        self.asked = 0

    def rewind(self) -> bool:
        self.asked += 1
        self.rate = 0.5
        return True


def test_a_discriminator_gone_bad_brings_the_last_checkpoint_back_too(adversarial: Recipe) -> None:
    recipe, dataset = adversarial, SliceDataset(fold_entries(adversarial, "train"))
    network, judge, back = training_network(recipe, dataset, CPU), training_judge(recipe, CPU), Back()
    assert judge
    with torch.no_grad():
        for weights in judge.network.parameters():
            weights.fill_(torch.nan)
    step = TrainStep(recipe, judge=judge, rewinder=back)
    objective = training_objective(recipe, judge=judge)
    batch = next(iter(training_batches(recipe, dataset)))
    with torch.no_grad():
        output = network(batch.images, batch.sizes)
    for _ in range(MAX_SKIPPED):
        assert math.isnan(judge.step(objective, output, batch, step.judging))
    assert back.asked == 0
    judge.step(objective, output, batch, step.judging)
    assert (back.asked, step.judging.rate) == (1, 0.5)
