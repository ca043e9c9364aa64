"""Scores of one exam against its reference: of every structure, and of their union (METHODS 8).

Empty masks have these answers, in 3D and in 2D:

| metric | both empty | prediction empty | reference empty |
|---|---|---|---|
| dice | NaN | 0 | 0 |
| sensitivity | NaN | 0 | NaN |
| specificity | 1 | 1 | as counted |
| assd_mm, mssd_mm, hd95_mm | NaN | lambda | lambda |
| ravd | NaN | 1 | 1 |
| surface_dice | NaN | 0 | 0 |
| volume_ml, reference_volume_ml | 0 | as counted | as counted |

NaN: nothing was there to find, and means leave it out. lambda: the longest distance in the exam's grid, which is the
worst a distance can be (D, table 1). Specificity is NaN where the reference fills the grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.errors import GeometryError
from pedseg.evaluation.overlap import (
    Counts,
    confusion,
    dice_of,
    predicted_of,
    ravd_of,
    referenced_of,
    sensitivity_of,
    slice_confusion,
    specificity_of,
    union_of,
)
from pedseg.evaluation.scores import UNION, Score, SliceScore
from pedseg.evaluation.surface import Mask, surface_distances
from pedseg.storage.labels import GRID_TOLERANCE_MM, GRID_TOLERANCE_VOXELS
from pedseg.volumes import Volume

RATIOS = {"dice": dice_of, "sensitivity": sensitivity_of, "specificity": specificity_of}
"""What is scored in 2D as in 3D."""


def score_exam(
    prediction: Volume, reference: Volume, domain: Domain, *, exam: str, tolerance_mm: float = 1.0
) -> tuple[Score, ...]:
    """Every metric of every structure, then of the union.

    Args:
        prediction: (I, J, K) labels 0..n of the domain.
        reference: the same, on the same grid.
        domain: names the structures.
        exam: name in the rows.
        tolerance_mm: of the surface Dice; its name holds it.

    Raises:
        GeometryError: PS-A69 the grids differ.
    """
    _check_one_grid(prediction, reference, exam)
    counts = confusion(prediction.array, reference.array, domain.n_classes)
    ml = reference.geometry.voxel_mm3 / 1000
    overlap = {name: _with_union(of, counts, domain) for name, of in (*RATIOS.items(), ("ravd", ravd_of))}
    volume, reference_volume = (_with_union(of, counts, domain) * ml for of in (predicted_of, referenced_of))
    masks = zip(_masks(prediction.array, domain), _masks(reference.array, domain), strict=True)
    rows = []
    for i, (structure, (ours, theirs)) in enumerate(zip(structures_of(domain), masks, strict=True)):
        surface = surface_distances(ours, theirs, reference.geometry)
        values = {
            **{name: overlap[name][i] for name in RATIOS},
            "assd_mm": surface.assd_mm,
            "mssd_mm": surface.mssd_mm,
            "ravd": overlap["ravd"][i],
            "hd95_mm": surface.hd95_mm,
            f"surface_dice_{tolerance_mm:g}mm": surface.surface_dice(tolerance_mm),
            "volume_ml": volume[i],
            "reference_volume_ml": reference_volume[i],
        }
        rows += [Score(exam, domain.name, structure, name, float(value)) for name, value in values.items()]
    return tuple(rows)


def score_slices(
    prediction: Volume, reference: Volume, domain: Domain, *, exam: str, axis: int
) -> tuple[SliceScore, ...]:
    """Dice, sensitivity and specificity of the slices in which the reference holds a structure (METHODS 8).

    Args:
        prediction: (I, J, K) labels 0..n of the domain.
        reference: the same, on the same grid.
        domain: names the structures.
        exam: name in the rows.
        axis: array axis across which the exam is sliced, 0..2.

    Raises:
        GeometryError: PS-A69 the grids differ.
    """
    _check_one_grid(prediction, reference, exam)
    tables = slice_confusion(prediction.array, reference.array, domain.n_classes, axis=axis)
    numbers = np.flatnonzero(referenced_of(tables).any(axis=1))
    # (slices, structures) each
    values = {name: _with_union(of, tables[numbers], domain) for name, of in RATIOS.items()}
    return tuple(
        SliceScore(exam, domain.name, structure, int(number), name, float(table[row, column]))
        for row, number in enumerate(numbers)
        for column, structure in enumerate(structures_of(domain))
        for name, table in values.items()
    )


def measure_exam(prediction: Volume, domain: Domain, *, exam: str) -> tuple[Score, ...]:
    """Volumes alone, in ml, of a mask without a reference.

    Args:
        prediction: (I, J, K) labels 0..n of the domain.
        domain: names the structures.
        exam: name in the rows.
    """
    counts = confusion(prediction.array, prediction.array, domain.n_classes)
    volumes = _with_union(predicted_of, counts, domain) * (prediction.geometry.voxel_mm3 / 1000)
    return tuple(
        Score(exam, domain.name, structure, "volume_ml", float(volume))
        for structure, volume in zip(structures_of(domain), volumes, strict=True)
    )


def structures_of(domain: Domain) -> tuple[str, ...]:
    """Whose rows an exam has: the domain's structures, and `all` unless it is one of them (strategy global)."""
    return (*domain.labels,) if UNION in domain.labels else (*domain.labels, UNION)


def _with_union(of: Callable[[Counts], NDArray[Any]], counts: Counts, domain: Domain) -> NDArray[Any]:
    """(..., structures), in the order of `structures_of`."""
    return of(counts) if UNION in domain.labels else np.concatenate((of(counts), of(union_of(counts))), axis=-1)


def _masks(labels: NDArray[Any], domain: Domain) -> Iterator[Mask]:
    """One a structure, in the order of `structures_of`; one at a time, for each is as large as the exam."""
    yield from (labels == label for label in domain.labels.values())
    if UNION not in domain.labels:
        yield labels > 0


def _check_one_grid(prediction: Volume, reference: Volume, exam: str) -> None:
    apart = prediction.geometry.corner_distance_mm(reference.geometry)
    if apart > min(GRID_TOLERANCE_MM, GRID_TOLERANCE_VOXELS * min(reference.spacing_mm)):
        detail = f"corners {apart:.2f} mm apart" if np.isfinite(apart) else f"{prediction.shape}, {reference.shape}"
        raise GeometryError("PS-A69", f"{exam}: prediction is not on the reference's grid ({detail}): resample it")
