"""Exams with a canary in every place that may hold a patient's name, and the search for them in what is written."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

import nibabel as nib
import numpy as np
from mr_series import GRID, save
from pydicom import dcmread
from pydicom.datadict import DicomDictionary, RepeatersDictionary, dictionary_keyword
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from segs import described, write_seg
from test_multiframe import enhanced, frame_groups
from tiny import make_exam, oblique, write_dicom

from pedseg.domains import Domain
from pedseg.volumes import Volume

WORD = "ZZPHI"
DAY, CLOCK, AGE, UID_ROOT = "19730707", "123456.654321", "097Y", "1.2.826.0.1.47110815"
RESHAPED = ("1973-07-07", "1973/07/07", "07.07.1973", "07/07/1973", "12:34:56.654321")
"""Day and time as a program may write them again."""
SEARCHED = tuple(text.encode() for text in (WORD, DAY, CLOCK, UID_ROOT, *RESHAPED))
FILE_META = 2
TEXT = frozenset(["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"])
DATED = {"DA": DAY, "DT": f"{DAY}{CLOCK}", "TM": CLOCK, "AS": AGE}
# Not written over: what says how bytes become text and pixels; nor group 0, of messages, which may stand in no file.
KEPT = frozenset(["SpecificCharacterSet", "PhotometricInterpretation", "ImageType"])
_AGED = re.compile(rb"(?<![0-9A-Za-z+/])" + AGE.encode() + rb"(?![0-9A-Za-z+/=])")
"""Four letters occur by accident, but hardly as a word."""
_BASE64 = re.compile(rb"base64,([A-Za-z0-9+/=]{64,})")


def canary(*places: object) -> str:
    """A text that is nowhere else."""
    return "^".join([WORD, "CANARY", *map(str, places)])


def elements() -> dict[int, str]:
    """Tags of the dictionary that hold text, a date, a time or an age, retired ones too, with their kind.

    Of those that repeat, such as 60xx, one.
    """
    repeated = {int(mask.replace("xx", "00").replace("x", "1"), 16): v for mask, v in RepeatersDictionary.items()}
    entries = {t: (vr, word) for t, (vr, *_, word) in {**DicomDictionary, **repeated}.items()}
    return {t: vr for t, (vr, word) in entries.items() if vr in TEXT | DATED.keys() and t >> 16 and word not in KEPT}


def text_tags() -> Dataset:
    """All of `elements` but the file's own, private ones, and both inside sequences."""
    ds = Dataset()
    for tag, vr in elements().items():
        if tag >> 16 > FILE_META:
            ds.add_new(tag, vr, text_of(tag, vr))
    block = ds.private_block(0x0011, f"{WORD} PRIVATE", create=True)
    for offset, vr in enumerate(sorted(TEXT)):
        block.add_new(offset, vr, f"{WORD}P{vr}")
    inner = Dataset()
    inner.PatientName, inner.StudyDescription = canary("inner", 1), canary("inner", 2)
    inner.private_block(0x0013, f"{WORD} INNER", create=True).add_new(1, "UT", canary("inner private"))
    outer = Dataset()
    outer.RequestAttributesSequence = [inner]
    outer.PatientComments = canary("outer")
    ds.RequestAttributesSequence, ds.ReferencedStudySequence = [outer], [inner]
    ds.update(few_tags())  # what images of one patient share
    return ds


def text_of(tag: int, vr: str) -> str:
    """A canary that fits."""
    short = f"{WORD}{tag:X}"[:16]
    return DATED.get(vr) or (short if vr in {"AE", "CS", "SH"} else canary(dictionary_keyword(tag))[:64])


def mark(path: Path, *, tags: Dataset | None = None) -> None:
    """Put canaries into a DICOM file."""
    ds = dcmread(path)
    ds.update(tags if tags is not None else few_tags())
    for tag, vr in elements().items():
        if tag >> 16 == FILE_META:
            ds.file_meta.add_new(tag, vr, text_of(tag, vr))
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", f"{WORD}TYPE"]
    for word in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        ds[word].value = f"{UID_ROOT}.{len(word)}"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(f"{UID_ROOT}.")
    ds.save_as(path)


def few_tags() -> Dataset:
    """Those that name a patient, and those pedseg reads."""
    ds = Dataset()
    ds.PatientName, ds.PatientID, ds.StudyDate, ds.StudyTime = canary("name"), f"{WORD}ID", DAY, CLOCK
    ds.Manufacturer, ds.ManufacturerModelName, ds.BodyPartExamined = canary("maker"), canary("model"), f"{WORD}PART"
    ds.Laterality, ds.Modality, ds.SeriesDescription = f"{WORD}SIDE", f"{WORD}MOD", canary("series")
    ds.PatientBirthDate = DAY
    return ds


def write_marked(folder: Path, domain: Domain, seed: int, *, slices: int = 12) -> Volume:
    """A classic series under names that are canaries; every text tag in its first file. Its labels."""
    image, labels = make_exam(domain, seed, slices=slices)
    inside = folder / canary("inner folder")
    write_dicom(image, inside)
    for n, path in enumerate(sorted(inside.iterdir())):
        mark(path, tags=text_tags() if n == 0 else None)
        path.rename(path.with_name(f"{canary('file', n)}.dcm"))
    return labels


def write_marked_enhanced(folder: Path) -> None:
    """An enhanced file with canaries inside its frames too."""
    folder.mkdir(parents=True)
    groups = []
    for k in range(GRID.n):
        group = frame_groups(k)
        group.FrameContentSequence[0].FrameComments = canary("frame", k)
        group.FrameContentSequence[0].StackID = f"{WORD}STACK"
        groups.append((k, group))
    path = folder / f"{canary('enhanced')}.dcm"
    ds = enhanced(groups)
    save(ds, path)
    mark(path, tags=text_tags())


def write_marked_seg(path: Path, labels: Volume, domain: Domain) -> None:
    """A DICOM SEG whose texts are canaries but for the names of the structures."""
    plain = path.parent / "plain"
    write_dicom(labels, plain)
    segments = [described(n, name) for n, name in enumerate(domain.labels, start=1)]
    for segment in segments:
        segment.SegmentDescription = canary("segment")
    other = described(len(segments) + 1, canary("other segment"))
    write_seg(path, plain, labels.array, segments=[*segments, other])
    ds = dcmread(path)
    ds.update(few_tags())
    ds.Modality = "SEG"
    ds.save_as(path)
    rmtree(plain)


def mark_nifti(path: Path) -> None:
    """Put canaries into the texts of a NIfTI file."""
    image = nib.load(path)
    header = image.header.copy()
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        header[field] = f"{WORD}{field}".encode()[: header[field].dtype.itemsize]
    header.extensions.append(nib.nifti1.Nifti1Extension(6, canary("extension").encode()))
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), oblique(), header), path)


def mark_nnunet(folder: Path, labels: dict[str, int]) -> None:
    """A dataset.json with canaries where a person writes."""
    words = ("name", "description", "reference", "licence", "release", "tensorImageSize")
    values: dict[str, Any] = {word: canary(word) for word in words}
    values |= {"channel_names": {"0": canary("channel")}, "file_ending": ".nii.gz"}
    values["labels"] = {"background": 0, **labels}
    (folder / "dataset.json").write_text(json.dumps(values), "utf-8")


def hits(root: Path, *, without: tuple[str, ...] = ()) -> list[str]:
    """Canaries in names and contents below a folder, packed or not.

    Args:
        root: its own name and those above do not count.
        without: folders of the root that are not looked into.
    """
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if name.parts[0] in without:
            continue
        found += [f"name of {name}"] if in_text(str(name)) else []
        if path.is_file() and any(in_bytes(part) for part in unpacked(path.read_bytes())):
            found.append(f"inside {name}")
    return found


def in_text(text: str) -> list[str]:
    """Lines with a canary."""
    return [line for line in text.splitlines() if in_bytes(line.encode())]


def in_bytes(data: bytes) -> bool:
    """Whether bytes hold a canary, in whatever case, in UTF-8 or UTF-16."""
    low = data.lower()
    words = (s.lower() in low or s.decode().lower().encode("utf-16-le") in low for s in SEARCHED)
    return any(words) or _AGED.search(data) is not None


def unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes, and what is packed in them: gzip, zip (checkpoints, arrays), chunks of PNG, pictures in HTML."""
    yield data
    if data[:2] == b"\x1f\x8b":
        yield from unpacked(gzip.decompress(data))
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from unpacked(archive.read(name))
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        yield from _chunks(data)
    for match in _BASE64.finditer(data):
        yield from unpacked(base64.b64decode(match.group(1) + b"=="))


def _chunks(data: bytes) -> Iterator[bytes]:
    at = 8
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        yield body
        if kind in (b"zTXt", b"iTXt", b"iCCP", b"IDAT") and (start := body.find(b"\x78")) >= 0:
            inflate = zlib.decompressobj()
            with suppress(zlib.error):
                yield inflate.decompress(body[start:])
        at += 12 + length
