"""Rows 104 to 112 of the fault catalogue: where results go, and what is there when they do not come."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from small_disk import contents, fill, mounted
from tiny import make_exam, write_dicom

from pedseg.domains import load_domains
from pedseg.errors import OutputError
from pedseg.report.prediction import check_writable, write_prediction
from pedseg.volumes.nifti import write_nifti
from pedseg.workspace import atomic_folder
from pedseg_evaluate.__main__ import main as evaluate
from pedseg_predict.__main__ import main

FILES = {"labels.nii.gz", "prediction.json", "preview.png"}
KNEE = load_domains(["knee"])[0]
SLOW = """
import sys, time
import pedseg.report.prediction as prediction
draw = prediction.preview_figure
def paused(*arguments):
    print("half", flush=True)
    time.sleep(float(sys.argv.pop(1)))
    draw(*arguments)
prediction.preview_figure = paused
from pedseg_predict.__main__ import main
if __name__ == "__main__":
    sys.exit(main(sys.argv[3:]))
"""
"""Predicts as ever, and waits between the first file of a result and the second."""


@dataclass(frozen=True)
class Bench:
    """What a row's fault is built with.

    Args:
        tmp: an empty folder.
        run: a trained run, not to be changed.
        capsys: what a command said.
    """

    tmp: Path
    run: Path
    capsys: pytest.CaptureFixture[str]

    def exam(self, name: str = "in/exam.nii.gz", *, seed: int = 700) -> Path:
        """An unseen knee."""
        path = self.tmp / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_nifti(make_exam(KNEE, seed)[0], path)
        return path

    def former(self, folder: Path) -> dict[str, bytes]:
        """An earlier result, written without a network."""
        write_prediction(folder, *make_exam(KNEE, 699), KNEE, {"schema": 1})
        return contents(folder)

    def predict(self, source: Path, out: Path, *more: str, model: Path | None = None) -> int:
        """The command's exit code."""
        words = ["-i", str(source), "-o", str(out), "-m", str(model or self.run), "-d", "knee", "--device", "cpu"]
        return main([*words, "-q", *more])

    def refused(self, status: int, code: str, says: str, *arguments: str | Path, **options: Path) -> None:
        """The command refuses in one line; what it said so far is forgotten."""
        self.capsys.readouterr()
        assert self.predict(*arguments, **options) == status
        lines = self.capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith(f"pedseg_predict: {code}: ")
        assert says in lines[0]


def output_exists(bench: Bench) -> None:
    """The model does not even exist: the refusal costs no inference."""
    exam, out = bench.exam(), bench.tmp / "out"
    before = bench.former(out)
    bench.refused(6, "PS-A104", "out exists: choose another", exam, out, model=bench.tmp / "no-model")
    assert contents(out) == before
    (out / "notes.txt").touch()
    bench.refused(6, "PS-A104", "holds other files", exam, out, "--overwrite", model=bench.tmp / "no-model")
    (out / "notes.txt").unlink()
    assert bench.predict(exam, out, "--overwrite") == 0
    assert contents(out).keys() == before.keys()
    assert contents(out) != before


def former_output_survives(bench: Bench) -> None:
    """Any failure after the check: an exam that is damaged, a model that is, a record that cannot be written."""
    exam, out = bench.exam(), bench.tmp / "out"
    before = bench.former(out)
    half = exam.with_name("half.nii.gz")
    half.write_bytes(exam.read_bytes()[:-9])
    bench.refused(3, "PS-A80", "damaged", half, out, "--overwrite")
    run = bench.tmp / "run"
    shutil.copytree(bench.run, run)
    weights = run / "fold_0/models/model.pt"
    weights.write_bytes(weights.read_bytes()[:-9])
    bench.refused(5, "PS-A86", "model.pt", exam, out, "--overwrite", model=run)
    assert contents(out) == before
    assert sorted(p.name for p in bench.tmp.iterdir()) == ["in", "out", "run"]


def replaced_in_one_step(bench: Bench) -> None:
    """Somebody who looks at every moment sees the former output or the new one, never none and never half."""
    out, seen, done = bench.tmp / "out", [], threading.Event()
    with atomic_folder(out) as place:
        (place / "a").write_text("0")

    def look() -> None:
        while not done.is_set():
            try:
                seen.append((out / "a").read_text())
            except FileNotFoundError:
                seen.append("none")

    watcher = threading.Thread(target=look)
    watcher.start()
    for n in range(1, 60):
        with atomic_folder(out, overwrite=True) as place:
            (place / "a").write_text(str(n))
    done.set()
    watcher.join()
    assert len(set(seen)) > 5
    assert set(seen) <= {str(n) for n in range(60)}


def no_place_for_output(bench: Bench) -> None:
    """All before the model is looked for, and nothing is written anywhere else."""
    exam, none = bench.exam(), bench.tmp / "no-model"
    (bench.tmp / "file").write_text("mine")
    (bench.tmp / "dangling").symlink_to(bench.tmp / "gone")
    (bench.tmp / "circle").symlink_to("circle")
    before, here = contents(bench.tmp), set(Path.cwd().iterdir())
    for out, says in (
        (bench.tmp / "file", "file is a file: name a folder with -o"),
        (bench.tmp / "file" / "deep" / "out", "file is a file: name a folder with -o"),
        (bench.tmp / "dangling" / "out", "dangling"),
        (bench.tmp / "circle", "circle is a link to nothing: name a folder with -o"),
        (bench.tmp / "in" / ("x" * 300), "name"),
    ):
        bench.refused(6, "PS-A105", says, exam, out, model=none)
    if Path("/proc/self").is_dir():
        bench.refused(6, "PS-A105", "cannot write out (", exam, Path("/proc/out"), model=none)
    assert contents(bench.tmp) == before
    assert set(Path.cwd().iterdir()) == here


def no_place_on_a_disk(bench: Bench) -> None:
    """A disk that is only read, and the root of a disk, which a finished folder cannot replace."""
    exam, none = bench.exam(), bench.tmp / "no-model"
    with mounted(bench.tmp / "read", kib=0, options="ro"):
        bench.refused(6, "PS-A105", "Read-only file system", exam, bench.tmp / "read" / "out", model=none)
    with mounted(bench.tmp / "root", kib=4096) as root:
        bench.refused(6, "PS-A105", "name a folder inside it", exam, root, model=none)
        check_writable(root / "out")
        assert list(root.iterdir()) == []


def disk_full(bench: Bench) -> None:
    """The former output stands; with room again the same command does its work."""
    exam = bench.exam()
    with mounted(bench.tmp / "disk", kib=1024) as disk:
        bench.former(disk / "out")
        before = contents(disk)
        for leave_kib, more in ((64, ["new"]), (0, ["out", "--overwrite"])):
            ballast = fill(disk, leave_kib=leave_kib)
            bench.refused(6, "PS-A106", "no space left while writing", exam, disk / more[0], *more[1:])
            assert contents(disk) == before
            ballast.unlink()
        assert bench.predict(exam, disk / "out", "--overwrite") == 0
        assert {p.name for p in disk.iterdir()} == {"out"}


def half_written(bench: Bench, seconds: float = 60) -> tuple[subprocess.Popen[str], Path]:
    """A prediction of another exam over an earlier one, paused half-way."""
    exam, out = bench.exam(seed=702), bench.tmp / "out"
    words = ["-i", exam, "-o", out, "-m", bench.run, "-d", "knee", "--device", "cpu", "-q", "--overwrite"]
    command = [sys.executable, "-c", SLOW, str(seconds), "--", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    (partial,) = bench.tmp.glob(".out.partial-*")
    assert partial.name.startswith(f".out.partial-{process.pid}-")
    assert [p.name for p in partial.iterdir()] == ["labels.nii.gz"]
    return process, out


def interrupted(bench: Bench, number: signal.Signals, status: int, says: str) -> None:
    out = bench.tmp / "out"
    before = bench.former(out)
    process, _ = half_written(bench)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (status, says)
    assert contents(out) == before
    assert sorted(p.name for p in bench.tmp.iterdir()) == ["in", "out"]


def interrupted_by_keyboard(bench: Bench) -> None:
    interrupted(bench, signal.SIGINT, 130, "pedseg_predict: interrupted")


def ended_from_outside(bench: Bench) -> None:
    interrupted(bench, signal.SIGTERM, 143, "")


def killed(bench: Bench) -> None:
    """Only the hidden folder stays, and whoever writes there next takes it away, even if that is refused."""
    out = bench.tmp / "out"
    before = bench.former(out)
    process, _ = half_written(bench)
    bench.refused(6, "PS-A104", "exists", bench.exam(), out)
    assert len(list(bench.tmp.glob(".out.partial-*"))) == 1, "its writer is alive"
    process.kill()
    process.communicate(timeout=60)
    assert contents(out) == before
    (partial,) = (p for p in bench.tmp.iterdir() if p.name not in {"in", "out"})
    assert partial.name.startswith(".out.partial-")
    bench.refused(6, "PS-A104", "exists", bench.exam(), out)
    assert sorted(p.name for p in bench.tmp.iterdir()) == ["in", "out"]


def one_bad_of_a_batch(bench: Bench) -> None:
    exam, out = bench.exam(), bench.tmp / "out"
    shutil.copyfile(exam, exam.with_name("other exam.nii.gz"))
    exam.with_name("broken.nii.gz").write_bytes(exam.read_bytes()[: exam.stat().st_size // 2])
    image, _ = make_exam(KNEE, 702)
    write_nifti(image.with_array(np.full(image.shape, 3, np.int16)), exam.with_name("flat.nii.gz"))
    assert bench.predict(exam.parent, out) == 7
    assert {p.name for p in out.iterdir()} == {"exam", "other_exam", "failed.json"}
    assert {p.name for p in (out / "exam").iterdir()} == {p.name for p in (out / "other_exam").iterdir()} == FILES
    failed = json.loads((out / "failed.json").read_text("utf-8"))
    assert {name: text.split(":")[0] for name, text in failed.items()} == {"broken": "PS-A80", "flat": "PS-A65"}
    assert "warning: broken: PS-A80" in bench.capsys.readouterr().err

    bench.refused(2, "PS-A120", "--echo", exam.parent, out, "--overwrite", "--echo", "1")
    assert (out / "failed.json").is_file(), "of the last batch that was done"
    for name in ("broken.nii.gz", "flat.nii.gz"):
        exam.with_name(name).unlink()
    assert bench.predict(exam.parent, out, "--overwrite") == 0
    assert {p.name for p in out.iterdir()} == {"exam", "other_exam"}


def output_in_input(bench: Bench) -> None:
    exam = bench.exam()
    (bench.tmp / "link").symlink_to(bench.tmp / "in")
    before = contents(bench.tmp)
    for source, out in (
        ("in", "in"),
        ("in", "in/deep/out"),
        ("in", "in/../in"),
        ("link", "in/out"),
        ("in", "link/out"),
        ("in/exam.nii.gz", "in/exam.nii.gz"),
    ):
        bench.refused(2, "PS-A109", "name a folder elsewhere with -o", bench.tmp / source, bench.tmp / out)
    assert contents(bench.tmp) == before
    bench.refused(2, "PS-A125", "no-model", exam, bench.tmp / "in" / "masks", model=bench.tmp / "no-model")


def input_in_output(bench: Bench) -> None:
    """An earlier result as the exam: --overwrite would take it away while it is read."""
    out = bench.tmp / "out"
    bench.former(out)
    (bench.tmp / "link.nii.gz").symlink_to(out / "labels.nii.gz")
    before = contents(out)
    for source in (out / "labels.nii.gz", bench.tmp / "link.nii.gz"):
        bench.refused(2, "PS-A109", "overlap", source, out, "--overwrite")
    write_dicom(make_exam(KNEE, 703)[0], bench.tmp / "all" / "a")
    (bench.tmp / "each").mkdir()
    (bench.tmp / "each" / "b").symlink_to(bench.tmp / "all" / "a")
    bench.refused(2, "PS-A109", "overlap", bench.tmp / "each", bench.tmp / "all" / "a", "--each")
    assert contents(out) == before


def evaluation_in_input(bench: Bench) -> None:
    labels = bench.tmp / "masks"
    for folder in (labels, bench.tmp / "references"):
        folder.mkdir()
        write_nifti(make_exam(KNEE, 700)[1], folder / "a.nii.gz")
    before = contents(bench.tmp)
    for out, status, code in ((labels, 6, "PS-A104"), (labels / "scores", 2, "PS-A109")):
        bench.capsys.readouterr()
        words = ["--predictions", str(labels), "--references", str(bench.tmp / "references")]
        assert evaluate([*words, "-d", "knee", "-o", str(out), "--overwrite", "-j", "1"]) == status
        assert bench.capsys.readouterr().err.startswith(f"pedseg_evaluate: {code}: ")
    assert contents(bench.tmp) == before


def names_for_any_disk(bench: Bench) -> None:
    """Names come from files, never from DICOM text; they are short, plain, and differ by more than case."""
    image, _ = make_exam(KNEE, 700)
    write_dicom(image, bench.tmp / "in" / ("patient" + "x" * 90), PatientName="Doe^Jane", SeriesDescription="a/b:c")
    write_dicom(image, bench.tmp / "in" / "Über, das <Knie>?", PatientName="Doe^Jane")
    assert bench.predict(bench.tmp / "in", bench.tmp / "hidden", "--each") == 0
    names = ("patient" + "x" * 90, "Über, das <Knie>?")
    hidden = {f"exam_{hashlib.sha256(name.encode()).hexdigest()[:8]}" for name in names}
    assert {p.name for p in (bench.tmp / "hidden").iterdir()} == hidden
    assert bench.predict(bench.tmp / "in", bench.tmp / "out", "--each", "--show-names") == 0
    assert {p.name for p in (bench.tmp / "out").iterdir()} == {"ber_das_Knie", "patient" + "x" * 57}
    labels = nib.load(bench.tmp / "out" / "ber_das_Knie" / "labels.nii.gz")
    assert bytes(labels.header["descrip"]).strip(b"\0") == b""


def names_that_a_disk_confuses(bench: Bench) -> None:
    """On FAT, NTFS and APFS the second of two such exams would stand in the place of the first."""
    for one, two in (("Knee", "knee"), ("a" * 70, "a" * 71), ("a b", "a_b"), ("failed.json", "x")):
        shutil.rmtree(bench.tmp / "in", ignore_errors=True)
        for name in (one, two):
            bench.exam(f"in/{name}.nii.gz")
        bench.refused(2, "PS-A99", "rename ", bench.tmp / "in", bench.tmp / "out", "--show-names")
        assert not (bench.tmp / "out").exists()


ROWS: dict[str, Callable[[Bench], None]] = {
    "104": output_exists,
    "104-survives": former_output_survives,
    "104-atomic": replaced_in_one_step,
    "105": no_place_for_output,
    "105-disk": no_place_on_a_disk,
    "106": disk_full,
    "107": interrupted_by_keyboard,
    "107-ended": ended_from_outside,
    "107-killed": killed,
    "108": one_bad_of_a_batch,
    "109": output_in_input,
    "109-swallowed": input_in_output,
    "109-evaluation": evaluation_in_input,
    "110": names_for_any_disk,
    "110-alike": names_that_a_disk_confuses,
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ROWS[row](Bench(tmp_path, tiny_run, capsys))


def test_the_working_folder_may_not_be_swapped_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one would be a fine output, but for the shell that stands in it."""
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    for out in (Path(), tmp_path, tmp_path / "link", Path("x/..")):
        with pytest.raises(OutputError, match=r"PS-A105: output .* is the working folder: name a folder inside it"):
            check_writable(out)


def test_a_disk_that_is_full_from_the_start_is_told_at_once(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", kib=64) as disk:
        for n in range(200):
            try:
                (disk / f"{n:0100}").mkdir()
            except OSError:
                break
        ballast = fill(disk, leave_kib=0)
        with pytest.raises(OutputError, match="PS-A106"), atomic_folder(disk / "out") as place:
            (place / "a").write_bytes(bytes(100))
        assert ballast.exists()
        assert not list(disk.glob(".out*"))
