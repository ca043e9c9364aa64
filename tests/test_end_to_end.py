"""The whole way: phantom, plan, preprocess, train, predict, and MONAI's own run of the same bundle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from tiny import change_plan

import pedseg_evaluate.__main__
import pedseg_phantom.__main__
import pedseg_plan.__main__
import pedseg_predict.__main__
import pedseg_preprocess.__main__
import pedseg_train.__main__

MATRIX = ("--matrix", "64")
WIDTH = {"channels": (8, 8, 8, 8, 8)}


def monai_run(fold: Path, exam: Path, out: Path, domain: str) -> None:
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", "configs/inference.yaml"]
    command += ["--meta_file", "configs/metadata.json", "--dataset_dir", str(exam), "--output_dir", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    subprocess.run([*command, "--domain", domain], cwd=fold, env=environment, check=True, capture_output=True)


def check_output(out: Path, case: Path, domain: str) -> None:
    """A mask on the grid of the case's own labels, with its facts and a picture."""
    mask, reference = nib.load(out / "labels.nii.gz"), nib.load(case / "labels.nii.gz")
    assert mask.shape == reference.shape
    np.testing.assert_allclose(mask.affine, reference.affine, atol=1e-3)
    assert np.asarray(mask.dataobj).dtype == np.uint8
    assert json.loads((out / "prediction.json").read_text("utf-8"))["domain"] == domain
    assert (out / "preview.png").stat().st_size > 10_000


def test_the_commands_work_one_after_another(tmp_path: Path) -> None:
    """In one process, two joints."""
    root, held_out = tmp_path / "workspace", tmp_path / "held_out"
    joints = ("ankle", "shoulder")
    place = ("-w", str(root))
    assert pedseg_phantom.__main__.main(["-d", *joints, "-n", "3", "-j", "1", "-q", *MATRIX, *place]) == 0
    one = ["-d", "shoulder", "-n", "1", "--start", "3", "-j", "1", "-q", "-o", str(held_out), *MATRIX]
    assert pedseg_phantom.__main__.main(one) == 0
    plan = ["-d", *joints, "--preset", "demo", "--window", "64", "--epochs", "1", "-j", "1", "-q", *place]
    assert pedseg_plan.__main__.main(plan) == 0
    change_plan(root, network=WIDTH)
    assert pedseg_preprocess.__main__.main(["-j", "1", "-q", *place]) == 0
    assert pedseg_train.__main__.main(["0", "--device", "cpu", "-q", *place]) == 0
    (case,) = (held_out / "shoulder").iterdir()
    out = tmp_path / "out"
    predict = ["-i", str(case / "dicom"), "-o", str(out), "--device", "cpu", "-q", *place]
    assert pedseg_predict.__main__.main(predict) == 0
    scores = tmp_path / "scores"
    assert pedseg_evaluate.__main__.main(["--run", "main", "-j", "1", "-q", "-o", str(scores), *place]) == 0
    record = json.loads((scores / "scores.json").read_text("utf-8"))
    assert {d: len(exams) for d, exams in record["exams"].items()} == {"ankle": 1, "shoulder": 1}  # those of fold 0
    assert (scores / "report.html").stat().st_size > 50_000
    check_output(out, case, "shoulder")


@pytest.mark.slow
def test_the_commands_and_monai_agree_as_a_user_types_them(tmp_path: Path) -> None:
    root, held_out = tmp_path / "workspace", tmp_path / "held_out"
    environment = {**os.environ, "PEDSEG_WORKSPACE": str(root), "OMP_NUM_THREADS": str(torch.get_num_threads())}

    def command(*words: object) -> None:
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr

    command("pedseg_phantom", "-n", 3, *MATRIX)
    command("pedseg_phantom", "-n", 1, "--start", 3, "-o", held_out, *MATRIX)
    command("pedseg_plan", "-d", "ankle", "knee", "shoulder", "--preset", "demo", "--window", 64, "--epochs", 1)
    change_plan(root, network=WIDTH)
    command("pedseg_preprocess")
    command("pedseg_train", 0, "--device", "cpu")
    fold = root / "runs/default/main/fold_0"
    for domain in ("ankle", "knee", "shoulder"):
        (case,) = (held_out / domain).iterdir()
        ours, theirs = tmp_path / f"{domain}_ours", tmp_path / f"{domain}_theirs"
        command("pedseg_predict", "-i", case / "dicom", "-o", ours, "-m", fold, "--device", "cpu")
        check_output(ours, case, domain)
        monai_run(fold, case / "dicom", theirs, domain)
        assert (ours / "labels.nii.gz").read_bytes() == (theirs / "labels.nii.gz").read_bytes()
