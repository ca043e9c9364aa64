"""Hostile input: refused before memory is asked for, or read and made harmless; in 2 GiB and 10 s each."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_files import (
    ESCAPES,
    ITEM,
    SMALL,
    SQ_HEAD,
    Hostile,
    deflated,
    dims,
    enhanced,
    enlarged,
    floats,
    gz_zeros,
    large,
    lengthened,
    mha,
    nested,
    nifti,
    nrrd,
    packed,
    preamble,
    siz,
    sof,
    spliced,
    with_tags,
    with_values,
)
from mr_series import write_series
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from pedseg.errors import one_line

SECONDS = 10.0
NAN, INF = float("nan"), float("inf")
TEXTS = ("Manufacturer", "BodyPartExamined", "PatientName", "SeriesDescription", "StudyDescription", "Laterality")
PRIVATE = b"\x09\0\x10\0LO\x04\0ACME\x09\0\x01\x10"
DICOM = {
    "a deflate bomb": Hostile(deflated, "PS-A08", "ends before"),
    "65535 x 65535": Hostile(with_tags(Rows=65535, Columns=65535), "PS-A08", "of 8589672450 pixel bytes"),
    "65535 x 65535 in RLE": Hostile(packed(RLELossless, enlarged), "PS-A68", "65535x65535x6 voxels"),
    "13000 x 13000 in RLE": Hostile(packed(RLELossless, large), "PS-A155", "said to unpack to"),
    "no rows": Hostile(with_tags(Rows=0), "PS-A121", "make no image"),
    "two billion frames": Hostile(with_tags(NumberOfFrames="2147483647"), "PS-A121", "0 frame descr"),
    "two billion enhanced frames": Hostile(enhanced(NumberOfFrames="2147483647"), "PS-A121", "frame descriptions"),
    "negative frames": Hostile(enhanced(NumberOfFrames="-1"), "PS-A121", "frame descriptions"),
    "10,000 sequences deep": Hostile(spliced((SQ_HEAD + ITEM) * 10_000), "PS-A08", "im0003"),
    "10,000 sequences deep in its frames": Hostile(nested(10_000), "PS-A(08|121)", "exam.dcm"),
    "a private sequence that never closes": Hostile(
        spliced(PRIVATE + b"SQ\0\0\xff\xff\xff\xff" + ITEM + b"\x09\0\x02\x10LO\x02\0ab"), "PS-A08", "im0003"
    ),
    "a private value that never closes": Hostile(spliced(PRIVATE + b"UN\0\0\xff\xff\xff\xff"), "PS-A08", "im0003"),
    "four GiB of a private value": Hostile(spliced(PRIVATE + b"OB\0\0\xfe\xff\xff\xff"), "PS-A08", "im0003"),
    "pixels longer than the file": Hostile(lengthened(b"\xe0\x7f\x10\0", 0xFFFFFFFE)),
    "pixels of no length": Hostile(lengthened(b"\xe0\x7f\x10\0", 0), "PS-A08", "im0003: 0 of 2304"),
    "a name longer than the file": Hostile(lengthened(b"\x10\0\x10\0", 0xFFFF), "PS-A08", "im0003"),
    "JPEG 2000 of 60000 x 60000": Hostile(packed(JPEG2000Lossless, siz(60000, 60000)), "PS-A121", "60000x60000, its"),
    "JPEG 2000 of other size": Hostile(packed(JPEG2000Lossless, siz(32, 36)), "PS-A121", "is 36x32, its header"),
    "JPEG 2000 of 16,384 components": Hostile(packed(JPEG2000Lossless, siz(36, 32, 16384)), "PS-A121", "one value a"),
    "JPEG-LS of 65535 x 65535": Hostile(packed(JPEGLSLossless, sof(65535, 65535)), "PS-A121", "is 65535x65535, its"),
    "a Windows program": Hostile(preamble(b"MZ\x90\0"), notices=("PS-W153",)),
    "a Linux program": Hostile(preamble(b"\x7fELF"), notices=("PS-W153",)),
    "a script": Hostile(preamble(b"#!/bin/sh\n"), notices=("PS-W153",)),
    "a Mac program": Hostile(preamble(b"\xcf\xfa\xed\xfe"), notices=("PS-W153",)),
    "a fat Mac program": Hostile(preamble(b"\xca\xfe\xba\xbe"), notices=("PS-W153",)),
    "a TIFF, as the standard allows": Hostile(preamble(b"II*\0")),
    "a TIFF of the other order": Hostile(preamble(b"MM\0*")),
    "escapes in every text": Hostile(with_values(*TEXTS, name=ESCAPES)),
    "escapes for a position": Hostile(with_values("ImagePositionPatient"), "PS-A52", "Image Position"),
    "escapes for a slope": Hostile(with_values("RescaleSlope"), "PS-A121", "is no usable number"),
    "escapes for frames": Hostile(with_values("NumberOfFrames")),
}  # fmt: skip
NIFTI = {
    "32 TiB": Hostile(nifti(dims(3, 32767, 32767, 32767)), "PS-A68", "32767x32767x32767 voxels"),
    "32 TiB in gzip": Hostile(nifti(dims(3, 32767, 32767, 32767), packed=True), "PS-A68", "32767x32767x32767 voxels"),
    "2 GiB in gzip": Hostile(nifti(dims(3, 1000, 1000, 1000), packed=True), "PS-A155", "said to unpack to"),
    "2 GiB that are not there": Hostile(nifti(dims(3, 1000, 1000, 1000)), "PS-A80", "of 2000000000 data bytes"),
    "negative sizes": Hostile(nifti(dims(3, -4, 5, 6)), "PS-A121", "-4x5x6"),
    "no size": Hostile(nifti(dims(3, 0, 5, 6)), "PS-A121", "0x5x6"),
    "32767 dimensions": Hostile(nifti(dims(32767, 4, 5, 6)), "PS-A121", "holds nothing"),
    "spacing that is no number": Hostile(nifti((*floats(76, 1, NAN, 1, 1), (252, bytes(4)))), "PS-A52", "not usable"),
    "infinite spacing": Hostile(nifti((*floats(76, 1, INF, 1, 1), (252, bytes(4)))), "PS-A52", "not usable"),
    "no spacing": Hostile(nifti((*floats(76, 1, 0, 0, 0), (252, bytes(4)))), "PS-A52", "not usable"),
    "negative spacing": Hostile(nifti((*floats(76, 1, -1, 2, 2), (252, bytes(4)))), notices=("PS-W79",)),
    "an affine that is no number": Hostile(nifti(floats(280, *(NAN,) * 12)), "PS-A52", "not usable"),
    "an affine of zeros": Hostile(nifti(floats(280, *(0.0,) * 12)), "PS-A52", "not usable"),
    "data beyond the file": Hostile(nifti(floats(108, 1e6)), "PS-A80", "0 of 240 data bytes"),
    "data far beyond the file": Hostile(nifti(floats(108, 1e12)), "PS-A121", "begin at byte"),
    "data before the file": Hostile(nifti(floats(108, -400)), "PS-A121", "begin at byte -400"),
    "data nowhere": Hostile(nifti(floats(108, NAN)), "PS-A121", "begin at byte 0"),
    "a slope that is no number": Hostile(nifti(floats(112, NAN, 0))),
    "an infinite slope": Hostile(nifti(floats(112, INF, 0))),
    "a slope beyond float32": Hostile(nifti(floats(112, 3e38, 0)), "PS-A66", "NaN or infinite"),
    "an infinite intercept": Hostile(nifti(floats(112, 2, INF))),
    "10 GiB of zeros behind the image": Hostile(nifti(packed=True, tail=gz_zeros(10240)), "PS-A80", "more than its"),
    "10 GiB of zeros as the image": Hostile(
        nifti((*dims(3, 2000, 2000, 2000), (70, struct.pack("<hh", 64, 64))), packed=True, tail=gz_zeros(10240)),
        "PS-A68", "2000x2000x2000 voxels",
    ),
    "6 GiB of zeros as the image": Hostile(
        nifti((*dims(3, 900, 900, 900), (70, struct.pack("<hh", 64, 64))), packed=True, tail=gz_zeros(6144)),
        "PS-A155", "said to unpack to",
    ),
    "an extension of two GiB": Hostile(
        nifti(((348, b"\1\0\0\0" + struct.pack("<ii", 0x7FFFFFF0, 6)), *floats(108, 368)), tail=bytes(16))
    ),
    "an extension beyond the limit": Hostile(
        nifti(((348, b"\1\0\0\0" + struct.pack("<ii", 0x7FFFFFF0, 6)), *floats(108, 2147483008)), packed=True),
        "PS-A121", "begin at byte 2147483",
    ),
    "escapes in its description": Hostile(nifti(((148, ESCAPES.encode()[:79]), (228, ESCAPES.encode()[:23])))),
    "escapes in its file name": Hostile(nifti(dims(3, 0, 5, 6), name=ESCAPES), "PS-A121", "0x5x6"),
}  # fmt: skip
OTHERS = {
    "NRRD of 32767 cubed": Hostile(nrrd("32767 32767 32767"), "PS-A121", "data bytes"),
    "NRRD of 1000 cubed in gzip": Hostile(nrrd("1000 1000 1000", "gzip"), "PS-A155", "said to unpack to"),
    "NRRD of 10^30": Hostile(nrrd(f"1{'0' * 30} 1 1"), "PS-A121", "damaged"),
    "NRRD that names /etc/passwd": Hostile(nrrd(more="data file: /etc/passwd"), "PS-A156", "names another file"),
    "NRRD that names its neighbour": Hostile(nrrd(more="DataFile: x.raw"), "PS-A156", "names another file"),
    "NRRD that names a list": Hostile(nrrd(more="data file: LIST\n/etc/passwd\n../x.raw"), "PS-A156", "names another"),
    "MHA of 32767 cubed": Hostile(mha("32767 32767 32767"), "PS-A121", "data bytes"),
    "MHA of 1000 cubed, compressed": Hostile(mha("1000 1000 1000", more="CompressedData = True"), "PS-A155", "unpack"),
    "MHA that names /etc/passwd": Hostile(mha(file="/etc/passwd"), "PS-A156", "names another file"),
    "MHA that names its neighbour": Hostile(mha(file="{{folder}}/x.raw"), "PS-A156", "names another file"),
    "MHA that names a list": Hostile(mha(file="LIST\n/etc/passwd"), "PS-A156", "names another file"),
}  # fmt: skip
ROWS: dict[str, Hostile] = {**DICOM, **NIFTI, **OTHERS}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """All of them read by one process."""
    root = tmp_path_factory.mktemp("hostile")
    paths = {}
    for number, (name, row) in enumerate(ROWS.items()):
        folder = root / str(number)
        folder.mkdir()
        paths[name] = str(row.build(folder))
    first = {"dicom": str(write_series(root / "first", grid=SMALL))}
    for number, build in enumerate((nifti(), nifti(packed=True), packed(RLELossless), packed(JPEG2000Lossless))):
        folder = root / f"first{number}"
        folder.mkdir()
        first[str(number)] = str(build(folder))
    (root / "files.json").write_text(json.dumps({"first": first, "files": paths}))
    done = subprocess.run(
        [sys.executable, "-W", "always", str(Path(__file__).with_name("hostile_run.py")), str(root / "files.json")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=SECONDS * len(ROWS),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    row, seen = ROWS[name], outcomes[name]
    assert re.fullmatch(row.code, seen["code"]), seen["text"]
    assert re.search(row.says, seen["text"])
    assert one_line(seen["text"]) == seen["text"]
    assert row.code or tuple(seen["notices"]) == row.notices
    assert not seen["memory"]
    assert seen["seconds"] < SECONDS
    assert seen["bytes"] < 600 << 20
