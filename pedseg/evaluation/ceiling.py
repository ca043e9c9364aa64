"""What the slices of an exam can reach: the Dice no network trained on them can pass by much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.evaluation.overlap import dice
from pedseg.plan import DomainPlan
from pedseg.volumes import Volume
from pedseg.volumes.slices import (
    SliceGrid,
    choose_slice_axis,
    from_windows,
    labels_to_windows,
    plan_slices,
    windows_to_onehot,
)


def ceiling(labels: Volume, plan: DomainPlan) -> dict[str, float | None]:
    """Dice of the cache's uint8 labels back on the exam's own grid, structure by structure; None where absent.

    Args:
        labels: (I, J, K) 0..n of the plan's domain.
        plan: says plane, spacing and window.
    """
    axis, _ = choose_slice_axis(labels, plan.plane)
    grid = plan_slices(labels.geometry, slice_axis=axis, spacing_mm=plan.spacing_mm, window=plan.window)
    windows = labels_to_windows(labels.array, grid.finer(plan.label_detail), plan.domain.n_classes)
    return ceiling_of(windows, labels.array, grid, plan.domain)


def ceiling_of(
    windows: NDArray[np.uint8], labels: NDArray[np.uint8], grid: SliceGrid, domain: Domain
) -> dict[str, float | None]:
    """The same where the slices' labels (N, T, d W, d W) are at hand."""
    shares = windows_to_onehot(windows, domain.n_classes, detail=windows.shape[-1] // grid.window)
    back = from_windows(shares, grid).labels
    scores = dice(back, labels, domain.n_classes)
    return {name: None if np.isnan(score) else float(score) for name, score in zip(domain.labels, scores, strict=True)}
