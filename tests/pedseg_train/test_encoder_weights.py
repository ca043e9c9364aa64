"""A network with an ImageNet encoder, trained by the commands: where its weights come from, and where not."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from tiny import copied, make_workspace, same_weights, train, weights

from pedseg.bundle import fold_entries, load_recipe, training_network
from pedseg.data import SliceDataset
from pedseg.errors import ModelError, UsageError
from pedseg.inference.checkpoint import load_network
from pedseg.networks.efficientnet import EfficientNetB3
from pedseg.networks.weights import HUB, PUBLIC_FILES
from pedseg.plan import load_plan
from pedseg_train.__main__ import main

NETWORK = {"network": "efficient_unet"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder's weights under the names of the public file."""
    path = tmp_path_factory.mktemp("weights") / "b3.pth"
    torch.manual_seed(3)
    torch.save(EfficientNetB3().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, file: Path) -> Path:
    """One exam, planned with the file and in the slice cache; not to be changed: copy it."""
    root = tmp_path_factory.mktemp("planned") / "workspace"
    wishes = {**NETWORK, "encoder_weights": str(file)}
    make_workspace(root, ("ankle",), n=1, wishes=wishes, schedule={"decay": "none"})
    return root


@pytest.fixture(scope="module")
def trained(planned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one epoch of fold 0; not to be changed: copy it."""
    root = copied(planned, tmp_path_factory.mktemp("trained"))
    train(root, epochs=1)
    return root


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and nothing in torch's cache."""

    def refuse(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "urlopen", refuse)


def test_training_starts_from_the_planned_file(trained: Path, file: Path) -> None:
    recipe = load_recipe(trained / "runs/default/main/fold_0")
    dataset = SliceDataset(fold_entries(recipe, "train"))
    fresh = training_network(recipe, dataset, torch.device("cpu"))
    stem = torch.load(file, weights_only=True)["_conv_stem.weight"]
    assert torch.equal(fresh.network.encoder._conv_stem.weight, stem)
    resumed = training_network(recipe, dataset, torch.device("cpu"), resume=True)
    assert not torch.equal(resumed.network.encoder._conv_stem.weight, stem), "its checkpoint will fill it"


@pytest.mark.slow
def test_a_resumed_fold_does_not_need_the_file_again(
    trained: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copied(trained, tmp_path)
    unbroken = train(copied(trained, tmp_path / "unbroken"), epochs=2, run="unbroken")
    away = file.rename(tmp_path / "away.pth")
    try:
        assert same_weights(train(root, epochs=2), unbroken)
        with pytest.raises(UsageError, match=r"PS-A03: encoder weights .*b3.pth do not exist"):
            train(root, resume=False)
    finally:
        away.rename(file)


def test_another_file_under_its_name_is_refused(planned: Path, file: Path, tmp_path: Path) -> None:
    kept = file.read_bytes()
    torch.save(EfficientNetB3().state_dict(), file)
    try:
        with pytest.raises(ModelError, match=r"PS-A87: .*b3.pth is not the file of the plan"):
            train(copied(planned, tmp_path), epochs=1)
    finally:
        file.write_bytes(kept)


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_prediction_asks_for_no_encoder_weights(trained: Path, tmp_path: Path) -> None:
    """Neither for a file that is gone nor for the network."""
    folder = copied(trained, tmp_path) / "runs/default/main/fold_0"
    plan = load_plan(folder / "configs/plan.json")
    assert plan.encoder_weights.is_file
    for source in ({"source": "gone.pth", "sha256": "0" * 64}, {"source": "imagenet"}):
        other = plan.model_copy(update={"encoder_weights": type(plan.encoder_weights).model_validate(source)})
        network = load_network(folder, other, "ankle")
        assert torch.equal(network.network.head[1].bias, weights(folder)["network.head.1.convs.0.bias"])


@pytest.mark.usefixtures("offline")
def test_without_a_network_one_line_says_what_to_do_and_none_trains(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copied(planned, tmp_path)
    arguments = ["0", "-w", str(root), "--epochs", "1", "--device", "cpu", "-q"]
    assert main([*arguments, "--encoder-weights", "imagenet"]) == 5
    (line,) = (said for said in capsys.readouterr().err.splitlines() if "PS-W89" not in said)
    public = PUBLIC_FILES["efficient_unet"]
    assert line.startswith(f"pedseg_train: PS-A130: {public.url} cannot be fetched (")
    assert line.endswith(f"copy {public.name} to {HUB}, or give --encoder-weights none or a file")
    assert main([*arguments, "--encoder-weights", "none"]) == 0
    assert load_plan(root / "runs/default/main/fold_0/configs/plan.json").encoder_weights.source == "none"
