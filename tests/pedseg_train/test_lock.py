"""One training a fold at a time."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import copied, train

from pedseg.errors import OutputError, TrainingError
from pedseg_train.lock import held

HOLD = "import sys, time; from pathlib import Path; from pedseg_train.lock import held\n"


def holder(folder: Path) -> subprocess.Popen[str]:
    code = f"{HOLD}with held(Path({str(folder)!r})):\n print('held', flush=True)\n time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_training_of_a_fold_is_refused_and_touches_nothing(tiny_run: Path, tmp_path: Path) -> None:
    root = copied(tiny_run.parents[2], tmp_path)
    folder = root / "runs/default/main/fold_0"
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    process = holder(folder)
    try:
        with pytest.raises(TrainingError, match=rf"PS-A92: fold_0 is trained by process {process.pid} on .* since 20"):
            train(root)
        with held(folder.with_name("fold_1")):
            pass
    finally:
        process.kill()
        process.communicate()
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_process_that_is_gone_holds_nobody_up(tmp_path: Path, number: signal.Signals) -> None:
    process = holder(tmp_path / "fold_0")
    process.send_signal(number)
    process.communicate()
    with held(tmp_path / "fold_0"):
        pass


def test_a_training_that_fails_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), held(tmp_path / "fold_0"):
        raise ValueError("broken")
    with held(tmp_path / "fold_0"), pytest.raises(TrainingError, match="PS-A92"), held(tmp_path / "fold_0"):
        pass


def test_where_nothing_can_be_written_the_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="PS-A105"), held(tmp_path / "file" / "fold_0"):
        pass
