"""A tiny workspace made by the real jobs: three joints of bright ellipsoids, a narrow network, seconds to train."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

from pedseg.domains import Domain, load_domains
from pedseg.plan import Plan, load_plan, save_plan
from pedseg.plan.network import FROM_SCRATCH
from pedseg.volumes import Volume
from pedseg.volumes.geometry import LPS_TO_RAS
from pedseg.volumes.nifti import write_nifti
from pedseg.workspace import Workspace, file_digest
from pedseg_plan import PlanOptions, pedseg_plan
from pedseg_preprocess import pedseg_preprocess

JOINTS = ("ankle", "knee", "shoulder")
SLICES = {"ankle": 20, "knee": 40, "shoulder": 30}
"""Unequal, so that a smaller domain has to be used again."""
CHANNELS = (16, 16, 32, 32, 32)
WINDOW = 32
LEARNING_RATE = 1e-2
EPOCHS = 4


def oblique(spacing_mm: tuple[float, float, float] = (2.0, 2.0, 4.0)) -> np.ndarray:
    """Axial slices tilted by some degrees: columns to the left, rows to the back, slices up (RAS)."""
    a, b = np.deg2rad([7.0, -5.0])
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-1.0, -1.0, 1.0]) @ np.diag(spacing_mm)
    affine[:3, 3] = (31.0, 27.0, -12.0)
    return affine


def make_exam(domain: Domain, seed: int, *, slices: int | None = None, size: int = 32) -> tuple[Volume, Volume]:
    """Image and labels: one ellipsoid a structure, each with a grey value of its own, side by side along I."""
    draw = np.random.default_rng(seed)
    shape = (size, size, slices or SLICES[domain.name])
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    labels, image = np.zeros(shape, np.uint8), np.full(shape, 100.0)
    step = size / domain.n_classes
    for label in domain.labels.values():
        centre = np.array([step * label, size / 2, shape[2] / 2]) + draw.normal(0, 1, 3)
        body = (((index - centre) / [0.45 * step, 0.36 * size, 0.45 * shape[2]]) ** 2).sum(-1) < 1
        labels[body] = label
        image[body] = 180 + 90 * label
    image = (image + draw.normal(0, 8, shape)).clip(0).astype(np.int16)
    affine = oblique()
    return Volume(image, affine), Volume(labels, affine)


def write_exams(root: Path, joints: Sequence[str] = JOINTS, *, n: int = 3) -> None:
    """`raw/<domain>/<domain>_<i>/` of a workspace."""
    for k, domain in enumerate(load_domains(joints)):
        for i in range(n):
            folder = Workspace(root).raw(domain.name) / f"{domain.name}_{i}"
            folder.mkdir(parents=True)
            image, labels = make_exam(domain, 100 * k + i)
            write_nifti(image, folder / "image.nii.gz")
            write_nifti(labels, folder / "labels.nii.gz")


def make_workspace(
    root: Path, joints: Sequence[str] = JOINTS, *, n: int = 3, wishes: dict[str, str] | None = None, **changes: Any
) -> Plan:
    """Exams, plan and slice cache, by the jobs themselves.

    Args:
        root: the workspace.
        joints: its domains.
        n: exams of each.
        wishes: network, scheme, objective, encoder weights (which are drawn unless others are asked for).
        changes: of the plan, as for `change_plan`.
    """
    write_exams(root, joints, n=n)
    told_apart = len(joints) > 1 and (wishes or {}).get("scheme", "dsl") == "dsl"
    wishes = {"objective": "msc" if told_apart else "ce", "encoder_weights": "none", **(wishes or {})}
    options = PlanOptions(preset="demo", window=WINDOW, epochs=EPOCHS, batch=6, precision="float32", **wishes)
    pedseg_plan(joints, root, options=options)
    narrow = {"network": {"channels": CHANNELS}} if wishes.get("network", "unet") in FROM_SCRATCH else {}
    change_plan(root, schedule={"learning_rate": LEARNING_RATE, "decay": "poly"}, **narrow)
    change_plan(root, objective={"contrastive_weight": 0.1})
    plan = change_plan(root, **changes)
    pedseg_preprocess(root)
    return plan


def change_plan(root: Path, **changes: dict[str, Any]) -> Plan:
    """Edit the workspace's plan as a person would: {part: {key: value}}."""
    files = Workspace(root).plan("default")
    plan = load_plan(files.plan)
    values = plan.model_dump(by_alias=True)
    parts = {part: {**(values[part] or {}), **value} for part, value in changes.items()}
    plan = Plan.model_validate({**values, **parts})
    save_plan(plan, files)
    return plan


def copied(root: Path, into: Path) -> Path:
    """A copy of a workspace that may be changed."""
    shutil.copytree(root, into / root.name)
    return into / root.name


def train(root: Path, fold: str = "0", *, test: bool = False, **options: Any) -> Path:
    """Train one fold by the job; its folder. Its left-out exams are predicted only if asked for."""
    from pedseg_train import TrainOptions, pedseg_train

    (folder,) = pedseg_train([fold], root, options=TrainOptions(device="cpu", test=test, **options))
    return folder


def weights(folder: Path) -> dict[str, Any]:
    """The tensors of a trained fold."""
    import torch

    return dict(torch.load(folder / "models" / "model.pt", weights_only=True))


def same_weights(a: Path, b: Path) -> bool:
    """Whether two folds hold the same weights bit for bit."""
    import torch

    one, two = weights(a), weights(b)
    return list(one) == list(two) and all(torch.equal(one[k], two[k]) for k in one)


def log_rows(folder: Path, name: str = "log.csv") -> list[dict[str, str]]:
    """log.csv, or another table of a fold, without the column that a clock fills."""
    with (folder / name).open(encoding="utf-8") as stream:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]


def write_dicom(volume: Volume, folder: Path, **tags: Any) -> None:
    """One MR series: a file a slice along K, columns along I, rows along J."""
    folder.mkdir(parents=True)
    lps = LPS_TO_RAS @ volume.affine
    i, j, k = volume.spacing_mm
    names = [str(tags.get(t, "")) for t in ("SeriesNumber", "PatientName")]
    study, series, frame = (generate_uid(entropy_srcs=["tiny", kind, *names]) for kind in ("study", "series", "frame"))
    for index in range(volume.shape[2]):
        slice_ = Dataset()
        slice_.SOPClassUID, slice_.SOPInstanceUID = MRImageStorage, generate_uid(entropy_srcs=[series, str(index)])
        slice_.StudyInstanceUID, slice_.SeriesInstanceUID, slice_.FrameOfReferenceUID = study, series, frame
        slice_.Modality, slice_.PatientID, slice_.ImageType = "MR", "P1", ["ORIGINAL", "PRIMARY", "M", "SE"]
        slice_.SeriesNumber, slice_.InstanceNumber = 1, index + 1
        slice_.ImagePositionPatient = _decimals(lps[:3, :3] @ [0, 0, index] + lps[:3, 3])
        slice_.ImageOrientationPatient = _decimals(np.concatenate([lps[:3, 0] / i, lps[:3, 1] / j]))
        slice_.PixelSpacing, slice_.SliceThickness = _decimals([j, i]), k
        plane = np.ascontiguousarray(volume.array[:, :, index].T, dtype="<i2")
        slice_.Rows, slice_.Columns = plane.shape
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation, slice_.PixelRepresentation = 1, "MONOCHROME2", 1
        slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit = 16, 16, 15
        slice_.PixelData = plane.tobytes()
        for tag, value in tags.items():
            setattr(slice_, tag, value)
        slice_.file_meta = FileMetaDataset()
        slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slice_.save_as(folder / f"IM{index:04d}.dcm", enforce_file_format=True)


def _decimals(values: Any) -> list[str]:
    return [str(format_number_as_ds(float(v))) for v in values]


def reseal(fold: Path, *, plan: str | None = None) -> None:
    """Make a fold's manifest vouch for its files as they are now, and for another plan if named."""
    path = fold / "run.json"
    manifest = json.loads(path.read_text("utf-8"))
    files = {name: file_digest(fold / name) for name in manifest["files"]}
    path.write_text(json.dumps({**manifest, "plan": plan or manifest["plan"], "files": files}), "utf-8")
