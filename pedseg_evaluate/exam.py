"""One exam of one method: read, score, measure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pedseg.domains import Domain
from pedseg.errors import Notice, PedsegError
from pedseg.evaluation.metrics import measure_exam, score_exam, score_slices
from pedseg.evaluation.scores import Score, SliceScore
from pedseg.storage.cases import Case, is_segmentation, read_exam
from pedseg.storage.labels import covering_grid
from pedseg.storage.masks import place_mask, read_mask
from pedseg.volumes import Geometry, Volume
from pedseg.volumes.slices import choose_slice_axis


@dataclass(frozen=True)
class Task:
    """An exam to score.

    Args:
        method: whose prediction it is.
        exam: name, unique in its domain.
        domain: structures, numbered as the prediction numbers them unless `values` says otherwise.
        prediction: a mask file or a folder of one file a bone.
        reference: the same; None where there is none.
        image: for pictures; None where there is none.
        plane: of the slices, where the grid does not tell; empty takes the array's last axis.
        values: of the prediction, where they are not the domain's.
        union: predictions know the union of the bones only (D's strategy `global`).
        tolerance_mm: of the surface Dice.
        record: `prediction.json` beside the prediction; None where there is none.
        numbered: the same structures as the reference numbers them; None: as in `domain`.
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
    numbered: Domain | None = None

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
        notices: warnings met while the masks were read, such as a bone that no file is called by.
    """

    scores: tuple[Score, ...]
    slices: tuple[SliceScore, ...] = ()
    notices: tuple[Notice, ...] = ()


def score_task(task: Task) -> Result:
    """Score a prediction against its reference, or measure it where there is none.

    Raises:
        InputError, GeometryError: a mask that cannot be read, or masks of different grids.
    """
    reference, prediction = read_masks(task)
    if reference is None:
        return Result(measure_exam(prediction, task.scored, exam=task.exam), notices=_notices(prediction=prediction))
    plane = task.plane or reference.geometry.plane_of(2)
    axis, _ = choose_slice_axis(reference, plane)
    return Result(
        score_exam(prediction, reference, task.scored, exam=task.exam, tolerance_mm=task.tolerance_mm),
        score_slices(prediction, reference, task.scored, exam=task.exam, axis=axis),
        _notices(reference=reference, prediction=prediction),
    )


def read_masks(task: Task, *, like: Geometry | None = None) -> tuple[Volume | None, Volume]:
    """Reference and prediction on one grid: `like`, else the exam's as far as it is known.

    Raises:
        InputError, GeometryError: see `score_task`.
    """
    where = f"prediction of {task.exam}"
    if task.reference is None:
        return None, read_mask(task.prediction, task.scored, like=like, values=task.values, where=where)
    reference = read_mask(task.reference, task.numbered or task.domain, where=f"reference of {task.exam}")
    prediction = read_mask(task.prediction, task.scored, values=task.values, where=where)
    like = like or _common_grid(task, reference.geometry, prediction.geometry)
    prediction = place_mask(prediction, task.prediction, like, where=where)
    reference = place_mask(reference, task.reference, like, where=f"reference of {task.exam}")
    return _united(reference) if task.union else reference, prediction


def _common_grid(task: Task, reference: Geometry, prediction: Geometry) -> Geometry:
    """The reference's grid; that of a DICOM SEG may lack frames of the exam, on which specificity depends.

    Then it is the image's, else that of a prediction which is larger, else one that holds both.
    """
    if task.reference is None or not is_segmentation(task.reference):
        return reference
    if task.image is not None:
        with suppress(PedsegError):  # the scores stand without the image
            return read_exam(task.image).geometry
    if is_segmentation(task.prediction):
        return covering_grid(reference, prediction)
    return max(reference, prediction, key=lambda grid: math.prod(grid.shape))


def read_view(task: Task) -> tuple[Volume | None, Volume | None, Volume]:
    """Image, reference and prediction on the image's grid, for pictures."""
    if task.image is None:
        return (None, *read_masks(task))
    image = read_exam(task.image)
    return (image, *read_masks(task, like=image.geometry))


def _notices(**masks: Volume) -> tuple[Notice, ...]:
    """Warnings of masks, each with whose it is."""
    return tuple(replace(n, text=f"{whose}: {n.text}") for whose, mask in masks.items() for n in mask.notices)


def _united(labels: Volume) -> Volume:
    return replace(labels, array=(labels.array > 0).astype(np.uint8))
