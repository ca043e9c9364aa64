"""A zip is unpacked whole, into a private folder that goes away, or not at all."""

from __future__ import annotations

import random
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from mr_series import write_series

from pedseg import archives
from pedseg.archives import is_zip, unpacked
from pedseg.dicom import read_volume
from pedseg.errors import InputError, ModelError, OutputError, PedsegError
from pedseg_predict.__main__ import main

MIB = 1 << 20


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folders are made; after every test it must be empty."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def zipped(path: Path, members: dict[str, bytes], *, packed: int = zipfile.ZIP_DEFLATED) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", packed) as archive:
        warnings.simplefilter("ignore")  # of equal names
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def with_member(path: Path, change: Callable[[zipfile.ZipInfo], None], data: bytes = b"x") -> Path:
    member = zipfile.ZipInfo("im1")
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    change(member)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, data)
    return path


def twice(path: Path) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("im1", b"a")
        archive.writestr("im1", b"b")
    return path


def patched(path: Path, old: bytes, new: bytes) -> Path:
    """Bytes of equal length in place of others, in the local header and in the directory."""
    data = path.read_bytes()
    assert len(old) == len(new)
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def understated(path: Path) -> Path:
    """4 MiB whose headers say 16 bytes."""
    zipped(path, {"im1": bytes(4 * MIB)})
    return patched(path, struct.pack("<I", 4 * MIB), struct.pack("<I", 16))


def encrypted(path: Path) -> Path:
    """The flag in both headers."""
    data = bytearray(zipped(path, {"im1": b"x"}).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    return path


def overlapping(path: Path) -> Path:
    """Two names for one packed member."""
    data = zipped(path, {"im1": b"x" * 100, "im2": b"x" * 100}).read_bytes()
    at = data.rindex(b"PK\1\2") + 42
    path.write_bytes(data[:at] + bytes(4) + data[at + 4 :])
    return path


def mode(kind: int) -> Callable[[zipfile.ZipInfo], None]:
    def change(member: zipfile.ZipInfo) -> None:
        member.external_attr = (kind | 0o777) << 16

    return change


def hard_link(member: zipfile.ZipInfo) -> None:
    member.extra = struct.pack("<HH", 0x000D, 18) + bytes(12) + b"target"


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "absolute": (lambda p: zipped(p, {"/im1": b"x"}), "not relative"),
    "upwards": (lambda p: zipped(p, {"a/../../im1": b"x"}), "leads out"),
    "only dots": (lambda p: zipped(p, {"..": b"x"}), "leads out"),
    "a drive letter": (lambda p: zipped(p, {"C:im1": b"x"}), "not relative"),
    "a backslash": (lambda p: zipped(p, {"a\\im1": b"x"}), "not relative"),
    "a NUL": (lambda p: patched(zipped(p, {"im1_evil": b"x"}), b"im1_evil", b"im1\0evil"), "not relative"),
    "a link": (lambda p: with_member(p, mode(stat.S_IFLNK), b"/etc/passwd"), "link or a device"),
    "a device": (lambda p: with_member(p, mode(stat.S_IFCHR)), "link or a device"),
    "a pipe": (lambda p: with_member(p, mode(stat.S_IFIFO)), "link or a device"),
    "a hard link": (lambda p: with_member(p, hard_link), "link or a device"),
    "encrypted": (encrypted, "encrypted"),
    "two of one name": (twice, "two files in it have one name \\(im1\\)"),
    "names that differ in case": (lambda p: zipped(p, {"a/Im1": b"a", "A/im1": b"b"}), "have one name"),
    "names that differ in accents": (lambda p: zipped(p, {"e\u0301": b"a", "\u00e9": b"b"}), "have one name"),
    "a file that is a folder": (lambda p: zipped(p, {"a": b"a", "a/b": b"b"}), "is a folder too"),
    "a long name": (lambda p: zipped(p, {"骨" * 90: b"a"}), "too long or too deep"),
    "a deep name": (lambda p: zipped(p, {"a/" * 40 + "b": b"a"}), "too long or too deep"),
    "too many files": (lambda p: zipped(p, {f"im{i}": b"" for i in range(201)}), "201 files, at most 200"),
    "bzip2": (lambda p: zipped(p, {"im1": b"x"}, packed=zipfile.ZIP_BZIP2), "otherwise than by deflate"),
    "lzma": (lambda p: zipped(p, {"im1": b"x"}, packed=zipfile.ZIP_LZMA), "otherwise than by deflate"),
    "a bomb": (lambda p: zipped(p, {"im1": bytes(8 * MIB)}), "\\(im1\\) grows to more than 200 times"),
    "many small bombs": (lambda p: zipped(p, {f"im{i}": bytes(MIB) for i in range(99)}), "its files grow beyond"),
    "a size that lies": (understated, "damaged"),
    "overlapping members": (overlapping, "damaged|two files"),
    "a wrong checksum": (lambda p: patched(zipped(p, {"a": b"grey"}, packed=0), b"grey", b"gray"), "damaged"),
    "cut": (lambda p: p.write_bytes(zipped(p, {"im1": b"grey" * 99}).read_bytes()[:-30]) and p, "damaged or no zip"),
    "no zip": (lambda p: p.write_bytes(b"no zip" * 99) and p, "damaged or no zip"),
    "empty": (lambda p: p.write_bytes(b"") or p, "damaged or no zip"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_refused_and_nothing_left(fault: str, tmp_path: Path, temporary: Path) -> None:
    build, says = BAD[fault]
    path = build(tmp_path / "run.zip")
    with pytest.raises(ModelError, match=says) as refused, unpacked(path, "model"):
        pytest.fail("unpacked")
    assert refused.value.code == "PS-A154"
    assert "\n" not in str(refused.value)
    assert list(temporary.iterdir()) == []
    assert {p.name for p in tmp_path.iterdir()} == {"run.zip", "temporary"}


def test_a_refused_exam_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"exam\.zip is not unpacked") as refused, unpacked(
        zipped(tmp_path / "exam.zip", {"../im1": b"x"}), "exam"
    ):
        pytest.fail("unpacked")
    assert refused.value.code == "PS-A153"


@pytest.mark.parametrize(
    ("name", "told"), [("knee_03.zip", "knee_03.zip"), (f"Doe_Jane_19700101{80 * 'x'}.zip", "the zip")]
)
def test_a_name_that_may_be_a_patient_s_is_not_told(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no zip")
    with pytest.raises(InputError, match=f"PS-A153: {told} is not unpacked"), unpacked(tmp_path / name, "exam"):
        pass


@pytest.mark.parametrize(("kind", "error"), [("exam", InputError), ("model", ModelError)])
def test_a_zip_that_cannot_be_read_is_no_fault_of_the_output(
    kind: archives.Kind, error: type[PedsegError], tmp_path: Path
) -> None:
    says = r"is not unpacked: it cannot be read \(Is a directory\)"
    with pytest.raises(error, match=says), unpacked(tmp_path, kind):
        pytest.fail("unpacked")


def test_unpacked_privately_and_gone_afterwards(tmp_path: Path, temporary: Path) -> None:
    members = {"a/b/im1": b"one" * 999, "im 2 骨": b"two", "empty": b"", "bare/": b""}
    with unpacked(zipped(tmp_path / "my exam.zip", members), "exam") as folder:
        assert folder.name == "my_exam"
        files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        assert {name: path.read_bytes() for name, path in files.items()} == {
            name: data for name, data in members.items() if not name.endswith("/")
        }
        assert {stat.S_IMODE(p.stat().st_mode) for p in files.values()} == {0o600}
        assert [stat.S_IMODE(p.stat().st_mode) for p in temporary.iterdir()] == [0o700]
    assert list(temporary.iterdir()) == []


def test_gone_after_an_error_of_the_reader(tmp_path: Path, temporary: Path) -> None:
    with pytest.raises(KeyError), unpacked(zipped(tmp_path / "exam.zip", {"im1": b"x"}), "exam"):
        raise KeyError
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "wanted"), [("main/fold_0/run.json", "main"), ("fold_0/run.json", "run"), ("configs/plan.json", "run")]
)
def test_the_folder_given_is_the_one_that_holds_the_folds(name: str, wanted: str, tmp_path: Path) -> None:
    with unpacked(zipped(tmp_path / "run.zip", {name: b"{}"}), "model") as folder:
        assert folder.name == wanted


def test_a_large_zip_of_ordinary_data_passes(tmp_path: Path) -> None:
    data = random.Random(0).randbytes(3 * MIB)
    with unpacked(zipped(tmp_path / "exam.zip", {"im1": data, "blank": bytes(MIB)}), "exam") as folder:
        assert (folder / "im1").read_bytes() == data


def test_a_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "_created", full)
    with pytest.raises(OutputError, match="no space left"), unpacked(zipped(tmp_path / "e.zip", {"a": b"x"}), "exam"):
        pytest.fail("unpacked")


def test_a_directory_of_millions_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MAX_DIRECTORY", 1000)
    path = zipped(tmp_path / "e.zip", {f"im{i}": b"" for i in range(99)})
    with pytest.raises(InputError, match="directory is longer"), unpacked(path, "exam"):
        pytest.fail("unpacked")


def test_changed_zips_are_unpacked_or_refused(tmp_path: Path) -> None:
    draw = random.Random(1)
    good = zipped(tmp_path / "good.zip", {"a/im1": b"one" * 99, "im2": draw.randbytes(300)}).read_bytes()
    path = tmp_path / "exam.zip"
    refused = 0
    for _ in range(400):
        data = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data[: draw.choice([len(data), len(data), draw.randrange(len(data))])])
        try:
            with unpacked(path, "exam") as folder:
                assert all(p.is_relative_to(folder) for p in folder.rglob("*"))
        except PedsegError:
            refused += 1
    assert refused > 200


def test_what_a_killed_process_had_unpacked_goes_with_the_next(tmp_path: Path, temporary: Path) -> None:
    path = zipped(tmp_path / "exam.zip", {"im1": b"voxels"})
    code = (
        "import os, sys, tempfile; from pathlib import Path; from pedseg.archives import unpacked\n"
        f"tempfile.tempdir = {str(temporary)!r}\n"
        f"with unpacked(Path({str(path)!r}), 'exam'): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (left,) = temporary.iterdir()
    assert [file.read_bytes() for file in left.rglob("im1")] == [b"voxels"]
    with unpacked(path, "exam") as folder, unpacked(path, "exam") as other:
        assert not left.exists()
        assert (folder / "im1").read_bytes() == (other / "im1").read_bytes() == b"voxels"


def test_only_a_file_that_is_called_so_is_a_zip(tmp_path: Path) -> None:
    (tmp_path / "folder.zip").mkdir()
    assert is_zip(zipped(tmp_path / "Exam.ZIP", {}))
    assert not any(map(is_zip, (tmp_path / "folder.zip", tmp_path / "none.zip", None)))


def test_an_exam_and_a_model_are_predicted_out_of_zips(tiny_run: Path, tmp_path: Path) -> None:
    series = write_series(tmp_path / "in" / "IM")
    exam = shutil.make_archive(str(tmp_path / "exam"), "zip", tmp_path / "in")
    model = shutil.make_archive(str(tmp_path / "model"), "zip", tiny_run.parent, tiny_run.name)
    flags = ["-d", "knee", "--device", "cpu"]
    assert main(["-i", exam, "-m", model, "-o", str(tmp_path / "zips"), *flags]) == 0
    assert main(["-i", str(series), "-m", str(tiny_run), "-o", str(tmp_path / "folders"), *flags]) == 0
    masks = [(tmp_path / out / "labels.nii.gz").read_bytes() for out in ("zips", "folders")]
    assert masks[0] == masks[1]
    assert read_volume(series).shape == (40, 48, 16)


@pytest.mark.parametrize(("flag", "code"), [("-i", 3), ("-m", 5)])
def test_a_hostile_zip_ends_a_prediction(
    flag: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = str(zipped(tmp_path / "bad.zip", {"../../etc/passwd": b"x"}))
    places = {"-i": str(write_series(tmp_path / "in")), "-m": str(tmp_path), "-o": str(tmp_path / "out"), flag: bad}
    assert main([word for pair in places.items() for word in pair]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
