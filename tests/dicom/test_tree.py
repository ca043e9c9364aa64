"""Walking a folder; the rows of the catalogue stand in tests/reliability/test_a1_files.py."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from pedseg.dicom.tree import MAX_DEPTH, TOO_DEEP, UNREADABLE, escaped, kind_of, unreadable, walk_files
from pedseg.errors import InputError
from pedseg.privacy import SHOW_NAMES


def make(folder: Path, *names: str) -> Path:
    """Files of one byte; those named empty have none."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * ("empty" not in name))
    return folder


def walked(folder: Path, **flags: bool) -> tuple[list[str], dict[str, int]]:
    skipped: Counter[str] = Counter()
    return [name for _, name in walk_files(folder, skipped, **flags)], dict(skipped)


def test_a_walk_goes_by_name_and_counts_what_it_passes_over(tmp_path: Path) -> None:
    make(tmp_path, "b", "a/z", "a/y", "empty")
    assert walked(tmp_path) == (["b", "a/y", "a/z"], {"empty file": 1})
    assert walked(tmp_path / "a" / "y") == (["y"], {})


def test_a_file_named_by_its_uid_or_a_date_goes_by_its_place(tmp_path: Path) -> None:
    names = [*(f"1.2.840.113619.{n:02d}.dcm" for n in range(1, 16)), "12.03.1999", "IM000016", "MR.1.17"]
    told = {path.name: name for path, name in walk_files(make(tmp_path, *names), Counter())}
    assert told["1.2.840.113619.15.dcm"] == "#15"
    assert told["12.03.1999"] == "#16"
    assert [told[name] for name in names[-2:]] == names[-2:]


def test_a_folder_that_may_be_named_after_a_patient_goes_by_its_place(tmp_path: Path) -> None:
    make(tmp_path, "a/im1", "Doe_Jane/im2")
    assert sorted(walked(tmp_path)[0]) == ["#1/im2", "a/im1"]
    assert walked(make(tmp_path, "Doe_Jane/Jane.dcm") / "Doe_Jane" / "Jane.dcm")[0] == ["the file"]


def test_links_are_followed_inside_the_folder_and_never_round_in_it(tmp_path: Path) -> None:
    inside, outside = make(tmp_path / "exam", "b/im1"), make(tmp_path / "out", "im2")
    for name, target in {"c": inside / "b", "up": inside, "away": outside, "d": outside / "im2"}.items():
        (inside / name).symlink_to(target)
    assert walked(inside) == (["d", "b/im1"], {"linked folder": 3})
    (inside / "lost").symlink_to(inside / "nowhere")
    assert walked(inside)[0] == ["d", "#5", "b/im1"]  # opening it tells the reason


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert walked(tmp_path) == ([], {"not a regular file": 1})


def test_the_last_folder_that_is_searched_is_the_twelfth(tmp_path: Path) -> None:
    deep = "/".join("d" * MAX_DEPTH)
    make(tmp_path, f"{deep}/im1", f"{deep}/d/im2")
    assert walked(tmp_path) == ([f"{deep}/im1"], {TOO_DEEP: 1})


def test_a_folder_that_cannot_be_listed_may_hold_a_slice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "im1", "sub/im2")
    listed = os.scandir

    def scandir(folder: Path) -> object:
        if folder.name == "sub":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match=r"PS-A07: sub cannot be read \(Permission denied\) and may hold a slice"):
        walked(tmp_path)
    assert walked(tmp_path, skip_unreadable=True) == (["im1"], {UNREADABLE: 1})
    assert "(OSError)" in unreadable("im1", OSError()).message


def test_names_are_fit_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not a machine's is not shown; where it is asked for, it cannot steer a terminal."""
    assert escaped("IM0001.dcm", "#1") == "IM0001.dcm"
    assert escaped("a\nb\x1b[0m\u202e\udcff骨", "#1") == "#1"
    monkeypatch.setenv(SHOW_NAMES, "1")
    assert escaped("a\nb\x1b[0m\u202e\udcff骨", "#1") == "a?b?[0m??骨"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.TXT", ".txt"), ("im", "without ending"), ("Doe.Jane", "other"), (".DS_Store", ".ds_store"), ("a.", "other")],
)
def test_an_ending_is_named_only_where_it_is_a_common_one(name: str, kind: str) -> None:
    assert kind_of(Path(name)) == kind
