from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import nibabel as nib
import numpy as np
import pytest

from pedseg.plan.fingerprint import ExamFacts

SHAPE = (24, 20, 12)
SAGITTAL = np.array([[0.0, 0, 1.2, -5], [0.5, 0, 0, 3], [0, 0.5, 0, 8], [0, 0, 0, 1]])
"""I to the front, J up, K to the right, slices 1.2 mm apart: acquired sagittal."""

WriteCase = Callable[..., Path]
MakeFacts = Callable[..., ExamFacts]


def boxes(n_structures: int) -> np.ndarray:
    """(24, 20, 12) labels: one box a structure, side by side along I, 4 x 6 x 8 voxels each."""
    labels = np.zeros(SHAPE, np.uint8)
    for k in range(n_structures):
        labels[2 + 5 * k : 6 + 5 * k, 4:10, 2:10] = k + 1
    return labels


@pytest.fixture
def write_case() -> WriteCase:
    """Write one exam; what is not given is noise with boxes, sagittal slices."""

    def write(
        folder: Path,
        n_structures: int = 3,
        *,
        seed: int | None = None,
        image: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        affine: np.ndarray = SAGITTAL,
        label_affine: np.ndarray | None = None,
        absent: tuple[str, ...] = (),
    ) -> Path:
        labels = boxes(n_structures) if labels is None else labels
        if image is None:
            rng = np.random.default_rng(crc32(f"{folder.parent.name}/{folder.name}".encode()) if seed is None else seed)
            image = rng.integers(0, 400, labels.shape).astype(np.int16)
            image[labels > 0] += 500
        folder.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(image, affine), folder / "image.nii.gz")
        nib.save(nib.Nifti1Image(labels, affine if label_affine is None else label_affine), folder / "labels.nii.gz")
        if absent:
            (folder / "case.json").write_text(json.dumps({"absent": absent}))
        return folder

    return write


@pytest.fixture
def exam_facts() -> MakeFacts:
    """Facts of one exam that is not on disk: 200 x 200 x 40 voxels of 0.5 x 0.5 x 2 mm, axial."""

    def make(patient: str = "anna", **changes: Any) -> ExamFacts:
        grey = {"mean": 1, "std": 1, "p00_5": 0, "p50": 1, "p99_5": 2}
        values = {
            "patient": patient, "side": "", "source": "s", "content": "c", "shape": (200, 200, 40),
            "spacing_mm": (0.5, 0.5, 2), "slice_axis": 2, "plane": "axial",
            "axis_for": {"axial": 2, "coronal": 2, "sagittal": 2}, "slices_with_bone": (90, 90, 30),
            "gaps": (0, 0, 0), "gap_runs": (0, 0, 0), "inside": grey, "outside": grey, "structures": {}, "missing": (),
        }  # fmt: skip
        return ExamFacts.model_validate({**values, **changes})

    return make
