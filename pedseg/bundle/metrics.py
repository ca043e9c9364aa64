"""Validation Dice of whole exams, gathered slice by slice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ignite.metrics import Metric
from numpy.typing import NDArray

from pedseg.bundle.steps import Scored
from pedseg.domains import Domain
from pedseg.evaluation.overlap import confusion, dice_of


class ExamDice(Metric):
    """Mean Dice over structures, then exams, then domains, on the slices' own grid.

    Takes the output of `ValidateStep`. `compute` gives the mean; `per_domain` the parts. A structure that is
    in neither prediction nor reference of an exam does not count.

    Args:
        domains: in the plan's order.
    """

    def __init__(self, domains: Sequence[Domain]) -> None:
        self.domains = tuple(domains)
        super().__init__()

    def reset(self) -> None:
        """Forget all exams."""
        self._counts: dict[tuple[int, int], NDArray[np.int64]] = {}

    def update(self, output: Scored) -> None:
        """Add a batch of one exam."""
        predicted, reference, place = output
        counts = confusion(predicted.cpu().numpy(), reference.cpu().numpy(), self.domains[place.domain].n_classes)
        key = (place.domain, place.exam)
        self._counts[key] = self._counts.get(key, 0) + counts

    def compute(self) -> float:
        """Mean over domains; 0 where nothing could be scored."""
        values = [v for v in self.per_domain.values() if np.isfinite(v)]
        return float(np.mean(values)) if values else 0.0

    @property
    def per_domain(self) -> dict[str, float]:
        """Domain name -> mean Dice; NaN where it has no validation exam."""
        exams: dict[int, list[float]] = {}
        for (domain, _), counts in sorted(self._counts.items()):
            exams.setdefault(domain, []).append(_mean_dice(counts))
        return {d.name: float(np.mean(exams[i])) if i in exams else float("nan") for i, d in enumerate(self.domains)}


def _mean_dice(counts: NDArray[np.int64]) -> float:
    scores = dice_of(counts)
    present = np.isfinite(scores)
    return float(scores[present].mean()) if present.any() else 0.0
