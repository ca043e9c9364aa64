"""What one may wish of a cohort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PhantomOptions:
    """How a cohort is made.

    Args:
        seed: of the cohort: same seed and index, same child.
        start: index of the first patient, so that others of the same cohort can be held out.
        matrix: larger in-plane size, the slices scaled with it; None: as the scanner would give it.
        format: of the images.
        jobs: processes; None: one a processor.
        overwrite: replace cases that exist.
    """

    seed: int = 0
    start: int = 0
    matrix: int | None = None
    format: Literal["dicom", "nifti"] = "dicom"
    jobs: int | None = None
    overwrite: bool = False
