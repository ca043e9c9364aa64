"""Folders of masks, made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti

SHAPE = (12, 10, 6)
AFFINE = np.diag([1.0, 1.0, 3.0, 1.0])


def boxes(shift: int = 0, *, labels: tuple[int, ...] = (1, 2, 3), shape: tuple[int, int, int] = SHAPE) -> Volume:
    """A box a label, three voxels wide along I, moved by some voxels along J."""
    array = np.zeros(shape, np.uint8)
    for place, label in enumerate(labels):
        array[1 + 3 * place : 4 + 3 * place, 2 + shift : 6 + shift, 1:5] = label
    return Volume(array, AFFINE)


def write_masks(folder: Path, **volumes: Volume) -> Path:
    """`<exam>.nii.gz` each."""
    folder.mkdir(parents=True, exist_ok=True)
    for exam, volume in volumes.items():
        write_nifti(volume, folder / f"{exam}.nii.gz")
    return folder
