"""Prediction of the largest exam stays within its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tiny import copied, make_exam, reseal

from pedseg.domains import load_domains
from pedseg.plan import load_plan
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti

LIMIT_KIB = 3 * 1024**2

PREDICT = """
import sys
from pathlib import Path
from pedseg_predict.__main__ import main
code = main(sys.argv[1:])
(peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print("peak", peak)
sys.exit(code)
"""
"""Prints the most memory it had in KiB. getrusage would count the tests' own process too, which this one began as."""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a process's own peak is read where Linux says it")
def test_512_x_512_x_170_voxels_of_five_classes_stay_under_3_gib(tiny_run: Path, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path)
    path = run / "fold_0/configs/plan.json"
    values = json.loads(path.read_text("utf-8"))
    for part in values["domains"]:
        part.update(window=256, spacing_mm=1.25)
    path.write_text(json.dumps(values), "utf-8")
    reseal(run / "fold_0", plan=load_plan(path).digest)

    small, _ = make_exam(load_domains(["knee"])[0], 1, slices=17)
    array = small.array.repeat(16, 0).repeat(16, 1).repeat(10, 2)
    array += np.random.default_rng(0).integers(-9, 9, array.shape, dtype=np.int16)
    volume = Volume(array, small.affine @ np.diag([0.3125, 0.3125, 0.125, 1]))
    assert volume.shape == (512, 512, 170)
    write_nifti(volume, tmp_path / "exam.nii.gz")
    del array, volume

    arguments = ["-i", tmp_path / "exam.nii.gz", "-o", tmp_path / "out", "-m", run, "-d", "knee", "--device", "cpu"]
    command = [sys.executable, "-c", PREDICT, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (peak,) = (int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("peak "))
    assert peak < LIMIT_KIB
    assert len(np.unique(np.asarray(nib.load(tmp_path / "out/labels.nii.gz").dataobj))) > 2
