"""`inference.yaml` through MONAI does what `pedseg_predict -m FOLD` does, byte for byte."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle.workflows import ConfigWorkflow
from tiny import make_exam, write_dicom

from pedseg.bundle import StackInferer, exam_items, first_domain
from pedseg.domains import load_domains
from pedseg.errors import OutputError
from pedseg.inference import load_model
from pedseg.volumes.nifti import write_nifti
from pedseg_predict import PredictOptions, pedseg_predict

FILES = ("labels.nii.gz", "preview.png", "prediction.json")


@pytest.fixture(autouse=True)
def _quiet_root() -> Iterator[None]:
    kept = list(logging.root.handlers), logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = kept


def write_exam(folder: Path, domain: str, seed: int) -> Path:
    image, _ = make_exam(load_domains([domain])[0], seed)
    path = folder / f"{domain}_{seed}.nii.gz"
    folder.mkdir(exist_ok=True)
    write_nifti(image, path)
    return path


def run_workflow(fold: Path, **overrides: Any) -> None:
    logging.getLogger("monai.bundle.workflows").setLevel(logging.ERROR)
    workflow = ConfigWorkflow(
        config_file=str(fold / "configs/inference.yaml"), meta_file=str(fold / "configs/metadata.json"),
        logging_file=False, workflow_type="inference", bundle_root=str(fold), device=torch.device("cpu"), **overrides,
    )  # fmt: skip
    workflow.initialize()
    workflow.run()


def facts(folder: Path) -> dict[str, Any]:
    """prediction.json without the times, which no two runs share."""
    record: dict[str, Any] = json.loads((folder / "prediction.json").read_text("utf-8"))
    return {k: v for k, v in record.items() if k != "seconds"}


def assert_alike(one: Path, two: Path) -> None:
    assert {p.name for p in one.iterdir()} == {p.name for p in two.iterdir()} == set(FILES)
    assert (one / "labels.nii.gz").read_bytes() == (two / "labels.nii.gz").read_bytes()
    assert (one / "preview.png").read_bytes() == (two / "preview.png").read_bytes()
    assert facts(one) == facts(two)


def test_monais_command_writes_the_bytes_of_ours(tiny_run: Path, tmp_path: Path) -> None:
    fold, exam = tiny_run / "fold_0", write_exam(tmp_path / "in", "knee", 800)
    pedseg_predict(exam, tmp_path / "ours", options=PredictOptions(model=fold, domain="knee", device="cpu"))
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", "configs/inference.yaml"]
    command += ["--meta_file", "configs/metadata.json", "--dataset_dir", str(exam)]
    command += ["--output_dir", str(tmp_path / "theirs"), "--domain", "knee", "--device", "$torch.device('cpu')"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run(command, cwd=fold, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert_alike(tmp_path / "ours", tmp_path / "theirs")


def test_a_dicom_series_without_a_named_domain_is_the_plans_first(tiny_run: Path, tmp_path: Path) -> None:
    image, _ = make_exam(load_domains(["ankle"])[0], 801)
    write_dicom(image, tmp_path / "dicom", BodyPartExamined="ANKLE", PatientName="Doe^Jane")
    fold = tiny_run / "fold_0"
    assert first_domain(fold / "configs/plan.json") == "ankle"
    pedseg_predict(tmp_path / "dicom", tmp_path / "ours", options=PredictOptions(model=fold, device="cpu"))
    run_workflow(fold, dataset_dir=str(tmp_path / "dicom"), output_dir=str(tmp_path / "theirs"))
    assert_alike(tmp_path / "ours", tmp_path / "theirs")


def test_a_folder_of_image_files_gives_a_folder_each(tiny_run: Path, tmp_path: Path) -> None:
    fold = tiny_run / "fold_0"
    for seed in (802, 803):
        write_exam(tmp_path / "in", "shoulder", seed)
    assert [item["exam"].name for item in exam_items(tmp_path / "in")] == ["shoulder_802", "shoulder_803"]
    options = PredictOptions(model=fold, domain="shoulder", device="cpu")
    assert pedseg_predict(tmp_path / "in", tmp_path / "ours", options=options) == {}
    run_workflow(fold, dataset_dir=str(tmp_path / "in"), output_dir=str(tmp_path / "theirs"), domain="shoulder")
    for name in ("shoulder_802", "shoulder_803"):
        assert_alike(tmp_path / "ours" / name, tmp_path / "theirs" / name)


def test_an_output_that_exists_stays_and_costs_no_network(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: Any, **_kwargs: Any) -> None:
        pytest.fail("the network ran")

    monkeypatch.setattr(StackInferer, "__call__", never)
    exam = write_exam(tmp_path / "in", "ankle", 804)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/labels.nii.gz").write_text("mine", "utf-8")
    with pytest.raises(RuntimeError) as caught:
        run_workflow(tiny_run / "fold_0", dataset_dir=str(exam), output_dir=str(tmp_path / "out"))
    cause: BaseException | None = caught.value
    while cause and not isinstance(cause, OutputError):
        cause = cause.__cause__
    assert str(cause).startswith("PS-A104: output out exists")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["labels.nii.gz"]
    assert (tmp_path / "out/labels.nii.gz").read_text("utf-8") == "mine"


def test_a_copied_and_renamed_fold_predicts_the_same(tiny_run: Path, tmp_path: Path) -> None:
    """Zipping a fold is the export: nothing in it points elsewhere."""
    import shutil

    exam = write_exam(tmp_path / "in", "ankle", 805)
    moved = tmp_path / "elsewhere"
    shutil.copytree(tiny_run / "fold_0", moved)
    for name, fold in (("here", tiny_run / "fold_0"), ("there", moved)):
        pedseg_predict(exam, tmp_path / name, options=PredictOptions(model=fold, domain="ankle", device="cpu"))
    labels = [(tmp_path / name / "labels.nii.gz").read_bytes() for name in ("here", "there")]
    assert labels[0] == labels[1]
    assert load_model(moved).digests["elsewhere"] == load_model(tiny_run / "fold_0").digests["fold_0"]
