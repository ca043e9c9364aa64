"""An exam as a case folder of a dataset: complete or not at all."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from pedseg.errors import PedsegError
from pedseg.json_files import read_json
from pedseg.phantoms.dicom_files import write_dicom
from pedseg.phantoms.exam import Exam
from pedseg.volumes.nifti import write_nifti
from pedseg.workspace import atomic_folder, json_bytes, put_bytes

CASE = "case.json"
Format = Literal["dicom", "nifti"]


def write_exam(exam: Exam, folder: Path, *, format: Format = "dicom", overwrite: bool = False) -> None:
    """Write `dicom/*.dcm` or `image.nii.gz`, with `labels.nii.gz` on the same grid and `case.json`.

    Args:
        exam: from `make_exam`.
        folder: the case; appears when everything in it is written.
        format: of the image.
        overwrite: replace an existing case.

    Raises:
        OutputError: PS-A104 the case exists, PS-A105 not writable, PS-A106 disk full.
    """
    with atomic_folder(folder, overwrite=overwrite) as place:
        if format == "dicom":
            (place / "dicom").mkdir()
            write_dicom(exam, place / "dicom")
        else:
            write_nifti(exam.image.with_array(exam.image.array.astype(np.int16)), place / "image.nii.gz")
        write_nifti(exam.labels, place / "labels.nii.gz")
        put_bytes(place / CASE, json_bytes(_case(exam)))


def is_phantom(folder: Path) -> bool:
    """Whether a case folder is what `write_exam` makes, and holds nothing else: only that may be replaced."""
    try:
        values = read_json(folder / CASE, "")
        names = {place.name for place in folder.iterdir()}
    except (OSError, PedsegError):
        return False
    if not isinstance(values, dict) or names - {"dicom", "image.nii.gz", "labels.nii.gz", CASE}:
        return False
    return isinstance(seed := values.get("seed"), int) and str(values.get("patient")).startswith(_identity(seed))


def _identity(seed: int) -> str:
    return f"phantom-{seed}-"


def _case(exam: Exam) -> dict[str, object]:
    patient = dataclasses.asdict(exam.patient)
    return {"schema": 1, "patient": f"{_identity(exam.patient.seed)}{exam.patient.name}", **patient}
