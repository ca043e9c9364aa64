"""Whose a half-written file is, and what becomes of it when its writer is dead."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pedseg import partials
from pedseg.partials import clear_partials, exchange, partial_of


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_by(path: Path, process: int, *, machine: str = "", end: str = "") -> Path:
    """What a process left of writing `path`."""
    own = partial_of(path).name.removeprefix(f".{path.name}.partial-")
    _, here, random = own.split("-")
    left = path.with_name(f".{path.name}.partial-{process}-{machine or here}-{random}{end}")
    left.mkdir()
    (left / "half").touch()
    return left


def test_a_partial_is_hidden_beside_its_file_and_names_the_process(tmp_path: Path) -> None:
    one, two = partial_of(tmp_path / "out"), partial_of(tmp_path / "out")
    assert one.parent == tmp_path
    assert one.name.startswith(f".out.partial-{os.getpid()}-")
    assert one != two


def test_what_the_dead_left_goes_and_what_the_living_write_stays(tmp_path: Path, dead: int) -> None:
    out = tmp_path / "out"
    gone, own = left_by(out, dead), left_by(out, os.getpid())
    parent, other = left_by(out, os.getppid()), left_by(tmp_path / "other", dead)
    (file := tmp_path / gone.name.replace(gone.name[-8:], "00000000")).touch()
    clear_partials(out)
    assert {p.name for p in tmp_path.iterdir()} == {own.name, parent.name, other.name}
    assert not file.exists()


def test_what_another_machine_writes_stays_for_a_day(tmp_path: Path, dead: int) -> None:
    left = left_by(tmp_path / "out", dead, machine="0" * 8)
    clear_partials(tmp_path / "out")
    assert left.is_dir()
    old = time.time() - partials.STALE_SECONDS - 60
    os.utime(left, (old, old))
    clear_partials(tmp_path / "out")
    assert left.is_dir(), "a file in it is new"
    os.utime(left / "half", (old, old))
    clear_partials(tmp_path / "out")
    assert not left.exists()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes this another machine, or the same one started again."""

    def is_now(*, number: str, start: str, processes: str = partials.ALL_PROCESSES) -> None:
        for name, text in (("NUMBER", number), ("START", start)):
            (tmp_path / name).write_text(text)
            monkeypatch.setattr(partials, name, tmp_path / name)
        monkeypatch.setattr(os, "readlink", lambda _: processes)
        partials._machine.cache_clear()

    yield is_now
    partials._machine.cache_clear()


def test_machines_of_one_name_leave_each_others_files_alone(tmp_path: Path, dead: int, machine: Any) -> None:
    machine(number="a", start="1")
    left = left_by(tmp_path / "out", dead)
    machine(number="b", start="2")
    clear_partials(tmp_path / "out")
    assert left.exists()
    machine(number="a", start="1")
    clear_partials(tmp_path / "out")
    assert not left.exists()


def test_containers_of_one_image_and_name_leave_each_others_files_alone(
    tmp_path: Path, dead: int, machine: Any
) -> None:
    machine(number="image", start="1", processes="pid:[4026532000]")
    left = left_by(tmp_path / "out", dead)
    machine(number="image", start="2", processes="pid:[4026532000]")
    clear_partials(tmp_path / "out")
    assert left.exists()


def test_what_was_written_before_the_machine_started_goes(tmp_path: Path, machine: Any) -> None:
    """Whatever process has the number now."""
    machine(number="a", start="1")
    left = left_by(tmp_path / "out", os.getpid())
    clear_partials(tmp_path / "out")
    assert left.exists()
    machine(number="a", start="2")
    clear_partials(tmp_path / "out")
    assert not left.exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_former_folder_set_aside_comes_back_unless_the_new_one_stands(
    tmp_path: Path, dead: int, there: bool
) -> None:
    out = tmp_path / "out"
    left_by(out, dead)
    (left_by(out, dead, end=partials.ASIDE) / "former").touch()
    if there:
        out.mkdir()
    clear_partials(out)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (out / "former").exists() is not there


def test_files_of_a_person_are_left_alone(tmp_path: Path) -> None:
    names = {".out.partial", ".out.partial-", ".out.partial-mine", ".out.partial--1-x", "out.partial-1-2-3"}
    names |= {".out.partial-2024-backup", ".out.partial-1", ".out.partial-1-2-3", ".out.partial-1-00000000-0000000-old"}
    old = time.time() - partials.STALE_SECONDS - 60
    for name in names:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (old, old))
    (tmp_path / ".out.partial-1").unlink()
    (tmp_path / ".out.partial-1").mkdir()
    os.utime(tmp_path / ".out.partial-1", (old, old))
    clear_partials(tmp_path / "out")
    assert {p.name for p in tmp_path.iterdir()} == names
    clear_partials(tmp_path / "no" / "such" / "folder")


def test_long_names_have_partials_of_their_own(tmp_path: Path) -> None:
    one, two = (partial_of(tmp_path / ("x" * 254 + end)) for end in "ab")
    assert one.name.partition(".partial-")[0] != two.name.partition(".partial-")[0]
    one.touch()
    (umlauts := partial_of(tmp_path / ("ü" * 127))).touch()
    assert umlauts.exists()


def test_two_folders_change_places(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / f"was_{name}").touch()
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system does not swap two names in one step")
    assert [p.name for n in "ab" for p in (tmp_path / n).iterdir()] == ["was_b", "was_a"]
    assert not exchange(tmp_path / "a", tmp_path / "nothing")


def test_a_process_whose_exit_code_nobody_fetched_is_dead(tmp_path: Path) -> None:
    """As every process is that is killed with its parent in a container without an init."""
    child = os.fork()
    if not child:
        partial_of(tmp_path / "a.txt").write_text("half")
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it has ended, and stays in the table
    try:
        assert len(os.listdir(tmp_path)) == 1  # noqa: PTH208 - names only
        clear_partials(tmp_path / "a.txt")
        assert os.listdir(tmp_path) == []  # noqa: PTH208 - names only
    finally:
        os.waitpid(child, 0)
