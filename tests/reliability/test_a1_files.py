"""Section A1 of the catalogue: files and folders."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import a1_faults as build
import numpy as np
import pytest
import SimpleITK
from dicom_rows import DicomRow, check
from mr_series import GRID, Grid, image, place_error_mm, save, uid, write_series
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from pedseg.dicom import ReadOptions, discover, read_volume, tree
from pedseg.errors import InputError, PedsegError, UsageError
from pedseg.storage.inputs import find_exams, read_exam
from pedseg.volumes.nifti import write_nifti

SKIP = {"options": ReadOptions(skip_unreadable=True)}
SYSTEM_FILE = "/sys/class/net/lo/speed"
"""A regular file of 4096 bytes that Linux refuses to read, also to root."""

ROWS = (
    DicomRow("1", "a clean oblique series", write_series),
    DicomRow("2", "an empty folder", build.nothing, "PS-A02", r"no DICOM image in exam \(0 files\)"),
    DicomRow("3", "no such path", build.nothing, "PS-A03", "no file or folder at the path given", within="nowhere"),
    DicomRow("3-text", "a file without image", build.files(a_txt=b"no image"), "PS-A04", "1 files", within="a.txt"),
    DicomRow("3-slice", "one file of a series", write_series, "PS-A40", "localizer-like: 1 slices", within="im0001"),
    DicomRow(
        "4", "no DICOM file", build.files(a_txt=b"no", b_txt=b"no", c_json=b"{}", noending=b"no", D_Doe=b"no"),
        "PS-A04", r"no MR image in exam: 5 files, 5 not DICOM \(1 .json, 2 .txt, 1 other, 1 without ending\)",
    ),
    DicomRow(
        "4-gz", "every slice zipped", build.zipped_one_by_one, "PS-A04", r"16 files, 16 not DICOM \(16 .gz\)"
    ),
    DicomRow("5", "files of systems beside the series", build.clutter),
    DicomRow("5-document", "a report without pixels beside the series", build.documents),
    DicomRow("6", "an empty file beside", build.emptied(9999), notices=("PS-W06",)),
    DicomRow("6-gap", "an empty slice", build.emptied(7), "PS-A36", "between slice 6 and 7 of 15: 1 image missing"),
    DicomRow("6-only", "empty files only", build.files(a=b"", b=b""), "PS-A04", "2 files, 2 empty file"),
    DicomRow("6-zeros", "files of zeros beside: disk space reserved, nothing copied",
             build.with_series(build.files(a=bytes(5000), b=bytes(20))), notices=("PS-W06",)),
    DicomRow("6-zeros-instead", "a slice of zeros", build.with_series(build.files(im0007=bytes(4800))), "PS-A36",
             "1 image missing"),
    DicomRow("7", "a dangling link", build.links_to("nowhere"), "PS-A07", r"im0017 cannot be read \(No such file"),
    DicomRow("7-loop", "a link to itself", build.links_to("im0017"), "PS-A07", r"im0017 cannot be read \(Too many"),
    DicomRow("7-skip", "links that lead nowhere, passed over", build.links_to("nowhere", "im0018"),
             notices=("PS-W07",), choice=SKIP),
    DicomRow("8", "pixels cut", build.cut(-1000), "PS-A08", "im0015: 2840 of 3840 pixel bytes"),
    DicomRow("8-rle", "RLE cut", build.cut_compressed(RLELossless), "PS-A08", "im0015: its compressed"),
    DicomRow("8-jpegls", "JPEG-LS cut", build.cut_compressed(JPEGLSLossless), "PS-A08", "im0015: its compressed"),
    DicomRow("8-jpeg2000", "JPEG 2000 cut", build.cut_compressed(JPEG2000Lossless), "PS-A08", "im0015: its compressed"),
    DicomRow("8-deflated", "deflated stream cut", build.cut_deflated, "PS-A08", "im0015 ends before"),
    DicomRow("8-part", "a broken download beside the whole file", build.cut_copy, notices=("PS-W28",)),
    DicomRow("8-part-coded", "the same, compressed; the broken one comes first by name",
             build.cut_coded_copy("a.part"), notices=("PS-W28",)),
    DicomRow("8-part-last", "the same, the broken one last", build.cut_coded_copy("z.part"), notices=("PS-W28",)),
    DicomRow("9", "header cut", build.cut(-3900), "PS-A08", "im0015 ends before its pixel data"),
    DicomRow("9-early", "header cut before the series is named", build.cut(300), "PS-A08", "ends before its series"),
    DicomRow("9-meta", "cut in the meta group", build.cut(160), "PS-A08", "im0015 ends before its series"),
    DicomRow("9-bare", "no preamble, header cut", build.cut_bare_slice(600), "PS-A08", "im0016 ends before its pixel"),
    DicomRow("9-bare-pixels", "no preamble, pixels cut", build.cut_bare_slice(-900), "PS-A08", "im0016: 2940 of 3840"),
    DicomRow("10", "no preamble", build.rewritten(lambda data: data[132:]), notices=("PS-W10",)),
    DicomRow("10-no-magic", "zeros in the place of DICM", build.rewritten(lambda d: d[:128] + bytes(4) + d[132:]),
             notices=("PS-W10",)),
    DicomRow("10-short", "the preamble without DICM", build.rewritten(lambda d: d[:128] + d[132:]),
             notices=("PS-W10",)),
    DicomRow("10-no-meta", "no preamble and no meta group", build.no_meta_either, notices=("PS-W10",)),
    DicomRow("10-tiff", "a TIFF header as preamble", build.rewritten(lambda data: b"II*\0\x08\0\0\0" + data[8:])),
    DicomRow("10-no-syntax", "the meta group names no transfer syntax", build.rewritten(build.without_syntax)),
    DicomRow("10-no-class", "no SOP class, Modality MR", build.without_class),
    DicomRow("10-stray", "a DICOM file without SOP class beside", build.stray_without_class),
    DicomRow("10-implicit", "said to be explicit, is implicit",
             build.meta_of_another_syntax(ImplicitVRLittleEndian, ExplicitVRLittleEndian)),
    DicomRow("10-explicit", "said to be implicit, is explicit",
             build.meta_of_another_syntax(ExplicitVRLittleEndian, ImplicitVRLittleEndian)),
    DicomRow("11", "a DICOMDIR that points outside", build.with_series(build.dicomdir)),
    DicomRow("11-renamed", "a DICOMDIR by another name",
             build.with_series(lambda folder: build.dicomdir(folder, "DIRFILE"))),
    DicomRow("11-disc", "a burned disc", build.burned_disc),
    DicomRow("11-itself", "the DICOMDIR is what is read", build.burned_disc, "PS-A04", "1 files, 1 DICOMDIR",
             within="DICOMDIR"),
    DicomRow("12", "folders down to twelve, no endings", build.nested),
    DicomRow("12-deeper", "folders down to thirteen", build.too_deep, notices=("PS-W12",), grid=Grid(n=13)),
    DicomRow("13", "odd names", build.odd_names),
    DicomRow("13-refused", "an odd name in a refusal", build.broken_slice_named("a\nb\x1b[31m\u202ec"),
             "PS-A08", r"^#1: 2840 of 3840"),
    DicomRow("14", "links, loops, a pipe and a device", build.links),
    DicomRow("14-twice", "one file under three names", build.linked_twice, notices=("PS-W28",)),
    DicomRow("15", "twenty series", build.many_series, "PS-A20", "^20 series fit; .*; 20 .series 20.: 4x4"),
    DicomRow("15-chosen", "twenty series, one chosen", build.many_series, grid=build.SMALL, choice={"series": 20}),
    *(DicomRow(f"16-{name}", "uncompressed", build.coded(syntax)) for name, syntax in build.NATIVE.items()),
    DicomRow("16-mixed", "eight transfer syntaxes in one series",
             build.coded(ExplicitVRLittleEndian, *build.NATIVE.values(), *build.LOSSLESS.values())),
    DicomRow("16-packed", "fragments where none may be", build.packed_but_native, "PS-A121", "im0015: its pixels are"),
    DicomRow("16-bomb", "a deflate bomb", build.bomb, "PS-A08", "ends before its series"),
    DicomRow("16-private", "private elements of vendors", build.before_pixels(build.PRIVATE)),
    DicomRow("16-icon", "a small picture with pixels of its own", build.before_pixels(build.ICON)),
    DicomRow("16-odd", "values of odd length", build.multi_part(build.odd_lengths)),
    DicomRow("16-groups", "group lengths, as old writers put them",
             build.before_pixels(build.element(0x7FE0, 0, b"UL", b"\0\x0f\0\0"))),
    DicomRow("16-trailing", "padding after the pixels",
             build.rewritten(lambda d: d + build.element(0xFFFC, 0xFFFC, b"OB", bytes(126)) + b"\r\n")),
    DicomRow("16-behind", "two files in one, one behind the other", build.behind_each_other, "PS-A121",
             "im0015 holds two DICOM files, one behind the other: export it again"),
    DicomRow("16-ob", "16-bit pixels as bytes",
             build.rewritten(lambda data: data.replace(build.PIXELS, build.PIXELS[:4] + b"OB"))),
    *(DicomRow(f"17-{name}", "lossless", build.coded(syntax)) for name, syntax in build.LOSSLESS.items()),
    DicomRow("17-fragments", "one image in three fragments", build.in_fragments),
    DicomRow("17-table", "a table of offsets that is wrong", build.wrong_offsets),
    *(DicomRow(f"17-two-{name}", "two compressed images where the header speaks of one", build.two_images(syntax),
               "PS-A121", "im0001 holds 2 compressed images, its header speaks of one: export it again")
      for name, syntax in (("jpeg2000", JPEG2000Lossless), ("rle", RLELossless))),
    DicomRow("17-rows-rle", "run-length images of more rows than the headers say", build.of_fewer_rows, "PS-A121",
             "the pixels of im0001 cannot be decoded: export the series again"),
    *(DicomRow(f"17-bits-{name}", "compressed images of 16 bits, 8 in the header", build.said_to_be_bytes(syntax),
               "PS-A121", "im0001: its compressed image has 16 bits, its header says 8: export the series again")
      for name, syntax in (("jpeg2000", JPEG2000Lossless), ("jpegls", JPEGLSLossless))),
    DicomRow("18", "said to be lossy", build.multi_part(lambda _, ds: ds, LossyImageCompression="01"),
             notices=("PS-W18",)),
    DicomRow("18-jpeg", "JPEG baseline", build.eight_bits(build.as_jpeg), notices=("PS-W18",), grid=None),
    DicomRow("18-jpeg2000", "JPEG 2000 with loss", build.near_lossless(JPEG2000, j2k_psnr=[80]),
             notices=("PS-W18",), grid=None),
    DicomRow("18-jpegls", "JPEG-LS with loss", build.near_lossless(JPEGLSNearLossless, jls_error=2),
             notices=("PS-W18",), grid=None),
    DicomRow("19", "a video", build.packed_as(build.VIDEO), "PS-A17", "MPEG2 .* is not supported: export"),
    DicomRow("19-private", "a transfer syntax of a vendor",
             build.rewritten(lambda d: d.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.1\0", 1)),
             "PS-A17", "1.2.840.99999.1.2.1 is not supported"),
    DicomRow("19-ge", "implicit with swapped pixels, of one vendor",
             build.meta_of_another_syntax(ImplicitVRLittleEndian, UID("1.2.840.113619.5.2")), "PS-A17",
             "1.2.840.113619.5.2 is not supported"),
    DicomRow("19-broken", "HTJ2K that is none", build.packed_as(build.HTJ2K), "PS-A121", "im0001 cannot be decoded"),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: DicomRow, tmp_path: Path) -> None:
    seen = check(row, tmp_path / "exam")
    if isinstance(seen, PedsegError) or row.grid is None:
        return
    wanted = np.stack([row.grid.plane(k).T for k in range(row.grid.n)], axis=-1)
    np.testing.assert_array_equal(seen.array, wanted)  # not one value is another


@pytest.mark.skipif(not Path(SYSTEM_FILE).exists(), reason=f"needs {SYSTEM_FILE}")
def test_7_a_file_that_the_system_cannot_read(tmp_path: Path) -> None:
    row = DicomRow("7-system", "a file of the system", build.links_to(SYSTEM_FILE), "PS-A07", "im0017 cannot be read")
    check(row, tmp_path / "exam")
    assert read_volume(tmp_path / "exam", **SKIP).shape[2] == GRID.n


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("what", ["im0003", "sub"])
def test_7_permissions(what: str, tmp_path: Path) -> None:
    write_series(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / what).chmod(0)
    with pytest.raises(InputError, match=f"PS-A07: {what} cannot be read .Permission denied"):
        read_volume(tmp_path)
    (tmp_path / what).chmod(0o700)


def test_3_one_file_of_every_kind_is_an_exam(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "series"))
    for ending in (".nii.gz", ".nii"):
        write_nifti(volume, tmp_path / f"exam{ending}")
    written = SimpleITK.ReadImage(str(tmp_path / "exam.nii.gz"))
    for ending in (".nrrd", ".mha"):
        SimpleITK.WriteImage(written, str(tmp_path / f"exam{ending}"))
    for ending in (".nii.gz", ".nii", ".nrrd", ".mha"):
        (exam,) = find_exams(tmp_path / f"exam{ending}")
        read = read_exam(exam)
        np.testing.assert_array_equal(read.array, volume.array)
        np.testing.assert_allclose(read.affine, volume.affine, atol=1e-4)


def test_3_what_is_no_file_and_no_folder(tmp_path: Path) -> None:
    """A pipe would block who opens it; a name that is too long makes the system raise."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"PS-A07: input .*pipe is neither a file nor a folder"):
        find_exams(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"PS-A07: input path cannot be read \(File name too long\)"):
        find_exams(tmp_path / ("x" * 300))
    for missing in ("nowhere", "pipe/x", "a\0b"):
        with pytest.raises(UsageError, match="PS-A03"):
            find_exams(tmp_path / missing)


def test_5_what_is_passed_over_is_said_once_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Rows 5, 11 and 14."""
    (tmp_path / "exam" / "more").mkdir(parents=True)
    build.links(tmp_path / "exam")
    build.clutter(tmp_path / "exam" / "more")
    found = discover(tmp_path / "exam")
    assert found.skipped == {"DICOMDIR": 1, "linked folder": 2, "not DICOM": 20, "not a regular file": 2}
    assert found.kinds == {".db": 1, ".ds_store": 1, ".pdf": 1, ".zip": 1, "other": 16}
    with caplog.at_level(logging.INFO, "pedseg"):
        volume = read_volume(tmp_path / "exam", series=1)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"passed over: {volume.facts['passed_over']}"
    assert "20 not DICOM (1 .db, 1 .ds_store, 1 .pdf, 1 .zip, 16 other), 2 not a regular file" in line


def test_5_images_beside_dicom_files_are_not_taken_for_the_exam(tmp_path: Path) -> None:
    """A mask saved among the slices: which of the two is meant?"""
    write_nifti(read_volume(write_series(tmp_path)), tmp_path / "mask.nii.gz")
    with pytest.raises(UsageError, match=r"PS-A120: .* holds DICOM and image files \(mask.nii.gz\)"):
        find_exams(tmp_path)


def test_12_a_folder_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is a million entries; here it is lowered."""
    assert (tree.MAX_ENTRIES, tree.MAX_DEPTH) == (1_000_000, 12)
    write_series(tmp_path)
    monkeypatch.setattr(tree, "MAX_ENTRIES", GRID.n)
    assert read_volume(tmp_path).shape[2] == GRID.n
    (tmp_path / "one more").touch()
    with pytest.raises(InputError, match="PS-A04: more than 16 entries: name the exam's own folder"):
        read_volume(tmp_path)


def listing_rate(folder: Path, n_files: int, n_series: int) -> float:
    """Write small files in series of equal size, list them twice, and return files a second of processor time."""
    n_slices = n_files // n_series
    for k in range(n_slices):
        data = save(image(Grid(n=n_slices), k, SeriesInstanceUID=uid("s", 0)), folder / "template").read_bytes()
        for s in range(n_series):
            name = uid("s", s).ljust(len(uid("s", 0)), "\0")[: len(uid("s", 0))]
            (folder / str(s)).mkdir(exist_ok=True)
            (folder / str(s) / f"{k:05d}").write_bytes(data.replace(uid("s", 0).encode(), name.encode()))
    (folder / "template").unlink()
    seconds = []
    for _ in range(2):
        start = time.process_time()
        found = discover(folder)
        seconds.append(time.process_time() - start)
        assert [s.n_slices for s in found.series] == [n_slices] * n_series
    return n_files / min(seconds)


def test_15_a_large_folder_is_listed_quickly(tmp_path: Path) -> None:
    """400 files in 8 series: a floor for a slow and busy machine; the target is 2 000 a second."""
    assert listing_rate(tmp_path, 400, 8) > 300


@pytest.mark.slow
def test_15_twenty_thousand_files_in_forty_series(tmp_path: Path) -> None:
    assert listing_rate(tmp_path, 20_000, 40) > 600


HIDE = """
import sys
for name in ("pylibjpeg", "libjpeg", "openjpeg", "jpeg_ls", "PIL", "gdcm"):
    sys.modules[name] = None
from pedseg.dicom import read_volume
from pedseg.errors import PedsegError
for folder in sys.argv[1:]:
    try:
        read_volume(folder)
        print("read")
    except PedsegError as error:
        print(error)
"""


def test_17_a_missing_decoder_is_named(tmp_path: Path) -> None:
    """In a process where no decoder can be imported: RLE is pydicom's own, the others say what to install."""
    syntaxes = {**build.LOSSLESS, "baseline": build.JPEGBaseline8Bit, "htj2k": build.HTJ2K}
    for name, syntax in syntaxes.items():
        (build.coded(syntax) if name in build.LOSSLESS else build.packed_as(syntax))(tmp_path / name)
    program = [sys.executable, "-c", HIDE, *(str(tmp_path / name) for name in syntaxes)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    first, *others = done.stdout.splitlines()
    assert first == "read"
    assert len(others) == len(syntaxes) - 1
    for line in others:
        assert line.startswith("PS-A17: im0001: transfer syntax ")
        assert line.endswith("needs a decoder: pip install 'pedseg[codecs]'")


def test_18_lossy_values_are_near(tmp_path: Path) -> None:
    build.near_lossless(JPEGLSNearLossless, jls_error=2)(tmp_path / "exam")
    volume = read_volume(tmp_path / "exam")
    assert 0 < np.abs(volume.array - read_volume(write_series(tmp_path / "plain")).array.astype(int)).max() <= 2
    assert place_error_mm(volume) < 0.06
