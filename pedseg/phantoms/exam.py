"""One synthetic exam: image and labels on one grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedseg.phantoms.ankle import draw_ankle
from pedseg.phantoms.knee import draw_knee
from pedseg.phantoms.paint import Stage, paint_slice
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.protocol import AXES, PROTOCOLS, Protocol, draw_slab
from pedseg.phantoms.scanner import draw_scanner, draw_tones, scan_slice
from pedseg.phantoms.scene import Scene
from pedseg.phantoms.shoulder import draw_shoulder
from pedseg.phantoms.solids import joined
from pedseg.phantoms.warp import draw_warp
from pedseg.volumes import Geometry, Volume

SCENES: dict[str, Callable[[Patient], Scene]] = {"ankle": draw_ankle, "knee": draw_knee, "shoulder": draw_shoulder}
WARP_CONTROLS = {"ankle": (7, 7, 7), "knee": (8, 8, 6), "shoulder": (8, 8, 7)}
WARP_MM = {"ankle": 3.0, "knee": 4.0, "shoulder": 2.2}
"""Standard deviation of the warp's control points, adult mm."""


@dataclass(frozen=True, eq=False)
class Exam:
    """An image, its labels and what their headers say.

    Args:
        image: (I, J, K) uint16 grey values; slices across K.
        labels: (I, J, K) uint8, as in the domain, on the image's grid.
        protocol: sequence facts.
    """

    patient: Patient
    image: Volume
    labels: Volume
    protocol: Protocol


def make_exam(patient: Patient, *, matrix: int | None = None) -> Exam:
    """Paint and scan one patient; the same bytes for the same patient and matrix.

    Args:
        patient: from `draw_patient`.
        matrix: larger in-plane size; the number of slices shrinks with it and the field of view
            stays. None: as the scanner would give it.

    Raises:
        UsageError: PS-A120, a matrix too small.
    """
    stage, grid = make_stage(patient, matrix=matrix)
    image, labels = _scan(patient, stage)
    return Exam(
        patient,
        Volume(image, grid.affine, slice_axis=2),
        Volume(labels, grid.affine, slice_axis=2),
        PROTOCOLS[patient.domain],
    )


def make_stage(patient: Patient, *, matrix: int | None) -> tuple[Stage, Geometry]:
    """Draw all of a patient's exam but the scanner: what will be painted, and on which grid."""
    scene = SCENES[patient.domain](patient)
    origin = patient.rng("place").uniform(-60, 60, 3)
    side = scene.scale if patient.side == "right" else -scene.scale
    body = np.diag([side, scene.scale, scene.scale]) @ scene.pose.turn
    slab = draw_slab(
        patient,
        focus_mm=origin + body @ np.asarray(scene.focus_mm),
        depth_mm=_depth_mm(scene, patient.domain),
        scale=scene.scale,
    )
    grid = slab.grid(matrix)
    warp = draw_warp(patient.rng("warp"), WARP_CONTROLS[patient.domain], WARP_MM[patient.domain])
    return Stage(scene, draw_tones(patient), _to_limb(body, origin) @ grid.affine, grid.shape, warp), grid


def _to_limb(body: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4): RAS mm to adult mm in the limb's frame."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.linalg.inv(body)
    matrix[:3, 3] = -matrix[:3, :3] @ origin
    return matrix


def _depth_mm(scene: Scene, domain: str) -> float:
    """Extent of the named bones across the slices of a limb that lies straight."""
    if scene.depth_mm:
        return scene.depth_mm * scene.scale
    box = joined([bone.frame.box(bone.solid.box) for bone in scene.bones if bone.label])
    axis = int(np.argmax(np.abs(AXES[PROTOCOLS[domain].plane][:, 2])))
    return float((box[1] - box[0])[axis] * scene.scale)


def _scan(patient: Patient, stage: Stage) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    scanner = draw_scanner(patient)
    image = np.empty(stage.shape, dtype=np.uint16)
    labels = np.empty(stage.shape, dtype=np.uint8)
    for k in range(stage.shape[2]):
        grey, labels[:, :, k] = paint_slice(stage, k)
        image[:, :, k] = scan_slice(scanner, grey, stage.shape, k)
    return image, labels
