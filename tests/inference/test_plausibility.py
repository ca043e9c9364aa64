"""What an auto-encoder sees of an exam's bones, and the verdict in a prediction."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import change_plan, copied, make_exam, make_workspace, reseal, train

from pedseg.domains import load_domains
from pedseg.errors import ModelError
from pedseg.evaluation.plausibility import LOOK_AGAIN, LOOKS_LIKE, NOT_JUDGED
from pedseg.inference import load_model, predict_volume
from pedseg.inference.autoencoder import PRIOR
from pedseg.inference.plausibility import LIMITS, ROWS, ShapeReader, judge, load_judge, load_reader
from pedseg.inference.record import prediction_record
from pedseg.networks import build_autoencoder
from pedseg.plan import Fold, Plan, load_plan, save_plan
from pedseg.storage.cache import read_entry
from pedseg.storage.prepare import prepare
from pedseg.volumes import Volume
from pedseg.workspace import Workspace

CPU = torch.device("cpu")
KNEE, SHOULDER = load_domains(["knee", "shoulder"])
PATIENTS = 5


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fold of two joints, four exams of each to train, one to validate; not to be changed: copy it."""
    root = tmp_path_factory.mktemp("judged") / "w"
    make_workspace(root, ("knee", "shoulder"), n=PATIENTS)
    prior = {"autoencoder": {"channels": (16, 16, 16, 32, 32)}, "learning_rate": 1e-2, "batch": 6, "epochs": 1}
    plan = change_plan(root, objective={"name": "msc+mjap"}, prior=prior)
    names = {d: tuple(f"{d}_{i}" for i in range(PATIENTS)) for d in plan.domain_names}
    fold = Fold(validation={d: n[4:] for d, n in names.items()}, train={d: n[:4] for d, n in names.items()})
    save_plan(plan.model_copy(update={"folds": (fold,)}), Workspace(root).plan("default"))
    return train(root, epochs=2)


@pytest.fixture(scope="module")
def reader(judged: Path) -> ShapeReader:
    return load_reader(judged, load_plan(judged / "configs/plan.json"), "knee", CPU)


def windows_of(judged: Path, domain: str, case: str) -> np.ndarray:
    """(N, 1, d W, d W) of the cache."""
    return np.asarray(read_entry(judged.parents[3] / "cache/default" / domain, case).labels)[:, None]


def verdicts_on(judged: Path, image: Volume, labels: np.ndarray, domain: str = "shoulder") -> dict[str, str]:
    model = load_model(judged)
    grid = prepare(image, model.plan.domain_plan(domain)).grid
    return {bone: v.verdict for bone, v in judge(labels, grid, model, domain, device=CPU).items()}


def test_shares_codes_and_dice_are_those_worked_out_slice_by_slice(judged: Path, reader: ShapeReader) -> None:
    """The naive way: one slice at a time, means weighted by the share of each cell of the code that a bone covers."""
    windows = windows_of(judged, "knee", "knee_0")
    seen = reader(windows, exam="knee_0")
    plan = reader.plan
    w, d = plan.domains[0].window, plan.domains[0].label_detail
    rows = windows[:, 0]
    chosen = set()
    for label in range(1, 5):
        there = np.flatnonzero((rows == label).any((1, 2)))
        chosen |= set(there[np.unique(np.linspace(0, len(there) - 1, ROWS // 4).round().astype(int))])
    volumes = np.bincount(rows.ravel(), minlength=5)[1:]
    for label, look in enumerate(seen.values(), start=1):
        total, code, overlap, pixels = 0.0, 0.0, 0, 0
        for r in sorted(chosen):
            share = np.stack([(rows[r] == c).reshape(w, d, w, d).mean((1, 3)) for c in range(5)]).astype(np.float32)
            mask = torch.from_numpy(share)[None]
            with torch.inference_mode():
                features = reader.network.encode(mask)[0].double().numpy()
                drawn = reader.network(mask)[0].argmax(0).numpy()
            cells = share[label].reshape(w // 16, 16, w // 16, 16).mean((1, 3)).astype(np.float64)
            code = code + (features * cells).sum((1, 2))
            total += cells.sum()
            own = share.argmax(0) == label
            overlap += int((own & (drawn == label)).sum())
            pixels += int(own.sum() + (drawn == label).sum())
        np.testing.assert_allclose(look.code, code / total, atol=1e-4)
        assert look.reconstruction_dice == pytest.approx(2 * overlap / max(pixels, 1), abs=0.02)
        assert look.volume_share == pytest.approx(volumes[label - 1] / volumes.sum())
    assert list(seen) == list(KNEE.labels)


def test_the_jump_is_in_mm_and_of_the_exam(reader: ShapeReader) -> None:
    """A block that moves by two pixels of the window and back, slice after slice: 2 pixels from midway."""
    part = reader.plan.domain_plan("knee")
    side = part.window * part.label_detail
    windows = np.zeros((9, 1, side, side), np.uint8)
    for k in range(9):
        start = 8 * part.label_detail + (k % 2) * 2 * part.label_detail
        windows[k, 0, start : start + 8, 10:20] = 1
    assert reader(windows, exam="x")["femur_distal"].jump_mm == pytest.approx(2 * part.spacing_mm)


def test_a_bone_that_is_not_there_has_no_measures(reader: ShapeReader) -> None:
    assert reader(np.zeros((3, 1, 64, 64), np.uint8), exam="x") == {}


def test_limits_are_part_of_the_sealed_fold(judged: Path) -> None:
    files = json.loads((judged / "run.json").read_text("utf-8"))["files"]
    assert {"models/plausibility.pt", "models/plausibility.json"} <= set(files)
    limits = json.loads((judged / LIMITS).read_text("utf-8"))["domains"]
    assert {d: list(bones) for d, bones in limits.items()} == {d.name: list(d.labels) for d in (KNEE, SHOULDER)}
    assert all(values["exams"] == 5 for bones in limits.values() for values in bones.values())
    known = load_judge(judged, load_plan(judged / "configs/plan.json"), "knee", CPU).known
    assert all(calibration.codes.shape == (5, 32) for calibration in known.values())


def test_a_good_mask_passes_and_spoilt_ones_do_not(judged: Path) -> None:
    image, labels = make_exam(SHOULDER, 106)
    array = labels.array
    assert set(verdicts_on(judged, image, array).values()) == {LOOKS_LIKE}
    cut = array.copy()
    cut[:, :14][array[:, :14] == 1] = 0
    assert verdicts_on(judged, image, cut)["humerus"] == LOOK_AGAIN
    torn = array.copy()
    torn[:, :, ::2] = np.roll(torn[:, :, ::2], 4, axis=1)
    assert LOOK_AGAIN in verdicts_on(judged, image, torn).values()
    gone = np.where(array == 2, 0, array).astype(np.uint8)
    assert verdicts_on(judged, image, gone)["scapula"] == LOOK_AGAIN


def test_a_prediction_carries_verdicts_and_warnings(judged: Path) -> None:
    model = load_model(judged)
    image, _ = make_exam(KNEE, 6)
    right, wrong = (predict_volume(image, model, domain=name) for name in ("knee", "shoulder"))
    assert list(right.plausibility) == list(KNEE.labels)
    record = prediction_record(wrong, model)
    assert set(record["plausibility"]) == set(SHOULDER.labels)
    flagged = [bone for bone, v in record["plausibility"].items() if v["verdict"] == LOOK_AGAIN]
    assert flagged
    texts = [w["text"] for w in record["warnings"] if w["code"] in ("PS-W132", "PS-W124", "PS-W112")]
    assert texts
    assert all(text.endswith("look again") for text in texts if text.startswith(tuple(flagged)))
    again = predict_volume(image, model, domain="shoulder")
    assert prediction_record(again, model)["plausibility"] == record["plausibility"]


def test_models_without_an_auto_encoder_say_why_they_judge_nothing(tiny_run: Path) -> None:
    image, _ = make_exam(KNEE, 900)
    verdicts = predict_volume(image, tiny_run, domain="knee").plausibility
    assert {v.verdict for v in verdicts.values()} == {NOT_JUDGED}
    assert {v.reasons for v in verdicts.values()} == {("objective msc trains no auto-encoder of shapes",)}


def test_a_fold_of_before_says_so(judged: Path, tmp_path: Path) -> None:
    fold = tmp_path / "fold_0"
    shutil.copytree(judged, fold)
    manifest = json.loads((fold / "run.json").read_text("utf-8"))
    del manifest["files"][LIMITS.as_posix()]
    (fold / "run.json").write_text(json.dumps(manifest), "utf-8")
    image, labels = make_exam(SHOULDER, 106)
    assert set(verdicts_on(fold, image, labels.array).values()) == {NOT_JUDGED}


def test_damaged_files_are_refused(judged: Path, tmp_path: Path) -> None:
    fold = tmp_path / "fold_0"
    shutil.copytree(judged, fold)
    plan = load_plan(fold / "configs/plan.json")
    (fold / LIMITS).write_text('{"domains": {"knee": {"patella": {}}}}', "utf-8")
    with pytest.raises(ModelError, match=r"PS-A86.*plausibility\.json is missing or not the file"):
        load_judge(fold, plan, "knee", CPU)
    reseal(fold)
    with pytest.raises(ModelError, match=r"PS-A86.*do not fit"):
        load_judge(fold, plan, "knee", CPU)
    torch.save({"x": torch.zeros(1)}, fold / PRIOR)
    with pytest.raises(ModelError, match="PS-A102"):
        load_reader(fold, plan, "knee", CPU)


@pytest.mark.parametrize("wishes", [{"strategy": "individual"}, {"strategy": "global"}, {"scheme": "individual"}])
def test_auto_encoders_of_single_bones_and_of_all_in_one_are_read_alike(
    judged: Path, tmp_path: Path, wishes: dict[str, str]
) -> None:
    values = load_plan(judged / "configs/plan.json").model_dump(by_alias=True)
    network = {**values["network"], "scheme": "individual", **wishes}
    plan = Plan.model_validate({**values, "network": network, "objective": {"name": "shape"}, "prior": None})
    spec = plan.shape_prior
    assert spec is not None
    made = build_autoencoder(spec.autoencoder, [part.domain for part in plan.domains])
    reader = ShapeReader(made.select(1).eval(), plan, "shoulder", CPU)
    labels = windows_of(judged, "shoulder", "shoulder_0")
    seen = reader(labels.clip(max=1) if wishes.get("strategy") == "global" else labels, exam="x")
    assert list(seen) == list(plan.predicted("shoulder").domain.labels)
    assert all(look.code.shape == (512,) for look in seen.values())


def test_a_copy_of_the_workspace_is_not_needed(judged: Path, tmp_path: Path) -> None:
    """A fold stands alone: it judges without the slice cache."""
    fold = copied(judged, tmp_path)
    image, labels = make_exam(SHOULDER, 106)
    assert verdicts_on(fold, image, labels.array) == verdicts_on(judged, image, labels.array)
