"""Signals: who listens, and that those who start a command may have them ignored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pedseg.signals import ENDING, listen, restore

SLEEPER = """
import sys, time
from pathlib import Path
from pedseg.cli import make_parser, run
from pedseg.workspace import atomic_folder

def job(_):
    with atomic_folder(Path(sys.argv[1]) / "made") as partial:
        (partial / "half").write_text("x")
        print("writing", flush=True)
        time.sleep(60)

sys.exit(run(job, make_parser("some", ""), []))
"""


@pytest.mark.parametrize("number", ENDING)
def test_a_command_that_is_ended_leaves_nothing(tmp_path: Path, number: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLEEPER, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=10)
    assert (process.returncode, list(tmp_path.iterdir())) == (143, [])


def test_who_ignores_a_signal_goes_on_ignoring_it() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        previous = listen(ENDING, lambda number, _: heard.append(number))
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        restore(previous)
        assert (heard, signal.getsignal(signal.SIGHUP)) == ([signal.SIGTERM], signal.SIG_IGN)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_only_the_main_thread_listens() -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(listen(ENDING, lambda *_: None)))
    thread.start()
    thread.join()
    assert found == [{}]
