"""No command opens a socket: all of them work where sockets are forbidden, and where there is no network at all.

The one exception is `--encoder-weights imagenet` where the file is not in the cache yet: one line says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FORBID = '''
import os, socket, sys

def forbid(event, arguments):
    if not event.startswith("socket.") or event == "socket.gethostname":
        return  # TensorBoard puts the machine's name, which the kernel knows, into its file's name
    family = arguments[1] if event == "socket.__new__" else getattr(arguments[0], "family", None)
    if family != socket.AF_UNIX or event == "socket.connect" and not isinstance(arguments[1], (str, bytes)):
        with open(os.environ["SOCKETS_SEEN"], "a") as seen:
            seen.write(f"{event} {arguments!r}\\n")
        raise OSError(f"a test forbids {event}")

sys.addaudithook(forbid)
'''
"""Python runs it first in every process, workers too. Processes may talk to one another by AF_UNIX."""
ALL = '''
import json, sys
from pathlib import Path
from importlib import import_module

def run(name, *words, status=0):
    assert import_module(f"pedseg_{name}.__main__").main([*map(str, words), "-w", str(root), "-q"]) == status, name

if __name__ == "__main__":
    root = Path(sys.argv[1])
    run("phantom", "-d", "knee", "-n", 3, "--matrix", 48, "-j", 2)
    shape = ("--preset", "demo", "--window", 32, "--epochs", 1, "--batch", 4, "--folds", 2, "--encoder-weights", "none")
    run("plan", "-d", "knee", *shape, "-j", 2)
    plan = json.loads((root / "plans/default/plan.json").read_text("utf-8"))
    plan["network"]["channels"] = [8] * 5
    (root / "plans/default/plan.json").write_text(json.dumps(plan), "utf-8")
    run("preprocess", "-j", 2)
    run("train", 0, "--device", "cpu")
    exam = next((root / "raw/knee").iterdir()) / "dicom"
    run("predict", "-i", exam, "-o", root / "out", "--device", "cpu", "--formats", "nifti", "dicom-seg")
    run("evaluate", "--run", "main", "-o", root / "scores", "-j", 2)
'''
PREDICT = """
import sys
from pathlib import Path
import pedseg_phantom.__main__ as phantom, pedseg_predict.__main__ as predict

if __name__ == "__main__":
    root = Path(sys.argv[1])
    assert phantom.main(["-d", "knee", "-n", "2", "--matrix", "48", "-j", "2", "-w", str(root), "-q"]) == 0
    exam = next((root / "raw/knee").iterdir()) / "dicom"
    words = ["-i", str(exam), "-o", str(root / "out"), "-m", sys.argv[2], "--device", "cpu", "-q"]
    assert predict.main([*words, "--formats", "nifti", "dicom-seg"]) == 0
"""
FILES = ("out/labels.nii.gz", "out/labels.dcm", "scores/report.html", "runs/default/main/fold_0/run.json")


def forbidding(folder: Path) -> dict[str, str]:
    """An environment whose Pythons open no socket, and note who tries."""
    (folder / "first").mkdir()
    (folder / "first" / "sitecustomize.py").write_text(FORBID, "utf-8")
    paths = [str(folder / "first"), str(Path(__file__).parents[2])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "SOCKETS_SEEN": str(folder / "seen"),
        "TORCH_HOME": str(folder / "hub"),
        "OMP_NUM_THREADS": "1",
    }


def python(code: str, folder: Path, *words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(code, "utf-8")
    command = [*before, sys.executable, str(script), *words]
    return subprocess.run(command, env=forbidding(folder), capture_output=True, text=True, check=False)


def test_a_socket_is_noticed(tmp_path: Path) -> None:
    """In a worker too; else the tests below would prove nothing."""
    done = python(
        "import multiprocessing, socket\n"
        "def reach(): socket.create_connection(('127.0.0.1', 9))\n"
        "if __name__ == '__main__':\n"
        "    worker = multiprocessing.get_context('spawn').Process(target=reach)\n"
        "    worker.start(); worker.join()\n"
        "    socket.getaddrinfo('localhost', 80)\n",
        tmp_path,
    )
    assert "a test forbids socket.getaddrinfo" in done.stderr
    assert len((tmp_path / "seen").read_text("utf-8").splitlines()) == 2


def test_exams_are_made_and_segmented_where_sockets_are_forbidden(tmp_path: Path, tiny_run: Path) -> None:
    done = python(PREDICT, tmp_path, str(tmp_path / "workspace"), str(tiny_run))
    assert not (tmp_path / "seen").exists(), (tmp_path / "seen").read_text("utf-8")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "workspace/out/labels.dcm").is_file()


@pytest.mark.slow
def test_every_command_works_where_sockets_are_forbidden(tmp_path: Path) -> None:
    done = python(ALL, tmp_path, str(tmp_path / "workspace"))
    assert not (tmp_path / "seen").exists(), (tmp_path / "seen").read_text("utf-8")
    assert done.returncode == 0, done.stderr
    assert [name for name in FILES if not (tmp_path / "workspace" / name).is_file()] == []


@pytest.mark.slow
def test_every_command_works_where_there_is_no_network(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a network namespace of its own needs root and unshare")
    done = python(ALL, tmp_path, str(tmp_path / "workspace"), before=(unshare, "-n"))
    assert done.returncode == 0, done.stderr
    assert [name for name in FILES if not (tmp_path / "workspace" / name).is_file()] == []


def test_public_weights_that_cannot_be_fetched_are_one_line(tmp_path: Path) -> None:
    done = python(
        "from pedseg.cli import make_parser, run\n"
        "def job(flags):\n"
        "    from pedseg.plan import NetworkSpec\n"
        "    from pedseg.networks.weights import load_encoder_weights\n"
        "    load_encoder_weights(None, 'efficient_unet', 'imagenet')\n"
        "raise SystemExit(run(job, make_parser('pedseg_train', ''), []))\n",
        tmp_path,
    )
    assert done.returncode == 5, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("pedseg_train: PS-A130: https://")
    assert "give --encoder-weights none or a file" in line
    assert "socket." in (tmp_path / "seen").read_text("utf-8")
