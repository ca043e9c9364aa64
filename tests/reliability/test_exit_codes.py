"""Exit codes: the README's table, the enum, and what commands return are the same."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mr_series import write_series
from tiny import copied

from pedseg.errors import ExitCode
from pedseg_predict.__main__ import main as predict
from pedseg_preprocess.__main__ import main as preprocess
from pedseg_train.__main__ import main as train
from pedseg_train.lock import held

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = """
import sys, time
from pedseg.cli import make_parser, run
def job(flags):
    print("started", flush=True)
    time.sleep(60)
sys.exit(run(job, make_parser("sleeper", "Waits for a signal."), []))
"""


def on(exam: Path, *more: str, model: Path) -> int:
    return predict(["-i", str(exam), "-o", str(exam.parent / "masks"), "-m", str(model), "-d", "knee", *more])


def done(run: Path, tmp: Path) -> int:
    return preprocess(["-w", str(run.parents[2])])


def usage(run: Path, tmp: Path) -> int:
    return on(tmp / "missing", model=run)


def no_images(run: Path, tmp: Path) -> int:
    (tmp / "empty").mkdir()
    return on(tmp / "empty", model=run)


def no_place(run: Path, tmp: Path) -> int:
    return on(write_series(tmp / "exam", ImagePositionPatient=None), model=run)


def damaged_model(run: Path, tmp: Path) -> int:
    shutil.copytree(run, tmp / "run")
    weights = tmp / "run" / "fold_0" / "models" / "model.pt"
    weights.write_bytes(weights.read_bytes()[:-9])
    return on(write_series(tmp / "exam"), model=tmp / "run")


def output_there(run: Path, tmp: Path) -> int:
    (tmp / "masks").mkdir()
    (tmp / "masks" / "labels.nii.gz").write_bytes(b"mine")
    return on(write_series(tmp / "exam"), model=run)


def one_of_two(run: Path, tmp: Path) -> int:
    write_series(tmp / "study" / "good")
    write_series(tmp / "study" / "bad", ImagePositionPatient=None)
    return on(tmp / "study", "--each", model=run)


def trained_by_another(run: Path, tmp: Path) -> int:
    workspace = copied(run.parents[2], tmp)
    with held(workspace / "runs" / "default" / "main" / "fold_0"):
        return train(["0", "-w", str(workspace), "--device", "cpu"])


def signalled(number: signal.Signals) -> int:
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        process.send_signal(number)
        return process.wait(30)


def fault_of_its_own(run: Path, tmp: Path) -> int:
    code = SLEEPER.replace("time.sleep(60)", "1 / 0")
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode


OBSERVED: dict[ExitCode, Callable[[Path, Path], int]] = {
    ExitCode.DONE: done,
    ExitCode.BUG: fault_of_its_own,
    ExitCode.USAGE: usage,
    ExitCode.INPUT: no_images,
    ExitCode.GEOMETRY: no_place,
    ExitCode.MODEL: damaged_model,
    ExitCode.OUTPUT: output_there,
    ExitCode.PARTIAL: one_of_two,
    ExitCode.TRAINING: trained_by_another,
    ExitCode.INTERRUPTED: lambda _run, _tmp: signalled(signal.SIGINT),
    ExitCode.TERMINATED: lambda _run, _tmp: signalled(signal.SIGTERM),
}


@pytest.mark.parametrize("code", ExitCode, ids=lambda code: str(int(code)))
def test_a_command_returns_it(code: ExitCode, tiny_run: Path, tmp_path: Path) -> None:
    assert OBSERVED[code](tiny_run, tmp_path) == code


def test_the_readme_has_the_enum_and_no_other_code() -> None:
    table = re.findall(r"^\| (\d+) \| .+ \|$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert [int(code) for code in table] == [int(code) for code in ExitCode]
