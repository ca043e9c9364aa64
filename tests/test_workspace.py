from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pedseg import privacy, workspace
from pedseg.errors import OutputError, UsageError
from pedseg.partials import clear_partials
from pedseg.workspace import (
    Workspace,
    atomic_folder,
    atomic_set,
    atomic_write,
    checked_name,
    digest_of,
    file_digest,
    output_error,
    write_bytes,
    write_json,
    write_text,
)


def write_half(path: Path) -> None:
    path.write_text("half")
    raise ZeroDivisionError


def test_where_a_workspace_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PEDSEG_WORKSPACE", raising=False)
    assert Workspace.find() == Workspace(Path("pedseg_workspace"))
    monkeypatch.setenv("PEDSEG_WORKSPACE", "/there")
    assert Workspace.find() == Workspace(Path("/there"))
    assert Workspace.find("here") == Workspace(Path("here"))


def test_where_the_workspace_is_found_is_concealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEDSEG_WORKSPACE", "/x/ZZPHI_Anna/ws")
    place = Workspace.find().run("default", "main")
    assert privacy.scrub(f"no plan in {place}") == "no plan in /x/…/ws/runs/default/main"
    privacy.reveal()


def test_where_files_are():
    space = Workspace(Path("/w"))
    assert space.raw("ankle") == Path("/w/raw/ankle")
    assert space.plan("one").domain("ankle") == Path("/w/plans/one/ankle.json")
    assert space.plan("one").fingerprint == Path("/w/plans/one/fingerprint.json")
    assert space.cache("one", "ankle") == Path("/w/cache/one/ankle")
    assert space.fold("one", "r", "0") == Path("/w/runs/one/r/fold_0")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-a", ".a", "a\n", "a" * 65, "ä"])
def test_names_that_are_no_file_names(name: str):
    with pytest.raises(UsageError, match="PS-A99"):
        checked_name(name)


@pytest.mark.parametrize("name", ["a", "A.b_c-1", "0", "a" * 64])
def test_names_that_are(name: str):
    assert checked_name(name) == name


def test_a_write_is_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "first")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as temporary:
        write_half(temporary)
    assert path.read_text() == "first"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_written_file_has_the_users_permissions(tmp_path: Path):
    previous = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "x")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_folder_is_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "run"
    with pytest.raises(ZeroDivisionError), atomic_folder(path) as temporary:
        write_half(temporary / "a")
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("whole")
    with pytest.raises(OutputError, match="PS-A104: run exists"), atomic_folder(path):
        pass
    with atomic_folder(path, overwrite=True) as temporary:
        (temporary / "b").write_text("new")
    assert [p.name for p in path.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_is_interrupted_while_it_changes_places_comes_back(tmp_path: Path, monkeypatch):
    """On a file system that cannot swap two names in one step."""
    monkeypatch.setattr(workspace, "exchange", lambda *_: False)
    path = tmp_path / "run"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("first")
    rename, calls = Path.rename, []

    def interrupted(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_folder(path, overwrite=True) as temporary:
        (temporary / "a").write_text("second")
    assert (path / "a").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with atomic_folder(tmp_path / "link", overwrite=True) as temporary:
        (temporary / "a").write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "a").read_text() == "new"
    assert {p.name for p in tmp_path.iterdir()} == {"there", "link"}


def test_what_the_system_refuses_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"PS-A105: cannot write below \("):
        write_text(tmp_path / "file" / "below", "x")
    assert output_error(OSError(errno.ENOSPC, "full"), tmp_path / "x").code == "PS-A106"
    assert output_error(OSError(errno.EACCES, "no"), tmp_path / "x").code == "PS-A105"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_has_its_own_code():
    with pytest.raises(OSError) as full, open("/dev/full", "wb", buffering=0) as stream:  # noqa: PTH123, PT011
        stream.write(b"x")
    assert output_error(full.value, Path("x")).code == "PS-A106"


def test_json_is_readable_and_holds_numbers_only(tmp_path: Path):
    write_json(tmp_path / "a.json", {"name": "Künstler", "n": [1]})
    text = (tmp_path / "a.json").read_text("utf-8")
    assert "Künstler" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"name": "Künstler", "n": [1]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


def test_digests(tmp_path: Path):
    """sha256 of b'{"a":1,"b":[2]}' and of b"abc" (FIPS 180-2, B.1)."""
    import hashlib

    assert digest_of({"b": [2], "a": 1}) == hashlib.sha256(b'{"a":1,"b":[2]}').hexdigest()
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_digest(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_a_failing_disk_keeps_does_not_take_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk keeps another byte than it was given."""

    def sync_badly(path: Path) -> None:
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1] + b"!")

    write_bytes(tmp_path / "kept", b"former")
    monkeypatch.setattr("pedseg.workspace.sync", sync_badly)
    with pytest.raises(OutputError, match=r"PS-A164: .*does not read back as it was written: the disk may be failing"):
        write_bytes(tmp_path / "kept", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("kept", b"former")]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_does_not_take_the_place_of_a_file(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis").write_text("mine")
    refused = pytest.raises(OutputError, match="PS-A104: thesis exists and is no folder")
    with refused, atomic_folder(tmp_path / "thesis", overwrite=overwrite):
        pass
    assert (tmp_path / "thesis").read_text() == "mine"


NAMES = ("facts.json", "ankle.json", "plan.json")
KILLED = """
import os, sys
from pathlib import Path
from pedseg.workspace import atomic_set

def counted(change):
    def step(self, target):
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)
        return change(self, target)
    return step

left = [int(sys.argv[2])]
paths = [Path(sys.argv[1], name) for name in sys.argv[3:]]
Path.replace, Path.rename = counted(Path.replace), counted(Path.rename)
with atomic_set(*paths) as places:
    for place in places:
        place.write_text("new")
"""


def written(folder: Path, text: str) -> dict[str, str]:
    """A set of three files, and what they hold."""
    with atomic_set(*(folder / name for name in NAMES)) as places:
        for place in places:
            place.write_text(text)
    return dict.fromkeys(NAMES, text)


def held(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("steps", range(7))
def test_a_kill_within_the_exchange_of_a_set_leaves_one_of_both(tmp_path: Path, steps: int) -> None:
    old = written(tmp_path, "old")
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path, str(steps), *NAMES], check=False)
    assert done.returncode == (9 if steps < 6 else 0)
    assert held(tmp_path).get("plan.json") == ("old" if steps == 0 else "new" if steps == 6 else None)
    clear_partials(tmp_path / "plan.json")
    for name in NAMES:
        clear_partials(tmp_path / name)
    assert held(tmp_path) == (dict.fromkeys(NAMES, "new") if steps else old)


@pytest.mark.parametrize("steps", range(6))
def test_an_interrupt_within_the_exchange_of_a_set_brings_the_former_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    old = written(tmp_path, "old")
    calls: list[Path] = []

    def counted(change: Callable[..., Path]) -> Callable[..., Path]:
        def step(self: Path, target: Path) -> Path:
            calls.append(self)
            if len(calls) == steps + 1:
                raise KeyboardInterrupt
            return change(self, target)

        return step

    for name in ("replace", "rename"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, "new")
    assert held(tmp_path) == old


def test_a_first_set_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "set" / "ankle.json").mkdir(parents=True)
    with pytest.raises(OutputError, match="PS-A105"):
        written(tmp_path / "set", "new")
    assert [p.name for p in (tmp_path / "set").iterdir()] == ["ankle.json"]


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "there" / "a")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert held(tmp_path / "there") == {"a": "new"}


def test_a_kill_while_the_former_set_comes_back_does_not_mix_both(tmp_path: Path) -> None:
    old = written(tmp_path, "old")
    subprocess.run([sys.executable, "-c", KILLED, tmp_path, "4", *NAMES], check=False)
    assert held(tmp_path)["facts.json"] == "new"
    (new,) = (path for path in tmp_path.glob(".plan.json.partial-*") if not path.name.endswith("-old"))
    new.unlink()
    clear_partials(tmp_path / "plan.json")
    assert held(tmp_path) == old
