"""Objectives with auto-encoders and discriminators, from the cache to labels of an unseen exam."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import EPOCHS, JOINTS, change_plan, copied, log_rows, make_exam, make_workspace, same_weights, train

from pedseg.bundle import make_fold
from pedseg.domains import load_domains
from pedseg.evaluation.overlap import dice
from pedseg.inference import load_model, predict_volume
from pedseg.plan import load_plan

pytestmark = pytest.mark.slow

OF_ALL: dict[str, Any] = {"autoencoder": {"channels": (16, 16, 16, 32, 32)}, "learning_rate": 3e-3, "batch": 6}
OF_ONE: dict[str, Any] = {
    **OF_ALL, "autoencoder": {"kind": "single", "scheme": "individual", "channels": (8, 8, 8, 16, 16)}
}  # fmt: skip
PRIORS: dict[str, dict[str, Any]] = {"msc+mjap": OF_ALL, "shape+adv": OF_ONE, "spar": OF_ONE}


def planned(workspace: Path, into: Path, name: str, epochs: int) -> Path:
    """A copy of the tiny workspace with another objective."""
    root = copied(workspace, into)
    schedule = {"decay": "none"}
    change_plan(root, objective={"name": name}, prior={**PRIORS[name], "epochs": epochs}, schedule=schedule)
    return root


@pytest.mark.parametrize("name", list(PRIORS))
def test_a_fold_learns_and_segments_an_unseen_exam(tiny_workspace: Path, tmp_path: Path, name: str) -> None:
    root = planned(tiny_workspace, tmp_path, name, 2)
    folder = train(root)
    rows = log_rows(folder)
    assert {"loss", "ce", *name.split("+")} <= set(rows[0])
    assert ("discriminator" in rows[0]) == (name != "msc+mjap")
    manifest = json.loads((folder / "run.json").read_text("utf-8"))
    assert set(manifest["prior"]["dice"]) == set(JOINTS)
    assert {"gradients.csv", "prior.csv", "models/prior.pt", "models/prior.json"} <= set(manifest["files"])
    assert max(float(row["dice"]) for row in rows) > 0.6
    (ankle,) = load_domains(["ankle"])
    image, reference = make_exam(ankle, 900)
    prediction = predict_volume(image, load_model(folder), domain="ankle")
    assert dice(prediction.labels.array, reference.array, ankle.n_classes).mean() > 0.6


@pytest.mark.parametrize(
    ("joints", "wishes", "objective"),
    [
        (("shoulder",), {"strategy": "individual"}, "shape+adv"),
        (("shoulder",), {"strategy": "global"}, "shape+adv"),
        (JOINTS, {"scheme": "shared"}, "mjap"),
    ],
    ids=("a network a bone", "all bones as one", "shared"),
)
def test_priors_go_with_strategies_of_bones_and_with_shared_networks(
    joints: tuple[str, ...], wishes: dict[str, str], objective: str, tmp_path: Path
) -> None:
    root = tmp_path / "w"
    prior = {**OF_ONE, "epochs": 2, "autoencoder": {**OF_ONE["autoencoder"], **wishes}}
    if objective == "mjap":
        prior["autoencoder"] = {**OF_ALL["autoencoder"], **wishes}
    make_workspace(root, joints, wishes=wishes, objective={"name": objective}, prior=prior)
    folder = train(root, epochs=14 if "scheme" in wishes else EPOCHS)
    rows = log_rows(folder)
    assert {"loss", "ce", *objective.split("+")} <= set(rows[0])
    assert max(float(row["dice"]) for row in rows) > 0.6
    # the tiny shoulder's two bones look like two of another joint's to a network that is told no domain
    (domain,) = load_domains(["knee" if "scheme" in wishes else "shoulder"])
    image, reference = make_exam(domain, 900)
    found = predict_volume(image, load_model(folder), domain=domain.name).labels.array
    union = wishes.get("strategy") == "global"
    wanted = reference.array.clip(max=1) if union else reference.array
    assert dice(found, wanted, 2 if union else domain.n_classes).mean() > 0.6


def test_monai_run_trains_the_prior_and_the_network_to_the_same_bits(tiny_workspace: Path, tmp_path: Path) -> None:
    root = planned(tiny_workspace, tmp_path, "spar", 1)
    change_plan(root, schedule={"epochs": 1})
    own = train(root)
    plan, fold = load_plan(root / "plans/default"), root / "runs/default/monai/fold_0"
    make_fold(fold, plan, "0", plan.folds[0])
    command = [sys.executable, "-m", "monai.bundle", "run", "--bundle_root", str(fold)]
    command += ["--config_file", str(fold / "configs/train.yaml"), "--meta_file", str(fold / "configs/metadata.json")]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run(
        [*command, "--device", "$torch.device('cpu')"], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert same_weights(fold, own)
    assert log_rows(fold) == log_rows(own)
    assert (fold / "models/prior.pt").read_bytes() == (own / "models/prior.pt").read_bytes()
    assert (fold / "models/prior.json").read_bytes() == (own / "models/prior.json").read_bytes()
