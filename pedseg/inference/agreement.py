"""How far the networks of several folds name the same bones in one exam."""

from __future__ import annotations

from itertools import combinations

import torch

from pedseg.domains import Domain


class Votes:
    """Counts, batch by batch, where folds agree: memory does not grow with the exam.

    Counted are pixels of the windows, before the labels go back to the exam's grid and before post-processing. Where
    windows overlap, a pixel counts in each.

    Args:
        n_folds: F.
        n_classes: C, background included.
    """

    def __init__(self, n_folds: int, n_classes: int) -> None:
        self.shared = torch.zeros(n_classes - 1, n_folds, n_folds, dtype=torch.float64)
        """Pixels that both folds of a pair give a label; on the diagonal, those a fold gives it."""

    def add(self, labels: torch.Tensor) -> None:
        """Count a batch.

        Args:
            labels: (F, ...) 0..C-1, every fold's own, on any device.
        """
        flat = labels.flatten(1)
        for index in range(len(self.shared)):
            mask = (flat == index + 1).float()  # ones: a float32 sum of them is exact up to 2^24
            self.shared[index] += (mask @ mask.T).cpu()

    def agreement(self, domain: Domain) -> dict[str, float]:
        """Structure -> mean Dice over pairs of folds; without structures that no fold has found.

        A pair of which one has found nothing counts as 0, one of which neither has is left out.
        """
        means = {name: self._mean_dice(label - 1) for name, label in domain.labels.items()}
        return {name: mean for name, mean in means.items() if mean is not None}

    def _mean_dice(self, index: int) -> float | None:
        shared = self.shared[index].tolist()
        pairs = [(shared[i][j], shared[i][i] + shared[j][j]) for i, j in combinations(range(len(shared)), 2)]
        scores = [2 * both / total for both, total in pairs if total]
        return sum(scores) / len(scores) if scores else None
