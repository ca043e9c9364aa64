"""From a volume to labels on its own grid."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SLICES, copied, make_exam, reseal

from pedseg.data.augment import Mirror
from pedseg.domains import Domain, load_domains
from pedseg.errors import InputError, ModelError
from pedseg.evaluation.agreement import mean_pairwise_dice
from pedseg.evaluation.overlap import dice
from pedseg.inference import Model, load_model, predict_volume
from pedseg.inference.agreement import Votes
from pedseg.inference.checkpoint import load_network
from pedseg.inference.predict import BATCH, Stopwatch, mirror_of, predict_windows
from pedseg.networks import SelectedNetwork
from pedseg.plan import DomainPlan, Plan
from pedseg.storage.prepare import prepare
from pedseg.volumes import Volume
from pedseg.volumes.postprocess import postprocess
from pedseg.volumes.slices import from_windows

DOMAINS = {d.name: d for d in load_domains(["ankle", "knee", "shoulder"])}
MARKS = {"ankle": 0.8, "knee": 0.5, "shoulder": 0.8}


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load_model(tiny_run)


def changed(model: Model, **parts: dict[str, object]) -> Model:
    values = model.plan.model_dump(by_alias=True)
    return Model(Plan.model_validate({**values, **{k: {**values[k], **v} for k, v in parts.items()}}), model.folds)


def scores(prediction: Volume, reference: Volume, domain: Domain) -> np.ndarray:
    return dice(prediction.array, reference.array, domain.n_classes)


@pytest.mark.parametrize("name", list(DOMAINS))
def test_an_unseen_exam_is_segmented_on_its_own_grid(model: Model, name: str) -> None:
    image, reference = make_exam(DOMAINS[name], 900)
    prediction = predict_volume(image, model, domain=name)
    assert prediction.labels.array.dtype == np.uint8
    assert prediction.labels.shape == image.shape
    np.testing.assert_array_equal(prediction.labels.affine, image.affine)
    assert scores(prediction.labels, reference, DOMAINS[name]).mean() > MARKS[name]
    assert list(prediction.seconds) == ["load", "prepare", "network", "restore", "judge"]


def test_a_finer_exam_on_another_grid_is_segmented_there(model: Model) -> None:
    """Each pixel of 2 mm becomes 2 x 2 pixels of 1 mm at the same place."""
    image, reference = make_exam(DOMAINS["ankle"], 901)
    half = np.eye(4)
    half[:2, :2] /= 2
    half[:2, 3] = -0.25
    fine = [Volume(v.array.repeat(2, 0).repeat(2, 1), v.affine @ half) for v in (image, reference)]
    prediction = predict_volume(fine[0], model, domain="ankle")
    assert prediction.labels.shape == (64, 64, SLICES["ankle"])
    assert scores(prediction.labels, fine[1], DOMAINS["ankle"]).mean() > 0.75


def test_the_order_of_storage_does_not_matter(model: Model) -> None:
    image, _ = make_exam(DOMAINS["shoulder"], 902)
    turn = np.array([[0.0, -1, 0, image.shape[0] - 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    # new (a, b, c) = old (n - 1 - b, c, a)
    stored = Volume(image.array.transpose(2, 0, 1)[:, ::-1].copy(), image.affine @ turn, slice_axis=0)
    plain = predict_volume(Volume(image.array, image.affine, slice_axis=2), model, domain="shoulder").labels
    other = predict_volume(stored, model, domain="shoulder").labels
    np.testing.assert_array_equal(other.array[:, ::-1].transpose(1, 2, 0), plain.array)


@pytest.fixture(scope="module")
def two_folds(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The trained fold and another whose weights are shaken."""
    run = copied(tiny_run, tmp_path_factory.mktemp("two"))
    shutil.copytree(run / "fold_0", run / "fold_1")
    path = run / "fold_1/models/model.pt"
    state = torch.load(path, weights_only=True)
    draw = torch.Generator().manual_seed(3)
    for value in (v for v in state.values() if v.dim() == 4):
        value.add_(0.15 * value.std() * torch.randn(value.shape, generator=draw))
    torch.save(state, path)
    reseal(run / "fold_1")
    return load_model(run)


def test_folds_are_averaged_as_by_hand(two_folds: Model) -> None:
    model = changed(two_folds, prediction={"mirror": False})
    image, _ = make_exam(DOMAINS["knee"], 903)
    both = predict_volume(image, model, domain="knee").labels.array

    prepared = prepare(image, model.plan.domain_plan("knee"))
    windows = torch.from_numpy(np.stack(list(prepared.windows())).astype(np.float32))  # (N, 1, W, W)
    softmax = []
    for fold in model.folds:
        network = SelectedNetwork(model.plan, "knee")
        network.load_state_dict(torch.load(fold / "models/model.pt", weights_only=True))
        with torch.inference_mode():
            softmax.append(network.eval()(windows).softmax(1).double())
    mean = (sum(softmax) / 2).numpy()
    restored = from_windows(mean[:, None], prepared.grid)
    by_hand = postprocess(restored.labels, 5, restored.probability)
    assert (both != by_hand).mean() < 1e-4
    ones = [predict_volume(image, Model(model.plan, (f,)), domain="knee").labels.array for f in model.folds]
    assert all((both != one).mean() > 1e-3 for one in ones)


def test_folds_tell_how_far_they_agree_and_are_averaged_as_if_nobody_asked(two_folds: Model) -> None:
    model = changed(two_folds, prediction={"mirror": True})
    image, _ = make_exam(DOMAINS["ankle"], 904)
    prepared = prepare(image, model.plan.domain_plan("ankle"))
    networks, cpu = model.networks("ankle", torch.device("cpu")), torch.device("cpu")
    mirror, windows = mirror_of(prepared, model.plan, "ankle"), list(prepared.windows())
    assert mirror is not None
    votes = Votes(2, 4)
    asked, plain, *alone = (
        np.stack(list(predict_windows(n, windows, model.plan, cpu, mirror=mirror, votes=v)))
        for n, v in ((networks, votes), (networks, None), (networks[:1], None), (networks[1:], None))
    )
    np.testing.assert_array_equal(asked, plain)
    by_hand = mean_pairwise_dice([p.argmax(2) for p in alone], DOMAINS["ankle"])  # ties of float16 aside
    prediction = predict_volume(image, model, domain="ankle")
    assert prediction.agreement == votes.agreement(DOMAINS["ankle"])
    assert prediction.agreement == pytest.approx(by_hand, abs=2e-3)
    assert all(0 < value < 1 for value in by_hand.values())


def test_one_fold_agrees_with_nobody(model: Model) -> None:
    image, _ = make_exam(DOMAINS["shoulder"], 905)
    assert predict_volume(image, model, domain="shoulder").agreement is None


def test_bfloat16_gives_the_bones_of_float32(model: Model) -> None:
    rough = changed(model, schedule={"precision": "bfloat16"})
    differences: list[float] = []
    for name, domain in DOMAINS.items():
        image, reference = make_exam(domain, 904)
        exact, close = (predict_volume(image, m, domain=name).labels for m in (model, rough))
        differences += list(scores(exact, reference, domain) - scores(close, reference, domain))
    assert abs(np.mean(differences)) < 0.005
    assert np.abs(differences).max() < 0.03


def test_layout_of_memory_changes_nothing_that_counts(model: Model) -> None:
    image, _ = make_exam(DOMAINS["ankle"], 905)
    plain = changed(model, schedule={"channels_last": False})
    one, two = (predict_volume(image, m, domain="ankle").labels for m in (model, plain))
    assert (one.array != two.array).mean() < 1e-3


def test_the_mirror_image_is_averaged_with_its_labels_exchanged_back(model: Model) -> None:
    """By hand: flip, softmax, flip back, exchange left and right labels, mean."""
    network = load_network(model.folds[0], model.plan, "knee")
    windows = np.random.default_rng(1).normal(size=(3, 1, 32, 32)).astype(np.float16)
    mirror = Mirror(1, (0, 2, 1, 3, 4))
    out = np.stack(list(predict_windows([network], windows, model.plan, torch.device("cpu"), mirror=mirror)))
    images = torch.from_numpy(windows.astype(np.float32))
    with torch.inference_mode():
        one, other = (network(x).float().softmax(1) for x in (images, images.flip(3)))
    mean = (one + other.flip(3)[:, [0, 2, 1, 3, 4]]) / 2
    np.testing.assert_allclose(out[:, 0], mean.numpy(), atol=2e-3)
    assert np.abs(out[:, 0] - one.numpy()).max() > 0.01


def test_only_slices_that_show_left_and_right_as_planned_are_mirrored(model: Model) -> None:
    plan = changed(model, prediction={"mirror": True}).plan
    image, _ = make_exam(DOMAINS["ankle"], 908)
    part = plan.domain_plan("ankle")
    assert part.plane == "axial"
    assert mirror_of(prepare(image, part), plan, "ankle") == Mirror(1, (0, 1, 2, 3))
    sagittal = replace(image, slice_axis=image.geometry.axis_of("sagittal"))
    assert mirror_of(prepare(sagittal, part), plan, "ankle") is None
    off = changed(model, prediction={"mirror": False}).plan
    assert mirror_of(prepare(image, part), off, "ankle") is None


def test_probabilities_come_slice_by_slice_whatever_the_batch(model: Model) -> None:
    plan = model.plan
    network = load_network(model.folds[0], plan, "shoulder")
    windows = np.random.default_rng(0).normal(size=(2 * BATCH + 3, 2, 32, 32)).astype(np.float16)
    out = list(predict_windows([network], windows, plan, torch.device("cpu")))
    assert [p.shape for p in out] == [(2, 3, 32, 32)] * len(windows)
    np.testing.assert_allclose(np.stack(out).astype(np.float64).sum(2), 1, atol=2e-3)
    twice = np.stack(list(predict_windows([network, network], windows, plan, torch.device("cpu"))))
    np.testing.assert_allclose(twice, np.stack(out), atol=1e-3)
    alone = np.stack(list(predict_windows([network], windows[-1:], plan, torch.device("cpu"))))
    np.testing.assert_allclose(alone[0], out[-1], atol=2e-3)


def test_an_exam_wider_than_the_window_is_covered(model: Model) -> None:
    model = changed(model, prediction={"mirror": False})  # wrapped, its bones come in another order than the mirror's
    image, reference = make_exam(DOMAINS["ankle"], 906)
    wide = np.pad(image.array, ((16, 16), (0, 0), (0, 0)), mode="wrap")  # as bright in the mean as the exam itself
    affine = image.affine.copy()
    affine[:3, 3] -= 16 * affine[:3, 0]
    prediction = predict_volume(Volume(wide, affine), model, domain="ankle")
    assert [n.code for n in prediction.notices if n.code == "PS-W121"] == ["PS-W121"]
    assert prediction.labels.shape == (64, 32, SLICES["ankle"])
    assert dice(prediction.labels.array[16:48], reference.array, 4).mean() > 0.6


def test_post_processing_is_the_plans(model: Model) -> None:
    image, _ = make_exam(DOMAINS["knee"], 907)
    raw = predict_volume(image, changed(model, prediction={"postprocess": False}), domain="knee").labels.array
    exam = predict_volume(image, model, domain="knee").labels.array
    on_slices = changed(model, prediction={"postprocess_grid": "slices"})
    slices = predict_volume(image, on_slices, domain="knee").labels.array
    from cc3d import connected_components

    for label in range(1, 5):
        assert connected_components(exam == label, connectivity=26).max() <= 1
        assert connected_components(slices == label, connectivity=26).max() <= 1
    assert any(connected_components(raw == label, connectivity=26).max() > 1 for label in range(1, 5))
    assert dice(exam, slices, 5).min() > 0.9  # two grids of one spacing, a filter apart


def silenced(tiny_run: Path, tmp_path: Path, labels: list[int]) -> Model:
    """The trained fold with some labels' logits of the ankle at -100."""
    run = copied(tiny_run, tmp_path)
    path = run / "fold_0/models/model.pt"
    state = torch.load(path, weights_only=True)
    (name,) = [k for k, v in state.items() if k.endswith("convs.0.bias") and len(v) == 4]
    state[name][labels] = -100
    torch.save(state, path)
    reseal(run / "fold_0")
    return load_model(run)


def test_nothing_found_is_a_result_with_a_warning(tiny_run: Path, tmp_path: Path) -> None:
    image, _ = make_exam(DOMAINS["ankle"], 908)
    empty = predict_volume(image, silenced(tiny_run, tmp_path, [1, 2, 3]), domain="ankle")
    assert not empty.labels.array.any()
    assert [n.code for n in empty.notices] == ["PS-W112"]
    part = predict_volume(image, silenced(tiny_run, tmp_path / "part", [2]), domain="ankle")
    assert [(n.code, n.text) for n in part.notices] == [("PS-W124", "not found: talus")]


def test_unusual_exams_are_predicted_with_a_warning(model: Model) -> None:
    image, _ = make_exam(DOMAINS["ankle"], 909)
    coarse = Volume(image.array[::2, ::2], image.affine @ np.diag([2.3, 2.3, 1, 1]))
    assert "PS-W122" in [n.code for n in predict_volume(coarse, model, domain="ankle").notices]
    turned = Volume(image.array, image.affine[:, [2, 0, 1, 3]], slice_axis=2)
    assert "PS-W120" in [n.code for n in predict_volume(turned, model, domain="ankle").notices]


def test_unusable_ones_and_unknown_domains_are_refused(model: Model, tiny_run: Path) -> None:
    image, _ = make_exam(DOMAINS["ankle"], 910)
    with pytest.raises(ModelError, match="PS-A124"):
        predict_volume(image, tiny_run, domain="hip")
    with pytest.raises(InputError, match="PS-A65"):
        predict_volume(image.with_array(np.zeros(image.shape, np.int16)), model, domain="ankle")


def test_two_predictions_are_equal_bit_for_bit(model: Model) -> None:
    image, _ = make_exam(DOMAINS["knee"], 911)
    one, two = (predict_volume(image, model, domain="knee").labels.array for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_the_stopwatch_keeps_stages_in_order() -> None:
    clock = Stopwatch()
    with clock.stage("a"):
        sum(range(1000))
    with pytest.raises(ValueError, match="x"), clock.stage("b"):
        raise ValueError("x")
    assert list(clock.seconds) == ["a"]
    assert 0 <= clock.seconds["a"] < 5


def test_the_plans_part_is_what_training_saw(model: Model, tiny_run: Path) -> None:
    part: DomainPlan = model.plan.domain_plan("knee")
    assert (part.window, part.plane) == (32, "axial")
    assert part.spacing_mm == pytest.approx(2.0, abs=0.01)
