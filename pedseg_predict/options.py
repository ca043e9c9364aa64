"""What may be asked of predicting."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pedseg.names import BINARY, NIFTI
from pedseg.storage.inputs import Choice


@dataclass(frozen=True)
class PredictOptions:
    """How to predict.

    Args:
        model: run or fold folder, or a zip of it; None is run `main` of plan `default` in the workspace.
        domain: name; None is told from the exam where it can be.
        choice: which images of a DICOM folder.
        device: `auto`, `cpu`, `cuda[:n]` or `mps`.
        overwrite: replace earlier outputs.
        each: every folder inside the input is a DICOM exam.
        formats: of the labels, of `names.FORMATS`.
        resume: leave exams alone that the same weights have segmented into the output.
        postprocess: as the plan says; False leaves labels as the network gives them.
        seg_type: of a DICOM SEG, of `names.SEG_TYPES`.
        weights: sha256 of each fold's weights; others are refused. None takes any.
    """

    model: Path | None = None
    domain: str | None = None
    choice: Choice = field(default_factory=Choice)
    device: str = "auto"
    overwrite: bool = False
    each: bool = False
    formats: tuple[str, ...] = (NIFTI,)
    resume: bool = False
    postprocess: bool = True
    seg_type: str = BINARY
    weights: tuple[str, ...] | None = None
