"""Where a metric scores 100 and where 0: the thresholds of a ranking, as data (D table 1)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from pedseg.plan.values import Frozen
from pedseg.yaml_files import read_yaml_model, yaml_model

ADVICE = "correct it, or leave the file out to rank with D's thresholds"


class Threshold(Frozen):
    """Where a metric scores 100 and where 0.

    Args:
        best: the metric's best value, which scores 100.
        threshold: scores 0, as everything past it does.
        moved: other thresholds, one at a time, to see whether the ranks hold (D section S2).
    """

    best: float
    threshold: float
    moved: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _thresholds_stand_on_one_side(self) -> Threshold:
        sides = {np.sign(self.best - value) for value in (self.threshold, *self.moved)}
        if 0 in sides or len(sides) > 1:
            raise ValueError(f"threshold and moved must stand on one side of best ({self.best:g}), not on it")
        return self

    def score(self, value: float) -> float:
        """0..100; NaN scores 0."""
        if np.isnan(value):
            return 0.0
        return float(np.clip(100 * (value - self.threshold) / (self.best - self.threshold), 0, 100))


class RankingSystem(Frozen):
    """Metrics that count alike, each with its threshold (D table 1).

    Args:
        title: in a few words.
        source: where the thresholds are from.
        metrics: by name, as in scores.csv.
    """

    title: str
    source: str
    metrics: Annotated[dict[str, Threshold], Field(min_length=1)]

    def moved(self) -> tuple[tuple[str, float, RankingSystem], ...]:
        """Metric, threshold and system for every threshold moved alone (D table S2)."""
        return tuple(
            (name, value, self._with(name, rule.model_copy(update={"threshold": value})))
            for name, rule in self.metrics.items()
            for value in rule.moved
        )

    def _with(self, name: str, rule: Threshold) -> RankingSystem:
        return self.model_copy(update={"metrics": {**self.metrics, name: rule}})


def load_ranking(path: Path | None = None) -> RankingSystem:
    """Read thresholds; None is D's.

    Raises:
        UsageError: PS-A96 not a valid file of thresholds, PS-A125 no such file.
    """
    if path is None:
        text = files("pedseg.evaluation").joinpath("ranking.yaml").read_text("utf-8")
        return yaml_model(RankingSystem, text, "ranking.yaml", advice=ADVICE)
    return read_yaml_model(RankingSystem, path, advice=ADVICE)
