"""An exam as a case folder of a dataset: complete or not at all."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from pedseg.phantoms.dicom_files import write_dicom
from pedseg.phantoms.exam import Exam
from pedseg.volumes import Volume
from pedseg.workspace import atomic_folder

Format = Literal["dicom", "nifti"]


def write_exam(exam: Exam, folder: Path, *, format: Format = "dicom", overwrite: bool = False) -> None:  # noqa: A002
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
            _write_nifti(exam.image, exam.image.array.astype(np.int16), place / "image.nii.gz")
        _write_nifti(exam.labels, exam.labels.array, place / "labels.nii.gz")
        (place / "case.json").write_text(json.dumps(_case(exam), indent=2) + "\n", "utf-8")


def _case(exam: Exam) -> dict[str, object]:
    patient = dataclasses.asdict(exam.patient)
    return {"schema": 1, "patient": f"phantom-{exam.patient.seed}-{exam.patient.name}", **patient}


def _write_nifti(volume: Volume, array: NDArray[np.int16] | NDArray[np.uint8], path: Path) -> None:
    """Compressed without a time or a name, so that the bytes follow from the values."""
    image = nib.Nifti1Image(array, volume.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=1)
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=4, mtime=0))
