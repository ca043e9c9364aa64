"""Privacy: a canary in every text tag, file name and folder name is in nothing that a command writes or says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from canaries import (
    DATED,
    TEXT,
    WORD,
    canary,
    hits,
    in_bytes,
    in_text,
    mark_nifti,
    mark_nnunet,
    unpacked,
    write_marked,
    write_marked_enhanced,
    write_marked_seg,
)
from pydicom import DataElement, dcmread
from tiny import change_plan, make_exam

import pedseg_evaluate.__main__
import pedseg_plan.__main__
import pedseg_predict.__main__
import pedseg_preprocess.__main__
import pedseg_train.__main__
from pedseg.domains import load_domains
from pedseg.volumes.nifti import write_nifti

(KNEE,) = load_domains(["knee"])
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
Say = Callable[..., str]


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Say:
    """Run a command's main() with -v; what it said on either stream, in which no canary is."""

    def run(main: Callable[[list[str]], int], *words: object, status: int = 0) -> str:
        capfd.readouterr()
        code = main([*map(str, words), "-v"])
        out, err = capfd.readouterr()
        assert code == status, out + err
        assert in_text(out + err) == []
        return out + err

    return run


def make_raw(root: Path) -> None:
    """Three exams: DICOM with a DICOM SEG, NIfTI, NIfTI with a case.json."""
    raw = root / "raw" / "knee"
    labels = write_marked(raw / "knee_0" / "dicom", KNEE, 0)
    write_marked_seg(raw / "knee_0" / "labels.dcm", labels, KNEE)
    for n in (1, 2):
        for volume, name in zip(make_exam(KNEE, n, slices=12), ("image", "labels"), strict=True):
            write_nifti(volume, raw / f"knee_{n}" / f"{name}.nii.gz")
            mark_nifti(raw / f"knee_{n}" / f"{name}.nii.gz")
    (raw / "knee_2" / "case.json").write_text(f'{{"patient": "p2", "comment": "{canary("note")}"}}', "utf-8")


def test_the_canaries_are_in_the_input(tmp_path: Path) -> None:
    """What the search cannot find would be no proof."""
    make_raw(tmp_path)
    write_marked_enhanced(tmp_path / "enhanced")
    found = hits(tmp_path)
    assert sum(line.startswith("inside ") for line in found) == 12 + 1 + 4 + 1 + 1
    assert sum(line.startswith("name of ") for line in found) == 1 + 12 + 1


@pytest.mark.parametrize("write", [lambda folder: write_marked(folder, KNEE, 0), write_marked_enhanced])
def test_every_kind_of_text_is_in_a_file_and_is_found(write: Callable[[Path], object], tmp_path: Path) -> None:
    write(tmp_path / "exam")
    ds = dcmread(min(tmp_path.rglob("*.dcm")))
    held = [e for e in (*ds.file_meta, *ds) if e.VR in TEXT | DATED.keys() and any(map(in_bytes, texts(e)))]
    assert len({e.tag for e in held if not e.is_private}) >= 1750
    assert {e.VR for e in held} == TEXT | DATED.keys()
    assert {e.tag.group for e in held} >= {0x0002, 0x4000, 0x5000, 0x6000}


def texts(element: DataElement) -> list[bytes]:
    """The values of a tag."""
    return [str(v).encode() for v in ([element.value] if element.VM == 1 else element.value)]


def test_prediction_shows_and_writes_no_canary(tmp_path: Path, tiny_run: Path, said: Say) -> None:
    """One exam, a folder of them, an enhanced file, an image file; and each into failure with --debug."""
    above = tmp_path / canary("above")
    exams, out = above / canary("exams"), above / "out"
    for n in (7, 8):
        write_marked(exams / canary("exam", n), KNEE, n)
    write_marked_enhanced(above / canary("one"))
    write_nifti(make_exam(KNEE, 9, slices=12)[0], above / f"{canary('image')}.nii.gz")
    mark_nifti(above / f"{canary('image')}.nii.gz")
    predict = (pedseg_predict.__main__.main, "--device", "cpu", "-m", tiny_run, "-d", "knee")
    said(*predict, "-i", exams / canary("exam", 7), "-o", out / "single")
    said(*predict, "-i", exams, "--each", "-o", out / "each")
    said(*predict, "-i", above / canary("one"), "-o", out / "enhanced")
    said(*predict, "-i", above / f"{canary('image')}.nii.gz", "-o", out / "nifti")
    assert len({p.name for p in (out / "each").iterdir() if re.fullmatch("exam_[0-9a-f]{8}", p.name)}) == 2
    assert hits(out) == []

    first = next((exams / canary("exam", 8)).rglob("*.dcm"))
    first.write_bytes(first.read_bytes()[:-100])
    said(*predict, "-i", exams, "--each", "-o", out / "each", "--overwrite", "--debug", status=7)
    text = said(*predict, "-i", exams / canary("exam", 8), "-o", out / "bad", "--debug", status=3)
    assert re.search(r"PS-A08: #1/#\d+: \d+ of \d+ pixel bytes", text), text
    damaged = above / f"{canary('image')}.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    said(*predict, "-i", damaged, "-o", out / "bad", "--debug", status=3)
    said(*predict, "-i", above / canary("nothing"), "-o", out / "bad", "--debug", status=2)
    assert hits(out) == []


@pytest.mark.slow
def test_no_command_shows_or_writes_a_canary(tmp_path: Path, said: Say) -> None:
    """From plan to report, then preparation into failure."""
    above = tmp_path / canary("above")
    root = above / "workspace"
    make_raw(root)
    place = ("-w", root)
    shape = ("--preset", "demo", "--window", 32, "--epochs", 1, "--batch", 4, "--encoder-weights", "none")
    plan = (pedseg_plan.__main__.main, "-d", "knee", *shape, "-j", 1, *place)
    said(*plan)
    change_plan(root, network={"channels": (8, 8, 8, 8, 8)})
    said(pedseg_preprocess.__main__.main, "-j", 1, *place)
    said(pedseg_train.__main__.main, 0, "--device", "cpu", *place)
    said(pedseg_train.__main__.main, 0, "--device", "cpu", *place)  # finished: it says where
    said(pedseg_predict.__main__.main, "-i", root / "raw/knee/knee_0/dicom", "-o", above / "out", *place)
    said(pedseg_evaluate.__main__.main, "--run", "main", "-j", 1, "-o", above / "scores", *place)
    masks, references = above / "masks" / canary("masks"), above / "references" / canary("references")
    for folder in (masks, references):
        write_nifti(make_exam(KNEE, 1, slices=12)[1], folder / "knee_1.nii.gz")
        mark_nifti(folder / "knee_1.nii.gz")
    compare = ("--predictions", masks, "--references", references, "-d", "knee", "--names", "ours")
    said(pedseg_evaluate.__main__.main, *compare, "-j", 1, "-o", above / "compared", *place)
    assert [hits(above / name) for name in ("out", "scores", "compared")] == [[], [], []]
    assert hits(root, without=("raw",)) == []

    first = next((root / "raw/knee/knee_0/dicom").rglob("*.dcm"))
    first.write_bytes(first.read_bytes()[:-100])
    said(pedseg_preprocess.__main__.main, "-j", 2, "--debug", *place, status=7)
    said(*plan, "--overwrite", "--debug", status=3)
    said(pedseg_evaluate.__main__.main, "--predictions", above / canary("gone") / "masks", "-o", above / "x", status=2)
    assert hits(root, without=("raw",)) == []


def test_a_fault_of_pedseg_prints_a_traceback_without_what_it_quotes(
    tmp_path: Path, tiny_run: Path, said: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pedseg.inference

    def faulty(*_: object, **__: object) -> None:
        try:
            int(canary("value"))
        except ValueError as error:
            raise KeyError(canary("key")) from error

    write_marked(tmp_path / canary("exam"), KNEE, 9)
    monkeypatch.setattr(pedseg.inference, "predict_volume", faulty)
    words = ("-i", tmp_path / canary("exam"), "-o", tmp_path / "out", "-m", tiny_run, "-d", "knee", "--device", "cpu")
    text = said(pedseg_predict.__main__.main, *words, status=1)
    assert text.count("Traceback (most recent call last)") == 2
    assert "in faulty" in text
    assert "KeyError" in text


def test_names_are_shown_where_that_is_asked(
    tmp_path: Path, tiny_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_marked(tmp_path / "in" / canary("exam"), KNEE, 9)
    words = ("-i", tmp_path / "in", "-o", tmp_path / "out", "-m", tiny_run, "-d", "knee", "--device", "cpu")
    assert pedseg_predict.__main__.main([*map(str, words), "--each", "--show-names"]) == 0
    assert WORD in capfd.readouterr().out
    assert [p.name for p in (tmp_path / "out").iterdir()] == [canary("exam").replace("^", "_")]


def test_an_nnunet_dataset_tells_its_labels_only(tmp_path: Path, said: Say) -> None:
    data = tmp_path / canary("nnU-Net") / "Dataset001"
    for n in range(2):
        for volume, name in zip(make_exam(KNEE, n, slices=12), ("imagesTr/c_{}_0000", "labelsTr/c_{}"), strict=True):
            path = data / f"{name.format(n)}.nii.gz"
            write_nifti(volume, path)
            mark_nifti(path)
    mark_nnunet(data, dict(KNEE.labels))
    shape = ("--preset", "demo", "--window", 32, "--epochs", 1, "--encoder-weights", "none", "-j", 1)
    said(pedseg_plan.__main__.main, "-d", f"knee={data}", *shape, "-w", tmp_path / "workspace")
    said(pedseg_preprocess.__main__.main, "-j", 1, "-w", tmp_path / "workspace")
    allowed = {"inside plans/default/knee.json"}  # where the exams are, for the commands that read them
    assert set(hits(tmp_path / "workspace")) <= allowed


def test_the_search_looks_into_packed_files(tmp_path: Path) -> None:
    import base64
    import gzip
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("data.pkl", gzip.compress(f"x{WORD}y".encode()))
    packed = (tmp_path / "a.pt").read_bytes()
    assert not in_bytes(packed)
    page = b'<img src="data:x;base64,' + base64.b64encode(packed) + b'">'
    assert any(in_bytes(part) for part in unpacked(page))
