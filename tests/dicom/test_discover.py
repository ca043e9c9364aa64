"""Files and folders: one test for each fault of the catalogue, named by its row."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mr_series import GRID, Grid, image, place_error_mm, save, uid, write_series
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from pedseg.dicom import ReadOptions, discover, read_volume
from pedseg.errors import PedsegError

RIGHT_MM = 0.02
"""Rounding of the grey values to whole numbers reads as up to 0.01 mm."""


def empty(folder: Path) -> None:
    folder.mkdir()


def only_text(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.txt").write_text("no image")
    (folder / "b.json").write_text("{}")


def clutter(folder: Path) -> None:
    write_series(folder)
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" * 40)
    (folder / "report.pdf").write_bytes(b"%PDF-1.4" * 40)
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"\x02\0\0\0UL\4\0\xff\xff\xff\x7f")


def zero_bytes_beside(folder: Path) -> None:
    write_series(folder)
    (folder / "im9999").touch()


def zero_bytes_instead(folder: Path) -> None:
    write_series(folder)
    (folder / "im0007").write_bytes(b"")


def dangling_link(folder: Path) -> None:
    write_series(folder)
    (folder / "im0017").symlink_to(folder / "nowhere")


def cut(folder: Path, n: int) -> None:
    data = (write_series(folder) / "im0015").read_bytes()
    (folder / "im0015").write_bytes(data[:n])


def cut_pixels(folder: Path) -> None:
    cut(folder, -1000)


def cut_header(folder: Path) -> None:
    cut(folder, -3900)


def cut_early(folder: Path) -> None:
    cut(folder, 300)


def cut_in_meta(folder: Path) -> None:
    cut(folder, 160)


def no_preamble(folder: Path) -> None:
    for path in write_series(folder).iterdir():
        path.write_bytes(path.read_bytes()[132:])


def no_meta_either(folder: Path) -> None:
    folder.mkdir()
    for k in range(GRID.n):
        image(GRID, k).save_as(folder / f"{k}", implicit_vr=bool(k % 2), little_endian=True)


def dicomdir(folder: Path) -> None:
    """A valid directory record that points outside: it must not be followed."""
    write_series(folder)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    ds.file_meta.MediaStorageSOPInstanceUID = uid("directory")
    record = Dataset()
    record.ReferencedFileID = ["OUTSIDE", "SECRET"]
    record.DirectoryRecordType = "IMAGE"
    ds.DirectoryRecordSequence = [record]
    ds.save_as(folder / "DICOMDIR", enforce_file_format=True)


def nested(folder: Path) -> None:
    write_series(folder)
    for n, path in enumerate(sorted(folder.iterdir())):
        deep = folder.joinpath(*"abcdefghijkl"[: n % 13])
        deep.mkdir(parents=True, exist_ok=True)
        path.rename(deep / path.name)


def odd_names(folder: Path) -> None:
    folder = folder / "Études été 骨 spa ce"
    write_series(folder)
    names = ["a" * 255, "new\nline", "\x1b[31m", "-rf", " ", "é.dcm", "骨"]
    for name, path in zip(names, sorted(folder.iterdir()), strict=False):
        path.rename(folder / name)


def links(folder: Path) -> None:
    """Files by links; folders that loop, and that lead out of the root."""
    outside = folder.with_name("outside")
    write_series(outside)
    write_series(folder.with_name("other"), SeriesInstanceUID=uid("other"))
    folder.mkdir()
    for path in outside.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "loop").symlink_to(folder)
    (folder / "away").symlink_to(folder.with_name("other"))
    os.mkfifo(folder / "pipe")


def lossy(folder: Path) -> None:
    write_series(folder, LossyImageCompression="01")


def mpeg(folder: Path) -> None:
    def change(_k: int, ds: Dataset) -> Dataset:
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = MPEG2MPML
        ds.PixelData = b"\xfe\xff\x00\xe0" + bytes(4) + b"\xfe\xff\x00\xe0\4\0\0\0abcd\xfe\xff\xdd\xe0" + bytes(4)
        ds["PixelData"].is_undefined_length = True
        ds["PixelData"].VR = "OB"
        return ds

    write_series(folder, change)


def cut_compressed(syntax):
    """A writer of the series in which the compressed pixels of one slice are cut."""

    def write(folder: Path) -> None:
        def change(_k: int, ds: Dataset) -> Dataset:
            ds.file_meta = FileMetaDataset()
            ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            ds.compress(syntax, generate_instance_uid=False)
            return ds

        path = write_series(folder, change) / "im0015"
        path.write_bytes(path.read_bytes()[:-60])

    return write


def cut_deflated(folder: Path) -> None:
    write_series(folder)
    path = save(image(GRID, 14), folder / "im0015", DeflatedExplicitVRLittleEndian)
    path.write_bytes(path.read_bytes()[:-60])


def packed_but_native(folder: Path) -> None:
    """Fragments under a transfer syntax that has none."""
    path = write_series(folder) / "im0015"
    data = path.read_bytes()
    at = data.rindex(b"\xe0\x7f\x10\x00OW") + 8
    path.write_bytes(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])


def private_syntax(folder: Path) -> None:
    write_series(folder)
    for path in folder.iterdir():
        data = path.read_bytes()
        path.write_bytes(data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.1\0", 1))


@pytest.mark.parametrize(
    ("write", "notices"),
    [
        pytest.param(write_series, set(), id="01"),
        pytest.param(clutter, set(), id="05"),
        pytest.param(zero_bytes_beside, {"PS-W06"}, id="06"),
        pytest.param(no_preamble, {"PS-W10"}, id="10"),
        pytest.param(no_meta_either, {"PS-W10"}, id="10-no-meta"),
        pytest.param(dicomdir, set(), id="11"),
        pytest.param(nested, set(), id="12"),
        pytest.param(odd_names, set(), id="13"),
        pytest.param(links, set(), id="14"),
        pytest.param(lossy, {"PS-W18"}, id="18"),
    ],
)
def test_readable_folders(write, notices, tmp_path):
    """All sixteen slices come back, each voxel where its grey value says."""
    write(tmp_path / "exam")
    volume = read_volume(tmp_path / "exam")
    assert volume.shape == (GRID.columns, GRID.rows, GRID.n)
    assert np.abs(volume.affine - GRID.ras).max() <= 1e-8
    assert place_error_mm(volume) < RIGHT_MM
    assert {n.code for n in volume.notices} == notices


@pytest.mark.parametrize(
    ("write", "code", "says"),
    [
        pytest.param(empty, "PS-A02", "0 files", id="02"),
        pytest.param(lambda _: None, "PS-A03", "check the path", id="03"),
        pytest.param(only_text, "PS-A04", "2 files, 2 not DICOM", id="04"),
        pytest.param(zero_bytes_instead, "PS-A36", "between slice 6 and 7 of 15: 1 image missing", id="06-gap"),
        pytest.param(dangling_link, "PS-A07", "im0017 cannot be read", id="07"),
        pytest.param(cut_pixels, "PS-A08", "im0015: 2840 of 3840 pixel bytes", id="08"),
        pytest.param(cut_header, "PS-A08", "im0015 ends before its pixel data", id="09"),
        pytest.param(cut_early, "PS-A08", "im0015 ends before its series", id="09-early"),
        pytest.param(cut_in_meta, "PS-A08", "im0015 ends before its series", id="09-meta"),
        pytest.param(cut_compressed(RLELossless), "PS-A08", "im0015: its compressed", id="08-rle"),
        pytest.param(cut_compressed(JPEGLSLossless), "PS-A08", "im0015: its compressed", id="08-jpegls"),
        pytest.param(cut_compressed(JPEG2000Lossless), "PS-A08", "im0015: its compressed", id="08-jpeg2000"),
        pytest.param(cut_deflated, "PS-A08", "im0015 ends before", id="08-deflated"),
        pytest.param(packed_but_native, "PS-A121", "im0015: its pixels are packed", id="16-packed"),
        pytest.param(mpeg, "PS-A17", "MPEG2", id="19"),
        pytest.param(private_syntax, "PS-A17", "1.2.840.99999.1.2.1 is not supported", id="19-private"),
    ],
)
def test_refused_folders(write, code, says, tmp_path):
    """The code of the catalogue, and a line that names file and fault."""
    write(tmp_path / "exam")
    with pytest.raises(PedsegError, match=says) as refusal:
        read_volume(tmp_path / "exam")
    assert refusal.value.code == code
    assert "\n" not in str(refusal.value)
    assert "ZZPHI" not in str(refusal.value)


@pytest.mark.parametrize("name", [pytest.param("notes.txt", id="03-file"), pytest.param("im0001", id="40-file")])
def test_a_single_file_is_read_as_it_is(name, tmp_path):
    write_series(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(PedsegError) as refusal:
        read_volume(tmp_path / name)
    assert refusal.value.code == {"notes.txt": "PS-A04", "im0001": "PS-A40"}[name]


def test_unreadable_files_are_skipped_only_when_asked(tmp_path):
    """Row 07."""
    dangling_link(tmp_path / "exam")
    volume = read_volume(tmp_path / "exam", options=ReadOptions(skip_unreadable=True))
    assert volume.shape[2] == GRID.n
    assert discover(tmp_path / "exam", skip_unreadable=True).skipped == {"unreadable": 1}


def test_what_is_passed_over_is_counted(tmp_path):
    """Rows 05, 11 and 14."""
    links(tmp_path / "exam")
    clutter(tmp_path / "exam" / "more")
    found = discover(tmp_path / "exam")
    assert found.skipped["linked folder"] == 2
    assert found.skipped["not a regular file"] == 1
    assert found.skipped["not DICOM"] == 2
    assert found.skipped["DICOMDIR"] == 1


def test_a_large_folder_is_listed_quickly(tmp_path):
    """Row 15: 400 files in 8 series; the header pass reads no pixels and stays near linear."""
    for series in range(8):
        write_series(tmp_path / f"s{series}", grid=Grid(n=50), SeriesInstanceUID=uid(series), SeriesNumber=series + 1)
    start = time.process_time()
    found = discover(tmp_path)
    seconds = time.process_time() - start
    assert [(s.index, s.number, s.n_slices) for s in found.series] == [(i, i, 50) for i in range(1, 9)]
    assert found.series[0].matrix == (40, 48)
    assert found.series[0].spacing_mm == pytest.approx((0.25, 0.30, 0.8), abs=1e-8)
    assert (found.series[0].body_part, found.series[0].modality) == ("KNEE", "MR")
    assert seconds < 400 / 200, "below 200 files a second even on a slow machine"


@pytest.mark.parametrize(
    "syntax",
    [
        pytest.param(ImplicitVRLittleEndian, id="16-implicit"),
        pytest.param(ExplicitVRBigEndian, id="16-big-endian"),
        pytest.param(DeflatedExplicitVRLittleEndian, id="16-deflated"),
        pytest.param(RLELossless, id="17-rle"),
        pytest.param(JPEG2000Lossless, id="17-jpeg2000"),
        pytest.param(JPEGLSLossless, id="17-jpegls"),
    ],
)
def test_every_lossless_transfer_syntax_gives_the_same_volume(syntax, tmp_path):
    write_series(tmp_path / "plain")

    def encode(_k: int, ds: Dataset) -> Dataset:
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        if syntax.is_encapsulated:
            ds.compress(syntax, generate_instance_uid=False)
        ds.file_meta.TransferSyntaxUID = syntax
        return ds

    write_series(tmp_path / "coded", encode)
    plain, coded = read_volume(tmp_path / "plain"), read_volume(tmp_path / "coded")
    assert coded.array.dtype == plain.array.dtype == np.uint16
    assert np.array_equal(coded.array, plain.array)
    assert np.array_equal(coded.affine, plain.affine)


def test_a_deflate_bomb_is_refused_before_it_grows(tmp_path):
    """Row 16: 512 MiB of zeros in half a megabyte."""
    import zlib

    save(image(GRID, 0), tmp_path / "whole", DeflatedExplicitVRLittleEndian)
    data = (tmp_path / "whole").read_bytes()
    (tmp_path / "whole").unlink()
    meta = 132 + 12 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = block * 32 + packer.flush()
    (tmp_path / "bomb").write_bytes(data[:meta] + packed)
    with pytest.raises(PedsegError) as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == "PS-A08"


def test_a_missing_decoder_is_named(tmp_path):
    """Row 17, in a process where no JPEG 2000 decoder can be imported."""

    def encode(_k: int, ds: Dataset) -> Dataset:
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.compress(JPEG2000Lossless, generate_instance_uid=False)
        return ds

    write_series(tmp_path, encode, grid=Grid(n=8))
    program = (
        "import sys\n"
        "for name in ('pylibjpeg', 'PIL', 'gdcm'): sys.modules[name] = None\n"
        "from pedseg.dicom import read_volume\n"
        f"read_volume({str(tmp_path)!r})"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "PS-A17" in ran.stderr
    assert "pip install 'pedseg[codecs]'" in ran.stderr
