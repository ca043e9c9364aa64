"""One exam of one method: read, score, measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pedseg.domains import Domain
from pedseg.evaluation.metrics import measure_exam, score_exam, score_slices
from pedseg.evaluation.scores import Score, SliceScore
from pedseg.storage.cases import Case, read_exam
from pedseg.storage.masks import read_mask
from pedseg.volumes import Geometry, Volume
from pedseg.volumes.slices import choose_slice_axis


@dataclass(frozen=True)
class Task:
    """An exam to score.

    Args:
        method: whose prediction it is.
        exam: name, unique in its domain.
        domain: structures as the reference names them.
        prediction: a mask file or a folder of one file a bone.
        reference: the same; None where there is none.
        image: for pictures; None where there is none.
        plane: of the slices, where the grid does not tell; empty takes the array's last axis.
        values: of the prediction, where they are not the domain's.
        union: predictions know the union of the bones only (D's strategy `global`).
        tolerance_mm: of the surface Dice.
        record: `prediction.json` beside the prediction; None where there is none.
    """

    method: str
    exam: str
    domain: Domain
    prediction: Path
    reference: Path | None = None
    image: Case | None = None
    plane: str = ""
    values: Mapping[str, tuple[int, ...]] | None = None
    union: bool = False
    tolerance_mm: float = 1.0
    record: Path | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """Names of method, domain and exam."""
        return self.method, self.domain.name, self.exam

    @property
    def scored(self) -> Domain:
        """The domain with the structures that are scored."""
        return self.domain.union if self.union else self.domain


@dataclass(frozen=True)
class Result:
    """What an exam scored.

    Args:
        scores: in 3D.
        slices: in 2D; empty without a reference.
    """

    scores: tuple[Score, ...]
    slices: tuple[SliceScore, ...] = ()


def score_task(task: Task) -> Result:
    """Score a prediction against its reference, or measure it where there is none.

    Raises:
        InputError, GeometryError: a mask that cannot be read, or masks of different grids.
    """
    reference, prediction = read_masks(task)
    if reference is None:
        return Result(measure_exam(prediction, task.scored, exam=task.exam))
    plane = task.plane or reference.geometry.plane_of(2)
    axis, _ = choose_slice_axis(reference, plane)
    return Result(
        score_exam(prediction, reference, task.scored, exam=task.exam, tolerance_mm=task.tolerance_mm),
        score_slices(prediction, reference, task.scored, exam=task.exam, axis=axis),
    )


def read_masks(task: Task, *, like: Geometry | None = None) -> tuple[Volume | None, Volume]:
    """Reference and prediction on one grid: `like`, else the reference's.

    Raises:
        InputError, GeometryError: see `score_task`.
    """
    reference = None
    if task.reference is not None:
        reference = read_mask(task.reference, task.domain, like=like, where=f"reference of {task.exam}")
        like = reference.geometry
        reference = _united(reference) if task.union else reference
    where = f"prediction of {task.exam}"
    prediction = read_mask(task.prediction, task.scored, like=like, values=task.values, where=where)
    return reference, prediction


def read_view(task: Task) -> tuple[Volume | None, Volume | None, Volume]:
    """Image, reference and prediction on the image's grid, for pictures."""
    if task.image is None:
        return (None, *read_masks(task))
    image = read_exam(task.image)
    return (image, *read_masks(task, like=image.geometry))


def _united(labels: Volume) -> Volume:
    return replace(labels, array=(labels.array > 0).astype(np.uint8))
