"""How each domain's exams are acquired (METHODS section 1), and the grid of one exam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedseg.errors import UsageError
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.solids import rotation
from pedseg.volumes import Geometry

LEAST_MATRIX = 32


@dataclass(frozen=True)
class Protocol:
    """A domain's sequence and scanner.

    Args:
        plane: of the slices.
        fov_mm: along rows and along columns; of a grown patient where `follows_size`.
        spacing_mm: in-plane, least and largest.
        slice_mm: least and largest distance of slices.
        slices: an exam's usual number.
        bone_slices: how many of them hold bone.
        tr_ms, te_ms, flip_degrees: of the sequence.
    """

    vendor: str
    model: str
    sequence: str
    plane: str
    fov_mm: tuple[float, float]
    spacing_mm: tuple[float, float]
    slice_mm: tuple[float, float]
    slices: int
    bone_slices: int
    tr_ms: float
    te_ms: float
    flip_degrees: float
    body_part: str
    follows_size: bool = False
    """The field of view shrinks with the child at a fixed matrix, as spacings of 0.24 to 0.37 mm tell."""


PROTOCOLS: dict[str, Protocol] = {
    "ankle": Protocol("Philips Medical Systems", "Achieva", "T1_3D_FFE", "sagittal", (140.0, 161.0),
                      (0.25, 0.28), (0.50, 0.80), 180, 86, 7.9, 2.8, 10.0, "ANKLE"),
    "knee": Protocol("SIEMENS", "Skyra", "t1_gre3d_sag", "sagittal", (320.0, 320.0),
                     (0.47, 0.625), (0.50, 0.63), 200, 152, 13.0, 4.4, 12.0, "KNEE"),
    "shoulder": Protocol("Philips Medical Systems", "Achieva", "eTHRIVE", "axial", (260.0, 210.0),
                         (0.24, 0.37), (0.60, 1.00), 245, 224, 8.4, 4.2, 10.0, "SHOULDER", follows_size=True),
}  # fmt: skip

AXES = {
    "sagittal": np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "axial": np.array([[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]),
}
"""Columns: RAS directions of I, J, K before the slab is tilted."""


@dataclass(frozen=True, eq=False)
class Slab:
    """The block of a patient that is scanned.

    Args:
        direction: (3, 3) columns are the RAS directions of I, J, K.
        center_mm: RAS.
        size_mm: along I, J, K.
        shape: voxels the scanner would give it.
    """

    direction: NDArray[np.float64]
    center_mm: NDArray[np.float64]
    size_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    def grid(self, matrix: int | None) -> Geometry:
        """Voxels over the slab; `matrix` sets the larger in-plane size and scales the others with it.

        Raises:
            UsageError: PS-A120, a matrix too small to hold a joint.
        """
        if matrix is not None and matrix < LEAST_MATRIX:
            raise UsageError("PS-A120", f"a matrix of at least {LEAST_MATRIX} is needed, got {matrix}")
        factor = 1.0 if matrix is None else matrix / max(self.shape[:2])
        i, j, k = (max(round(n * factor), 8) for n in self.shape)
        spacing = np.asarray(self.size_mm) / (i, j, k)
        affine = np.eye(4)
        affine[:3, :3] = self.direction * spacing
        affine[:3, 3] = self.center_mm - affine[:3, :3] @ ((np.array([i, j, k]) - 1) / 2)
        return Geometry((i, j, k), affine)


def draw_slab(patient: Patient, *, focus_mm: NDArray[np.float64], depth_mm: float, scale: float = 1.0) -> Slab:
    """Draw where and how finely one exam is scanned.

    Args:
        patient: whose exam.
        focus_mm: (3,) RAS, what a technologist would centre on.
        depth_mm: extent of the named bones across the slices: it sets the distance of slices.
        scale: size of the patient over an adult's.
    """
    rng = patient.rng("slab")
    protocol = PROTOCOLS[patient.domain]
    low, high = protocol.spacing_mm
    fine = high - (high - low) * rng.uniform(0, 1) ** 1.5
    size = 1.0
    if protocol.follows_size:
        size = float(np.clip(scale, low / high, 1.0))
        fine = size * high
    unequal = float(rng.uniform(0.82, 0.92)) if rng.random() < 0.4 else 1.0
    slices = round(protocol.slices * rng.uniform(0.96, 1.04))
    thick = float(np.clip(depth_mm / protocol.bone_slices, *protocol.slice_mm))
    direction = AXES[protocol.plane] @ rotation(_tilt(rng))
    rows, columns = (size * extent for extent in protocol.fov_mm)
    shift = rng.uniform(-0.035, 0.035, 3) * (rows, columns, slices * thick)
    shape = (round(rows / fine), round(columns / fine * unequal), slices)
    return Slab(direction, focus_mm + direction @ shift, (rows, columns, slices * thick), shape)


def _tilt(rng: np.random.Generator) -> tuple[float, float, float]:
    a, b, c = (float(v) for v in rng.normal(0, (4.0, 5.0, 7.0)).clip(-14, 14))
    return a, b, c
