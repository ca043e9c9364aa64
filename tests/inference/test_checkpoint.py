"""Reading trained folds: whole, matching, tensors only."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny import copied, reseal

from pedseg.errors import ModelError, UsageError
from pedseg.inference import load_model
from pedseg.inference.checkpoint import load_network
from pedseg.networks import build_network, select_domain
from pedseg.plan import Plan, load_plan


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """A run of its own with fold_0."""
    return copied(tiny_run, tmp_path)


def test_a_run_is_its_finished_folds_and_a_fold_is_itself(run: Path) -> None:
    shutil.copytree(run / "fold_0", run / "fold_1")
    shutil.copytree(run / "fold_0", run / "fold_2")
    (run / "fold_2/run.json").unlink()
    assert [f.name for f in load_model(run).folds] == ["fold_0", "fold_1"]
    model = load_model(run / "fold_1")
    assert model.folds == (run / "fold_1",)
    manifest = json.loads((run / "fold_1/run.json").read_text("utf-8"))
    assert model.digests == {"fold_1": manifest["files"]["models/model.pt"]}


def test_a_loaded_network_is_the_trained_one_of_its_domain(run: Path) -> None:
    plan = load_plan(run / "fold_0/configs/plan.json")
    whole = build_network(plan.network, [p.domain for p in plan.domains]).eval()
    whole.load_state_dict(torch.load(run / "fold_0/models/model.pt", weights_only=True))
    x = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    for name in plan.domain_names:
        with torch.inference_mode():
            assert torch.equal(load_network(run / "fold_0", plan, name)(x), select_domain(whole, name)(x))


def test_what_is_missing_is_named_with_what_to_do(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"PS-A125: model .*nowhere is missing: train one"):
        load_model(tmp_path / "no" / "nowhere")
    shutil.copytree(run, run.with_name("main_from_knee"))
    with pytest.raises(UsageError, match="is missing: name one of main, main_from_knee there with -m"):
        load_model(run.with_name("other"))
    with pytest.raises(ModelError, match=r"PS-A123: no finished fold in .*: run pedseg_train"):
        load_model(tmp_path)
    (run / "fold_0/run.json").unlink()
    with pytest.raises(ModelError, match="PS-A123: fold_0 is not finished"):
        load_model(run / "fold_0")
    plan = load_plan(run / "fold_0/configs/plan.json")
    with pytest.raises(ModelError, match="PS-A124: the model knows ankle, knee, shoulder, not 'hip'"):
        load_network(run / "fold_0", plan, "hip")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink], ids=["cut", "flipped", "gone"])
def test_damaged_weights_are_refused(run: Path, damage: Callable[[Path], None]) -> None:
    damage(run / "fold_0/models/model.pt")
    model = load_model(run)
    with pytest.raises(ModelError, match=r"PS-A86: fold_0/models/model.pt is missing or not the file run.json names"):
        load_network(model.folds[0], model.plan, "knee")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plan": 1}', '{"plan": "x", "files": 3}', "\x00"])
def test_a_damaged_manifest_is_refused(run: Path, text: str) -> None:
    (run / "fold_0/run.json").write_text(text, "utf-8")
    with pytest.raises(ModelError, match=r"PS-A86: fold_0/run.json is damaged"):
        load_model(run)


def test_folds_of_different_plans_are_refused(run: Path) -> None:
    shutil.copytree(run / "fold_0", run / "fold_1")
    path = run / "fold_1/configs/plan.json"
    values = json.loads(path.read_text("utf-8"))
    values["schedule"]["epochs"] = 9
    path.write_text(json.dumps(values), "utf-8")
    reseal(run / "fold_1", plan=load_plan(path).digest)
    with pytest.raises(ModelError, match=r"PS-A87: folds were trained by different plans \(fold_0 .*, fold_1 "):
        load_model(run)


def test_the_plan_inside_is_the_whole_plan(run: Path) -> None:
    plan = load_model(run).plan
    assert isinstance(plan, Plan)
    assert [p.domain.name for p in plan.domains] == ["ankle", "knee", "shoulder"]
