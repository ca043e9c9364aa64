"""Learning schemes and bone strategies from plan to prediction, on the tiny joints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from tiny import JOINTS, copied, log_rows, make_exam, make_workspace, weights

from pedseg.domains import Domain, load_domains
from pedseg.errors import ModelError
from pedseg.evaluation.overlap import dice
from pedseg.inference import load_model
from pedseg.plan import load_plan
from pedseg.storage.runs import SOURCE, find_test_predictions
from pedseg.volumes.nifti import write_nifti
from pedseg_predict import PredictOptions, pedseg_predict
from pedseg_train import TrainOptions, pedseg_train

pytestmark = pytest.mark.slow

NARROW, WIDE = (8, 8, 16, 16, 16), (16, 16, 32, 32, 32)
DOMAINS = {d.name: d for d in load_domains(JOINTS)}


def trained(
    root: Path,
    joints: tuple[str, ...],
    wishes: dict[str, str],
    *,
    channels: tuple[int, ...] = NARROW,
    epochs: int = 4,
    resume: bool = True,
    test: bool = False,
) -> list[Path]:
    """Plan, slice cache and fold 0; the folders."""
    if not (root / "plans").exists():
        make_workspace(root, joints, wishes=wishes, network={"channels": channels})
    return pedseg_train(["0"], root, options=TrainOptions(device="cpu", epochs=epochs, resume=resume, test=test))


def predicted(fold: Path, out: Path, domain: Domain) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Labels of an unseen exam, its reference, and what prediction.json says."""
    image, reference = make_exam(domain, 900)
    out.mkdir(exist_ok=True)
    write_nifti(image, out / "exam.nii.gz")
    options = PredictOptions(model=fold, domain=domain.name, device="cpu")
    pedseg_predict(out / "exam.nii.gz", out / domain.name, options=options)
    labels = np.asarray(nib.load(out / domain.name / "labels.nii.gz").dataobj)
    return labels, reference.array, json.loads((out / domain.name / "prediction.json").read_text("utf-8"))


def column(fold: Path, name: str) -> list[float]:
    return [float(row[name]) for row in log_rows(fold)]


def test_shared(tmp_path: Path) -> None:
    (fold,) = trained(tmp_path / "w", JOINTS, {"scheme": "shared"}, channels=WIDE, epochs=14)
    plan = load_plan(fold / "configs/plan.json")
    assert (plan.network.scheme, plan.objective.name) == ("shared", "ce")
    assert weights(fold)["network.head.weight"].shape[0] == 10
    assert max(column(fold, "dice")) > 0.6
    for domain in DOMAINS.values():
        labels, reference, record = predicted(fold, tmp_path / "out", domain)
        assert list(record["structures"]) == list(domain.labels)
        assert labels.max() < domain.n_classes
        assert dice(labels, reference, domain.n_classes).mean() > 0.4


def test_single_bones(tmp_path: Path) -> None:
    (fold,) = trained(tmp_path / "w", ("shoulder",), {"strategy": "individual"})
    heads = [v.shape[0] for k, v in weights(fold).items() if k.endswith("head.weight")]
    assert heads == [1, 1]
    domain = DOMAINS["shoulder"]
    assert max(column(fold, "dice")) > 0.6
    labels, reference, record = predicted(fold, tmp_path / "out", domain)
    assert list(record["structures"]) == list(domain.labels)
    assert dice(labels, reference, 3).mean() > 0.6


def test_all_bones_as_one(tmp_path: Path) -> None:
    wishes = {"strategy": "global", "scheme": "individual"}
    (fold,) = trained(tmp_path / "w", ("ankle", "shoulder"), wishes, test=True)
    assert load_plan(fold / "configs/plan.json").network.scheme == "individual"
    metadata = json.loads((fold / "configs/metadata.json").read_text("utf-8"))
    outputs = metadata["ankle_data_format"]["outputs"]["pred"]
    assert (outputs["num_channels"], outputs["channel_def"]) == (2, {"0": "background", "1": "all"})
    assert max(column(fold, "dice")) > 0.7
    labels, reference, record = predicted(fold, tmp_path / "out", DOMAINS["ankle"])
    assert list(record["structures"]) == ["all"]
    assert record["structures"]["all"]["voxels"] == (labels == 1).sum() > 0
    assert set(np.unique(labels)) == {0, 1}
    assert dice(labels, (reference > 0).astype(np.uint8), 2)[0] > 0.7
    kept = fold / "test/ankle/ankle_0"
    assert list(json.loads((kept / "prediction.json").read_text("utf-8"))["structures"]) == ["all"]
    assert set(np.unique(np.asarray(nib.load(kept / "labels.nii.gz").dataobj))) == {0, 1}


@pytest.fixture(scope="module")
def transferred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of two joints, every ordered pair trained."""
    root = tmp_path_factory.mktemp("pairs") / "w"
    folds = trained(root, ("ankle", "shoulder"), {"scheme": "transfer"}, test=True)
    assert [f.parent.name for f in folds] == ["main_individual", "main_from_ankle", "main_from_shoulder"]
    return root


def run_of(root: Path, name: str) -> Path:
    return root / "runs/default" / name / "fold_0"


def test_transfer_starts_from_the_source_and_leaves_its_own_network_alone(transferred: Path) -> None:
    individual, from_ankle = run_of(transferred, "main_individual"), run_of(transferred, "main_from_ankle")
    before, after = weights(individual), weights(from_ankle)
    assert list(before) == list(after)
    own = [k for k in before if k.startswith("networks.0.")]
    others = [k for k in before if k.startswith("networks.1.") and before[k].is_floating_point()]
    assert all(torch.equal(before[k], after[k]) for k in own)
    assert not any(torch.equal(before[k], after[k]) for k in others)
    assert len(set(column(from_ankle, "dice_ankle"))) == 1
    source = torch.load(from_ankle / SOURCE, weights_only=True)
    key = "encoder.levels.2.0.0.weight"
    target, start = after[f"networks.1.{key}"], source[key]
    scratch = before[f"networks.1.{key}"]
    assert (target - start).norm() < (target - scratch).norm()
    assert "models/source.pt" in json.loads((from_ankle / "run.json").read_text("utf-8"))["files"]


def test_each_run_keeps_what_it_makes_of_its_test_exams(transferred: Path) -> None:
    masks = {}
    for name in ("main_individual", "main_from_ankle", "main_from_shoulder"):
        found = find_test_predictions(run_of(transferred, name).parent)
        assert [p.exam for p in found.predictions] == ["ankle_0", "shoulder_0"]
        assert found.unfinished == ("1", "2")
        assert len(list(run_of(transferred, name).glob("validation/*/*/prediction.json"))) == 2
        masks[name] = [np.asarray(nib.load(p.labels).dataobj) for p in found.predictions]
    assert (masks["main_individual"][0] == masks["main_from_ankle"][0]).all()  # the source's own network
    assert (masks["main_individual"][1] != masks["main_from_ankle"][1]).any()


def test_each_run_predicts_with_its_source(transferred: Path, tmp_path: Path) -> None:
    shoulder = DOMAINS["shoulder"]
    runs = {name: run_of(transferred, name) for name in ("main_individual", "main_from_ankle", "main_from_shoulder")}
    masks = {name: predicted(fold, tmp_path / name, shoulder)[0] for name, fold in runs.items()}
    assert (masks["main_individual"] == masks["main_from_shoulder"]).all()
    assert (masks["main_individual"] != masks["main_from_ankle"]).any()
    assert load_model(runs["main_from_ankle"]).plan.network.source == "ankle"


def test_transfer_is_resumed_where_it_stopped_and_not_from_other_weights(transferred: Path, tmp_path: Path) -> None:
    root = copied(transferred, tmp_path)
    before = {p: p.read_bytes() for p in root.glob("runs/*/*/fold_0/models/*.pt")}
    assert len(before) == 3 * 3 + 2
    trained(root, (), {})
    assert {p: p.read_bytes() for p in before} == before
    path = run_of(root, "main_from_shoulder") / SOURCE
    path.write_bytes(before[run_of(root, "main_from_ankle") / SOURCE])
    with pytest.raises(ModelError, match=r"PS-A87: fold_0 began with other weights of shoulder than main_individual"):
        trained(root, (), {})
    assert (path.parents[1] / "run.json").is_file()  # refused before anything is touched
    trained(root, (), {}, resume=False)
    whole = [p for p in before if not p.name.startswith("checkpoint")]  # those know how many seconds it took
    assert {p: p.read_bytes() for p in whole} == {p: before[p] for p in whole}
