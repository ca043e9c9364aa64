"""Signals: who listens, and that those who start a command may have them ignored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pedseg.cli import make_parser, run
from pedseg.signals import ENDING, listen, never_lost, restore

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


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDING])
def test_a_signal_heard_in_a_destructor_ends_the_command(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Where Python prints what is raised, and goes on."""

    class Gone:
        def __del__(self) -> None:
            signal.raise_signal(number)

    def job(_: object) -> None:
        Gone()
        time.sleep(10)

    begun = time.monotonic()
    if number == signal.SIGINT:
        assert run(job, make_parser("some", ""), []) == 130
    else:
        with pytest.raises(SystemExit, match="143"):
            run(job, make_parser("some", ""), [])
    assert time.monotonic() - begun < 5
    assert "Traceback" not in capsys.readouterr().err


def test_other_errors_of_destructors_are_printed_as_before() -> None:
    said: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, said.append
    try:
        with never_lost():
            sys.unraisablehook(type("Seen", (), {"exc_value": ValueError()})())  # type: ignore[arg-type]
        assert len(said) == 1
        assert sys.unraisablehook == said.append
    finally:
        sys.unraisablehook = before


def test_an_interruption_within_an_eval_keeps_its_exit_code() -> None:
    """MONAI's configs are run so; Python's own way is to end by the signal."""
    code = "import signal, sys; from pedseg.cli import make_parser, run\n"
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "job = lambda _: eval('signal.raise_signal(signal.SIGINT)')\n"
    code += "sys.exit(run(job, make_parser('some', ''), []))"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 130
