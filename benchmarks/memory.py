"""What every command says it will want of memory beside what it was measured to hold, on small and large exams.

Run with `python -m benchmarks.memory --matrix 96 320` where pedseg is installed; it reads what Linux says of a process.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.demo import say

MEASURED = """
import importlib, sys
from pathlib import Path
if __name__ == "__main__":
    code = importlib.import_module(sys.argv[1] + ".__main__").main(sys.argv[2:])
    print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    sys.exit(code)
"""
"""Prints the most memory it held in KiB. getrusage would count the process it began as."""
SAID = re.compile(r"about ([\d.]+) GiB of memory")


def main(arguments: list[str] | None = None) -> int:
    """Run the commands and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--domain", default="knee", help="whose exams")
    parser.add_argument("--matrix", type=int, nargs="+", default=[96, 320], help="in-plane sizes of the exams")
    parser.add_argument("--window", type=int, nargs="+", default=[128, 256], help="of the plans, one a matrix")
    flags = parser.parse_args(arguments)
    say(f"{'command':20}{'matrix':>8}{'said GiB':>10}{'held GiB':>10}{'ratio':>8}")
    for matrix, window in zip(flags.matrix, flags.window, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            for words in commands(Path(folder), flags.domain, matrix, window):
                said, held = measure(words)
                say(f"{words[0]:20}{matrix:8}{said:10.2f}{held:10.2f}{said / held:8.2f}")
    return 0


def commands(folder: Path, domain: str, matrix: int, window: int) -> list[list[str]]:
    """The main job with one epoch of training, each in one process."""
    workspace, masks, truth = str(folder / "workspace"), folder / "masks", folder / "truth"
    exam = folder / "workspace" / "raw" / domain / f"{domain}_002"
    one = ["-j", "1"]
    plan = ["--preset", "demo", "--window", str(window), "--epochs", "1"]
    evaluate = ["--predictions", str(masks), "--references", str(truth), "-o", str(folder / "scores"), "-d", domain]
    return [
        ["pedseg_phantom", "-w", workspace, "-n", "3", "-d", domain, "--matrix", str(matrix), *one],
        ["pedseg_plan", "-w", workspace, "-d", domain, *plan, *one],
        ["pedseg_preprocess", "-w", workspace, *one],
        ["pedseg_train", "-w", workspace, "0", "--no-test"],
        ["pedseg_predict", "-w", workspace, "-i", str(exam / "dicom"), "-o", str(folder / "out")],
        ["pedseg_evaluate", *evaluate, *one],
    ]


def measure(words: list[str]) -> tuple[float, float]:
    """Run a command: GiB it said, GiB it held. A failure ends the benchmark."""
    if words[0] == "pedseg_evaluate":
        place_masks(Path(words[2]), Path(words[4]))
    done = subprocess.run([sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    said = max(float(number) for number in SAID.findall(done.stdout))
    return said, int(done.stdout.splitlines()[-1]) / (1 << 20)


def place_masks(masks: Path, truth: Path) -> None:
    """Each exam's labels as its reference, and a neighbour's shifted ones as its prediction."""
    import numpy as np

    from pedseg.volumes.nifti import read_nifti, write_nifti

    masks.mkdir()
    truth.mkdir()
    for path in masks.parent.glob("workspace/raw/*/*/labels.nii.gz"):
        labels = read_nifti(path)
        shutil.copyfile(path, truth / f"{path.parent.name}.nii.gz")
        write_nifti(labels.with_array(np.roll(labels.array, 3, axis=1)), masks / f"{path.parent.name}.nii.gz")


if __name__ == "__main__":
    sys.exit(main())
