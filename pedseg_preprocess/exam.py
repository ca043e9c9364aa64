"""One exam: read, lay the slices, normalise, write the entry, measure what the slices can reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pedseg.evaluation.ceiling import ceiling_of
from pedseg.plan.spec import DomainPlan, cache_digest
from pedseg.storage.cache import Manifest, write_entry
from pedseg.storage.cases import Case, read_case, source_digest
from pedseg.storage.prepare import prepare
from pedseg.volumes.slices import labels_to_windows

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Task:
    """An exam to do.

    Args:
        plan: of its domain.
        case: its files.
        folder: the domain's cache.
    """

    plan: DomainPlan
    case: Case
    folder: Path

    @property
    def key(self) -> tuple[str, str]:
        """Names of the domain and the case."""
        return self.plan.domain.name, self.case.name


def preprocess_exam(task: Task) -> Manifest:
    """Make the cache entry of one exam.

    Raises:
        InputError, GeometryError: the exam cannot be read, or its labels do not fit.
        OutputError: the entry cannot be written.
    """
    plan, case = task.plan, task.case
    digest = source_digest(case)
    image, labels = read_case(case, plan.domain)
    prepared = prepare(image, plan)
    grid = prepared.grid
    masks = labels_to_windows(labels.array, grid.finer(plan.label_detail), plan.domain.n_classes)
    rows = masks.reshape(-1, *masks.shape[2:])
    manifest = Manifest(
        domain=plan.domain.name,
        case=case.name,
        plan_digest=cache_digest(plan),
        source_digest=digest,
        grid=grid.as_plain(),
        left_right_axis=grid.left_right_axis,
        rows_with=_rows_with(rows, plan),
        ceiling=ceiling_of(masks, labels.array, grid, plan.domain),
        notices=tuple((notice.code, notice.text) for notice in (*image.notices, *prepared.notices)),
    )
    return write_entry(task.folder, manifest, np.concatenate(list(prepared.windows())), rows)


def _rows_with(rows: Labels, plan: DomainPlan) -> dict[str, tuple[int, ...]]:
    """Structure -> rows of the arrays that show it."""
    n = plan.domain.n_classes
    shown = np.stack([np.bincount(row.ravel(), minlength=n) > 0 for row in rows])
    return {name: tuple(np.flatnonzero(shown[:, label]).tolist()) for name, label in plan.domain.labels.items()}
