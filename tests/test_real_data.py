"""Real exams through the whole way of docs/tutorial/real-data.md: a multi-echo series, and a domain of a user."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from pedseg.errors import InputError
from pedseg.plan import Plan, load_plan, save_plan
from pedseg.storage.inputs import Choice
from pedseg.volumes.nifti import read_image
from pedseg.workspace import Workspace
from pedseg_phantom import PhantomOptions, pedseg_phantom
from pedseg_plan import PlanOptions, pedseg_plan
from pedseg_predict import PredictOptions, pedseg_predict
from pedseg_preprocess import pedseg_preprocess
from pedseg_train import TrainOptions, pedseg_train

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
KNEE = DATA / "knee_mr_ge_8echo_bigendian"
LEGS = DATA / "legs_mr_dixon"
TINY = (4, 8, 8, 16, 16)


@pytest.fixture(scope="module")
def knee_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phantom_knee")
    pedseg_phantom(["knee"], 3, root / "raw", options=PhantomOptions(matrix=64, jobs=1))
    pedseg_plan(["knee"], root, options=PlanOptions(preset="demo", window=64, epochs=1, jobs=1))
    _narrow(root)
    pedseg_preprocess(root, jobs=1)
    return pedseg_train(["0"], root, options=TrainOptions(test=False))[0]


@pytest.mark.skipif(not KNEE.is_dir(), reason="the real GE knee exam is not here")
def test_mixed_echoes_are_refused_and_one_is_segmented_on_its_own_grid(knee_model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"PS-A25.*8 echoes") as refusal:
        pedseg_predict(KNEE, tmp_path / "none", options=PredictOptions(model=knee_model))
    assert all(f"echo {n}:" in str(refusal.value) for n in range(1, 9))
    assert not (tmp_path / "none").exists()

    pedseg_predict(KNEE, tmp_path / "masks", options=PredictOptions(model=knee_model, choice=Choice(echo=1)))

    labels = read_image(tmp_path / "masks" / "labels.nii.gz")
    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in KNEE.glob("*.dcm")]
    places = np.array([h.ImagePositionPatient for h in headers if h.EchoNumbers == 1], float)
    assert labels.shape == (256, 256, 24) == (256, 256, len(places))
    assert labels.geometry.plane_of(2) == "sagittal"
    first = labels.geometry.to_mm([[0, 0, k] for k in range(24)]) * (-1, -1, 1)
    distances = np.linalg.norm(first[:, None] - places[None], axis=2)
    assert distances.min(axis=1).max() < 1e-3
    assert sorted(distances.argmin(axis=1)) == list(range(24))


@pytest.mark.skipif(not LEGS.is_dir(), reason="the real Dixon legs are not here")
def test_a_domain_of_ones_own_goes_the_whole_way(tmp_path: Path) -> None:
    case = tmp_path / "raw" / "calf" / "legs"
    case.mkdir(parents=True)
    shutil.copyfile(LEGS / "twoLegs.nii.gz", case / "image.nii.gz")
    shutil.copyfile(LEGS / "labels.nii.gz", case / "labels.nii.gz")
    tutorial = (ROOT / "docs" / "tutorial" / "real-data.md").read_text("utf-8")
    (yaml,) = re.findall(r"```yaml\n(name: calf.*?)```", tutorial, re.DOTALL)
    (case.parent / "domain.yaml").write_text(yaml, "utf-8")

    plan = pedseg_plan(["calf"], tmp_path, options=PlanOptions(preset="demo", window=160, epochs=1, jobs=1))
    _narrow(tmp_path)
    pedseg_preprocess(tmp_path, jobs=1)
    (fold,) = pedseg_train(["0"], tmp_path, options=TrainOptions(test=False))
    pedseg_predict(LEGS / "twoLegs.nii.gz", tmp_path / "masks", options=PredictOptions(model=fold))

    assert plan.folds[0].train == plan.folds[0].validation == {"calf": ("legs",)}
    domain = plan.domains[0].domain
    assert domain.source_values == {label: (label + 12,) for label in range(1, 15)}
    assert domain.mirrored_labels[:5] == (0, 2, 1, 4, 3)
    reference = read_image(LEGS / "labels.nii.gz")
    cached = json.loads((tmp_path / "cache" / "default" / "calf" / "legs.json").read_text("utf-8"))
    assert min(cached["ceiling"].values()) > 0.98
    written = read_image(tmp_path / "masks" / "labels.nii.gz")
    assert written.geometry.corner_distance_mm(reference.geometry) < 1e-4


def _narrow(root: Path) -> Plan:
    """The plan with a network of a few channels, as a person may edit it."""
    files = Workspace(root).plan("default")
    plan = load_plan(files.plan)
    network = plan.network.model_copy(update={"channels": TINY})
    plan = plan.model_copy(update={"network": network})
    save_plan(plan, files)
    return plan
