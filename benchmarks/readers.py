"""Readers of DICOM folders behind one face, each to run in a process of its own: `python -m benchmarks.readers NAME`.

A process takes a request a line from standard input (JSON: folder, scratch, row) and answers each with a line; arrays
go through a file in the scratch folder. What a library prints is caught, so that it can be told from silence.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.readings import Reading

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
MEMORY_BYTES = 8 << 30
"""Address space of a reader: an absurd header must not take the machine with it."""
READINGS = "readings.npz"
USUAL = "Unable to determine manufacturer"
"""What dcm2niix warns of in every series of the catalogue, the whole ones too."""


class Refused(Exception):  # noqa: N818
    """A program ended without a file."""


def by_pedseg(path: Path, _scratch: Path, row: str) -> Iterator[Reading]:
    """With the keywords of the row, where it has any."""
    from benchmarks.fault_rows import catalogue
    from pedseg.dicom import read_volume

    volume = read_volume(path, **(catalogue()[row].choice if row else {}))
    for notice in volume.notices:
        warnings.warn(str(notice), stacklevel=1)
    yield Reading(volume.array, volume.affine)


def by_simpleitk(path: Path, _scratch: Path, _row: str) -> Iterator[Reading]:
    """The series that GDCM lists first."""
    import SimpleITK

    if path.is_file():
        image = SimpleITK.ReadImage(str(path))
    else:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    if image.GetDimension() != 3:
        raise Refused(f"{image.GetDimension()} dimensions")
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    values = SimpleITK.GetArrayFromImage(image)
    yield Reading(np.moveaxis(values, (0, 1, 2), (2, 1, 0)), LPS_TO_RAS @ lps)


def by_monai(reader: str) -> Callable[[Path, Path, str], Iterator[Reading]]:
    """MONAI's reader of that name, as LoadImage calls it."""

    def read(path: Path, _scratch: Path, _row: str) -> Iterator[Reading]:
        from monai.data import image_reader

        made = getattr(image_reader, reader)()
        values, meta = made.get_data(made.read(str(path)))
        yield Reading(np.asarray(values), np.asarray(meta["affine"], float))

    return read


def by_highdicom(path: Path, _scratch: Path, _row: str) -> Iterator[Reading]:
    """It takes data sets: all files below that pydicom opens as images."""
    import highdicom

    images = list(_images(path))
    if len(images) == 1 and "NumberOfFrames" in images[0]:
        volume = highdicom.Image.from_dataset(images[0]).get_volume()
    else:
        volume = highdicom.get_volume_from_series(images)
    yield Reading(volume.array, LPS_TO_RAS @ volume.affine)


def _images(path: Path) -> Iterator[Any]:
    import pydicom

    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if not file.is_file():
            continue
        try:
            ds = pydicom.dcmread(file)
        except pydicom.errors.InvalidDicomError:
            continue
        if "Rows" in ds:
            yield ds


def dcm2niix_program() -> str | None:
    """Beside this Python, else on the path."""
    return shutil.which("dcm2niix", path=str(Path(sys.executable).parent)) or shutil.which("dcm2niix")


def by_dcm2niix(path: Path, scratch: Path, _row: str) -> Iterator[Reading]:
    """All files it writes; a 4-D one is several volumes."""
    import nibabel

    out = scratch / "converted"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    order = [dcm2niix_program() or "dcm2niix", "-z", "n", "-b", "n", "-o", str(out), str(path)]
    done = subprocess.run(order, capture_output=True, text=True, check=False, errors="replace")
    told = [line for line in done.stdout.splitlines() if ("arning" in line or "rror" in line) and USUAL not in line]
    sys.stderr.write("\n".join(told))
    files = sorted(out.glob("*.nii"))
    if not files:
        raise Refused(f"exit code {done.returncode}")
    if done.returncode:
        warnings.warn(f"exit code {done.returncode}", stacklevel=1)
    for file in files:
        image = nibabel.load(file)
        values = np.asanyarray(image.dataobj)
        for index in np.ndindex(values.shape[3:]):
            yield Reading(values[(..., *index)], image.affine)


@dataclass(frozen=True)
class Reader:
    """How a reader is called, whose version is told, and what must be installed."""

    read: Callable[[Path, Path, str], Iterator[Reading]]
    package: str
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """The first package that is not here; empty where all are."""
        if self.read is by_dcm2niix:
            return "" if dcm2niix_program() else "dcm2niix"
        return next((name for name in self.needs if find_spec(name) is None), "")

    @property
    def version(self) -> str:
        """Of its package."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return "?"


READERS = {
    "pedseg": Reader(by_pedseg, "pedseg", ("pedseg",)),
    "SimpleITK ImageSeriesReader": Reader(by_simpleitk, "SimpleITK", ("SimpleITK",)),
    "MONAI ITKReader": Reader(by_monai("ITKReader"), "monai", ("monai", "itk")),
    "MONAI PydicomReader": Reader(by_monai("PydicomReader"), "monai", ("monai",)),
    "highdicom get_volume_from_series": Reader(by_highdicom, "highdicom", ("highdicom",)),
    "dcm2niix": Reader(by_dcm2niix, "dcm2niix"),
}


def serve(name: str) -> None:
    """Answer requests until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with tempfile.TemporaryDirectory() as nothing:  # once for its imports, which may warn of what is no exam's
        _answer(name, Path(nothing) / "none", Path(nothing), "")
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        scratch = Path(request["scratch"])
        caught = scratch / "stderr.txt"
        with caught.open("wb") as file:
            sys.stderr.flush()
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            answer = _answer(name, Path(request["folder"]), scratch, request["row"])
            sys.stdout.flush()
            sys.stderr.flush()
        answers.write(json.dumps({**answer, "printed": caught.stat().st_size > 0}) + "\n")
        answers.flush()


def _answer(name: str, path: Path, scratch: Path, row: str) -> dict[str, Any]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            readings, end = list(READERS[name].read(path, scratch, row)), ""
        except Exception as error:  # noqa: BLE001  # whatever a reader raises is its refusal
            readings, end = [], f"{type(error).__name__}: {_last_sentence(str(error))}"
    arrays = {f"{part}{n}": getattr(r, part) for n, r in enumerate(readings) for part in ("array", "affine")}
    np.savez(scratch / READINGS, **arrays)
    own = [w for w in seen if not issubclass(w.category, DeprecationWarning | FutureWarning)]
    told = [_last_sentence(str(w.message)) for w in own]
    return {"n": len(readings), "warnings": told[:5], "end": end}


def _last_sentence(text: str) -> str:
    """On one line, without folders; what libraries put in front of their error is where in their source it came up."""
    told = re.sub(r"/\S*/", "", " ".join(text.split()))
    return told.rsplit("ERROR: ", 1)[-1][:160]


if __name__ == "__main__":
    serve(sys.argv[1])
