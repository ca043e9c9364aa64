"""Streams of a command: closed, full, of few letters, and nobody at the other end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import logging, sys
from pedseg.cli import make_parser, run
from pedseg.errors import GeometryError

def job(_):
    logging.getLogger("pedseg").info("written to Größe…")
    logging.getLogger("pedseg").warning("careful…")
    if "-v" in sys.argv:
        raise GeometryError("PS-A36", "…")

sys.exit(run(job, make_parser("some", "")))
"""


def ran(words: str, *, letters: str = "") -> subprocess.CompletedProcess[bytes]:
    """The command by a shell, which closes its streams or points them elsewhere."""
    environment = {**os.environ, **({"PYTHONIOENCODING": letters} if letters else {})}
    command = ["sh", "-c", f'"$0" -c "$1" {words}', sys.executable, COMMAND]
    return subprocess.run(command, capture_output=True, check=False, env=environment)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("flag", "code"), [("", 0), ("-v", 4)])
def test_a_closed_stream_changes_no_exit_code(closed: str, flag: str, code: int) -> None:
    done = ran(f"{flag} {closed}")
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert (b"careful" in done.stderr) == ("2>&-" not in closed)


def test_letters_that_a_terminal_lacks_are_spelt_out() -> None:
    done = ran("", letters="ascii")
    assert (done.returncode, done.stdout) == (0, b"written to Gr\\xf6\\xdfe\\u2026\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_error_that_nobody_can_take_keeps_its_exit_code() -> None:
    assert ran("-v 2>/dev/full >/dev/null").returncode == 6  # the warning before it found no room
    assert ran("-q --nonsense >/dev/full 2>/dev/full").returncode == 2


def test_whoever_read_it_has_gone() -> None:
    read, write = os.pipe()
    os.close(read)
    for stream in ("stdout", "stderr"):
        others = {"stdout", "stderr"} - {stream}
        streams = {stream: write, **dict.fromkeys(others, subprocess.PIPE)}
        done = subprocess.run([sys.executable, "-c", COMMAND], check=False, **streams)
        assert (done.returncode, b"Traceback" in (done.stderr or b"")) == (6, False)
    usage = subprocess.run([sys.executable, "-c", COMMAND, "--nonsense"], check=False, stderr=write)
    assert usage.returncode == 2
    os.close(write)
