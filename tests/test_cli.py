from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pedseg import __version__
from pedseg.cli import make_parser, positive, progress_hidden, run
from pedseg.errors import GeometryError

PARSER = make_parser("pedseg_test", "A test.")


def outcome(job, *flags: str) -> int:
    return run(job, PARSER, list(flags))


def test_a_job_without_a_code_is_done():
    assert outcome(lambda _: None) == 0
    assert outcome(lambda _: 7) == 7


def test_a_refusal_is_one_line_and_its_exit_code(capsys):
    def job(flags: argparse.Namespace) -> None:
        raise GeometryError("PS-A36", "wanted 16 slices, got 15")

    assert outcome(job) == 4
    out = capsys.readouterr()
    assert out.err == "pedseg_test: PS-A36: wanted 16 slices, got 15\n"
    assert out.out == ""


def test_debug_shows_where(capsys):
    def job(flags: argparse.Namespace) -> None:
        raise GeometryError("PS-A36", "x")

    assert outcome(job, "--debug") == 4
    assert "Traceback" in capsys.readouterr().err


def test_control_characters_do_not_reach_the_terminal(capsys):
    def job(flags: argparse.Namespace) -> None:
        raise GeometryError("PS-A36", "name \x1b[2J\nsecond line")

    outcome(job)
    assert capsys.readouterr().err == "pedseg_test: PS-A36: name ?[2J\nsecond line\n"


def test_a_bug_is_not_hidden_but_what_it_quotes_is(capsys):
    name = "Doe^Jane"

    def job(flags: argparse.Namespace) -> None:
        try:
            int(name)
        except ValueError as error:
            raise KeyError(name) from error

    assert outcome(job) == 1
    err = capsys.readouterr().err
    assert err.count("Traceback (most recent call last)") == 2
    assert "in job" in err
    assert err.endswith("pedseg_test: a fault of pedseg itself (KeyError): please report it\n")
    assert "Doe^Jane" not in err
    assert outcome(job, "--show-names") == 1
    assert "KeyError: 'Doe^Jane'" in capsys.readouterr().err


def test_interruption_and_termination(capsys):
    def interrupted(flags: argparse.Namespace) -> None:
        raise KeyboardInterrupt

    def terminated(flags: argparse.Namespace) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    assert outcome(interrupted) == 130
    assert "interrupted" in capsys.readouterr().err
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stop:
        outcome(terminated)
    assert stop.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_log_levels(capsys):
    def job(flags: argparse.Namespace) -> None:
        log = logging.getLogger("pedseg.some")
        log.debug("detail")
        log.info("said")
        log.warning("careful")

    outcome(job)
    out = capsys.readouterr()
    assert (out.out, out.err) == ("said\n", "warning: careful\n")
    outcome(job, "-v")
    assert capsys.readouterr().out == "detail\nsaid\n"
    outcome(job, "-q")
    out = capsys.readouterr()
    assert (out.out, out.err) == ("", "warning: careful\n")
    assert progress_hidden() is True


def test_the_workspace_is_none_where_not_given():
    seen = []
    outcome(lambda flags: seen.append(flags.workspace))
    outcome(lambda flags: seen.append(flags.workspace), "-w", "here")
    assert [str(w) for w in seen] == ["None", "here"]


def test_a_usage_error_is_one_line(capsys):
    for wrong, said in (
        (["-j", "0"], "argument -j/--jobs: must be at least 1, got 0"),
        (["--quite"], "unknown flag --quite, did you mean --quiet?"),
        (["--nothing-like-it=3"], "unknown flag --nothing-like-it"),
        (["somewhere"], "unrecognized arguments: somewhere"),
    ):
        assert outcome(lambda _: None, *wrong) == 2
        assert capsys.readouterr().err == f"{PARSER.prog}: PS-A139: {said}: see {PARSER.prog} --help\n"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    ],
)
def test_memory_that_has_run_out_is_no_fault_of_pedseg(error: Exception, capsys):
    def job(_: argparse.Namespace) -> None:
        raise error

    assert outcome(job) == 3
    said = "PS-A165: the job wants more memory than there is: free some, or run again with -j 1"
    assert capsys.readouterr().err == f"{PARSER.prog}: {said}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_below_the_output_of_a_command():
    code = "import sys, logging; from pedseg.cli import make_parser, run\n"
    code += "job = lambda _: [logging.getLogger('pedseg').info('line') for _ in range(int(sys.argv[1]))] and None\n"
    code += "sys.exit(run(job, make_parser('some', ''), []))"
    for lines in ("1", "5000"):
        command = [sys.executable, "-c", code, lines]
        with Path("/dev/full").open("w") as full:
            ran = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
        said = "PS-A106: no space left on a disk that is written to: free some, then run again"
        assert (ran.returncode, ran.stderr) == (6, f"some: {said}\n")


def test_a_pipe_that_breaks_elsewhere_is_told(capsys):
    """Such as the one to a process that could not be started: nobody would know why the command ended."""

    def job(_: argparse.Namespace) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    assert outcome(job) == 1
    assert "BrokenPipeError" in capsys.readouterr().err


def test_a_working_folder_that_is_gone(tmp_path: Path):
    code = "import sys; from pedseg.cli import make_parser, run; sys.exit(run(print, make_parser('some', ''), []))"
    gone = tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'cd "$2" && rmdir "$2" && "$0" -c "$1"', sys.executable, code, str(gone)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    said = "PS-A03: the working folder cannot be used (No such file or directory): change to one that is there"
    assert (ran.returncode, ran.stderr) == (2, f"some: {said}\n")


def test_links_in_a_circle_are_no_fault(tmp_path: Path, capsys):
    (tmp_path / "circle").symlink_to("circle")
    assert outcome(lambda _: None, "-w", str(tmp_path / "circle")) == 0
    assert capsys.readouterr().err == ""


def test_version_and_disclaimer(capsys):
    with pytest.raises(SystemExit):
        outcome(lambda _: None, "--version")
    assert capsys.readouterr().out == f"pedseg {__version__}\n"
    assert "Research only" in PARSER.format_help()
    assert "(default: 0)" in PARSER.format_help()
    assert not any(f"default: {nothing}" in PARSER.format_help() for nothing in (None, False, True))


def test_positive():
    assert positive("3") == 3
    for wrong in ("0", "-1"):
        with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
            positive(wrong)
