"""What may be asked of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TOLERANCE_MM = 1.0


@dataclass(frozen=True)
class EvaluateOptions:
    """How to evaluate.

    Args:
        references: folder of reference masks, for folders of predictions; None measures without references.
        images: folder of the exams' images, for pictures; None shows masks alone.
        domains: names or files; of runs None takes all of their plan.
        names: of the methods, in the order they are given; None takes the folders' names.
        against: the method that statistics compare the others with; None takes the last.
        values: structure -> values that mean it in the predictions, where another tool numbers them otherwise.
        tolerance_mm: of the surface Dice.
        ranking: a file of thresholds instead of D's.
        plan: name of the plan whose runs are meant, where runs are given by name.
        representations: also draw what each run's network makes of slices.
        pictures: draw exams into the report.
        jobs: processes that read and score exams.
        seed: of bootstrap and t-SNE.
        overwrite: replace an earlier evaluation.
    """

    references: Path | None = None
    images: Path | None = None
    domains: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    against: str | None = None
    values: Mapping[str, tuple[int, ...]] | None = None
    tolerance_mm: float = TOLERANCE_MM
    ranking: Path | None = None
    plan: str = "default"
    representations: bool = False
    pictures: bool = True
    jobs: int = 1
    seed: int = 0
    overwrite: bool = False
