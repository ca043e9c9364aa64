"""A full disk, for everything that writes: exit 6, what was there is there, and nothing is half-written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from masks import boxes, write_masks
from small_disk import contents, fill, limited_files, mounted
from tiny import copied, make_exam, write_dicom

from pedseg.bundle.generations import Generations, noted_digest
from pedseg.domains import load_domains
from pedseg.errors import OutputError
from pedseg.report.page import Page, Section, Text, write_page
from pedseg.report.prediction import WriteOptions, write_prediction
from pedseg.storage.cache import read_entry, write_entry
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti
from pedseg.workspace import Workspace, file_digest, write_json
from pedseg_evaluate.__main__ import main as evaluate
from pedseg_phantom.__main__ import main as phantom
from pedseg_plan.__main__ import main as plan
from pedseg_predict.__main__ import main as predict
from pedseg_preprocess.__main__ import main as preprocess
from pedseg_train.__main__ import main as training

KNEE = load_domains(["knee"])[0]
TRAIN_MIB = 24
TOO_LARGE = os.strerror(errno.EFBIG)


@dataclass(frozen=True)
class Bench:
    """What a writer is tried with.

    Args:
        disk: where it writes.
        tmp: another folder, with room.
        workspace: planned and in the cache; not to be changed.
        run: trained.
    """

    disk: Path
    tmp: Path
    workspace: Path
    run: Path

    def moved(self, part: str) -> Path:
        """A workspace with one of its folders on the disk, as a link."""
        root = self.tmp / "workspace"
        shutil.copytree(self.workspace, root)
        shutil.move(root / part, self.disk / part)
        (root / part).symlink_to(self.disk / part)
        return root


Again = Callable[[], int]
"""Writes over what a writer has made before; the exit code."""


def phantoms(bench: Bench) -> Again:
    words = ["-o", str(bench.disk), "-d", "ankle", "-n", "1", "--matrix", "32", "-j", "1", "-q"]
    assert phantom(words) == 0
    return lambda: phantom([*words, "--overwrite", "--seed", "1"])


def plans(bench: Bench) -> Again:
    root = bench.moved("plans")
    return lambda: plan(["-w", str(root), "-d", "ankle", "--preset", "demo", "--overwrite", "-j", "1", "-q"])


def cache(bench: Bench) -> Again:
    root = bench.moved("cache")
    return lambda: preprocess(["-w", str(root), "--overwrite", "-j", "1", "-q"])


def evaluation(bench: Bench) -> Again:
    truth = write_masks(bench.tmp / "truth", a=boxes(), b=boxes())
    ours = write_masks(bench.tmp / "ours", a=boxes(), b=boxes(shift=1))
    words = ["--predictions", str(ours), "--references", str(truth), "-d", "ankle", "-o", str(bench.disk / "out")]
    assert evaluate([*words, "-j", "1", "-q"]) == 0
    return lambda: evaluate([*words, "-j", "1", "-q", "--overwrite"])


def prediction(bench: Bench, formats: tuple[str, ...]) -> Again:
    write_dicom(make_exam(KNEE, 9, slices=12)[0], bench.tmp / "exam")
    words = ["-i", str(bench.tmp / "exam"), "-m", str(bench.run), "-d", "knee", "-o", str(bench.disk / "out")]
    words += ["--formats", *formats, "--device", "cpu", "-q"]
    assert predict(words) == 0
    return lambda: predict([*words, "--overwrite", "--no-postprocess"])


COMMANDS: dict[str, tuple[Callable[[Bench], Again], tuple[int, ...], int]] = {
    "phantom": (phantoms, (0, 8, 24), 1),
    "plan": (plans, (0, 4, 12), 1),
    "preprocess": (cache, (0, 16, 48), 1),
    "evaluate": (evaluation, (0, 40, 200), 1),
    "predict": (partial(prediction, formats=("nifti",)), (0, 100), 1),
    "predict a SEG": (partial(prediction, formats=("nifti", "dicom-seg")), (16,), 16),
}
"""With the room that is left, and the size that no file may pass where nothing is mounted, in KiB."""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_refuses_and_leaves_what_was_there(
    command: str, tiny_workspace: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin, rooms, _ = COMMANDS[command]
    with mounted(tmp_path / "disk", kib=8192) as disk:
        (tmp_path / "there").mkdir()
        again = begin(Bench(disk, tmp_path / "there", tiny_workspace, tiny_run))
        before = contents(disk)
        assert before
        for room in rooms:
            ballast = fill(disk, leave_kib=room)
            capsys.readouterr()
            assert again() == 6, room
            said = capsys.readouterr().err.strip().splitlines()[-1]
            assert said.startswith(f"pedseg_{command.split(maxsplit=1)[0]}: PS-A106: no space left while writing ")
            assert contents(disk) == before
            ballast.unlink()
        assert again() == 0, "with room again"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_where_files_may_not_grow(
    command: str, tiny_workspace: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system says EFBIG instead of ENOSPC, on any machine, to any user."""
    for name in ("disk", "there"):
        (tmp_path / name).mkdir()
    begin, _, limit = COMMANDS[command]
    again = begin(Bench(tmp_path / "disk", tmp_path / "there", tiny_workspace, tiny_run))
    before = contents(tmp_path / "disk")
    with limited_files(limit):
        status = again()
    assert status == 6
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(f"pedseg_{command.split(maxsplit=1)[0]}: PS-A105: cannot write ")
    assert TOO_LARGE in said
    assert contents(tmp_path / "disk") == before


def test_training_keeps_a_checkpoint_that_loads(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four epochs are done; two more have room for a part of what they write: any of it may be the last."""
    with mounted(tmp_path / "disk", kib=TRAIN_MIB << 10) as disk:
        root = disk / "workspace"
        shutil.copytree(tiny_run.parents[2], root)
        fold = root / "runs/default/main/fold_0"
        words = ["0", "-w", str(root), "--device", "cpu", "--no-test", "-q"]
        for room in (0, 700):
            ballast = fill(disk, leave_kib=room)
            capsys.readouterr()
            assert training([*words, "--epochs", "6"]) == 6, capsys.readouterr().err
            said = capsys.readouterr().err.strip().splitlines()[-1]
            assert said.startswith("pedseg_train: PS-A106: no space left while writing ")
            state = Generations(fold).newest()
            assert state is not None
            assert state["epoch"] >= 4
            assert list(disk.rglob(".*.partial-*")) == []
            ballast.unlink()
        assert training([*words, "--epochs", "6"]) == 0


def test_training_keeps_it_where_files_may_not_grow(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not for the first file, or for all but the states; and a new run is none, and has no state."""
    root = copied(tiny_run.parents[2], tmp_path)
    fold = root / "runs/default/main/fold_0"
    words = ["0", "-w", str(root), "--device", "cpu", "--no-test", "-q", "--epochs", "6"]
    for kib, more in ((1, []), (1000, []), (1000, ["--run", "new"])):
        with limited_files(kib):
            status = training([*words, *more])
        assert status == 6
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith("pedseg_train: PS-A105: cannot write ")
        assert TOO_LARGE in said
        state = Generations(fold).newest()
        assert state is not None
        assert state["epoch"] >= 4
        assert list(root.rglob(".*partial*")) == []
    new = root / "runs/default/new/fold_0"
    assert not (new / "run.json").exists()
    assert [p.name for p in new.rglob("*.pt")] == ["model.pt"]
    assert noted_digest(new / "models/model.pt") == file_digest(new / "models/model.pt")


def test_every_file_fails_alone(tmp_path: Path) -> None:
    """Writers below the commands, from no room to nearly enough: the old file or, at the end, the new one."""
    image, labels = make_exam(KNEE, 1)
    noise = np.random.default_rng(0).integers(0, 999, (64, 64, 40)).astype(np.int16)
    replacing = WriteOptions(overwrite=True)
    page = Page("A page", (Section("One", (Text("word " * 9000),)),))
    writers: dict[str, Callable[[Path], object]] = {
        "a.json": lambda path: write_json(path, list(range(9000))),
        "a.html": lambda path: write_page(page, path),
        "a.nii.gz": lambda path: write_nifti(Volume(noise, np.eye(4)), path),
        "a.nii": lambda path: write_nifti(Volume(noise, np.eye(4)), path),
        "out": lambda path: write_prediction(path, image, labels, KNEE, {"schema": 1}, options=replacing),
    }
    with mounted(tmp_path / "disk", kib=2048) as disk:
        for name, write in writers.items():
            write(disk / name)
            before = contents(disk)
            size = sum(map(len, before.values()))
            for room in range(0, size >> 10, max(4, size >> 13)):
                ballast = fill(disk, leave_kib=room)
                with pytest.raises(OutputError, match="PS-A106"):
                    write(disk / name)
                assert contents(disk) == before
                ballast.unlink()
            shutil.rmtree(disk / name) if name == "out" else (disk / name).unlink()


def test_an_entry_of_the_cache_is_the_old_one_or_the_new_one(tiny_workspace: Path, tmp_path: Path) -> None:
    """Each file of it may be the one that does not fit any more."""
    folder = Workspace(tiny_workspace).cache("default", "knee")
    old = read_entry(folder, "knee_0", verify=True)
    with mounted(tmp_path / "disk", kib=2048) as disk:
        write_entry(disk, old.manifest, old.images, old.labels)
        before = contents(disk)
        size = sum(map(len, before.values())) >> 10
        outcomes = []
        for room in range(0, size + 40, 12):
            ballast = fill(disk, leave_kib=room)
            try:
                write_entry(disk, old.manifest, np.zeros_like(old.images), old.labels)
                outcomes.append("new")
            except OutputError as error:
                assert error.code == "PS-A106"  # noqa: PT017 - the room that is enough is not known
                assert contents(disk) == before
                outcomes.append("old")
            ballast.unlink()
        assert outcomes.count("old") > 3
        assert outcomes[-1] == "new"
        assert not np.any(read_entry(disk, "knee_0", verify=True).images)
