"""Scores in sentences and plots: values with their units, means of many."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pedseg.evaluation.scores import unit_of
from pedseg.report.tables import NOTHING
from pedseg.report.values import SYMBOLS, mean_std, shown

SPACE = "\u00a0"
"""Keeps a number and its unit on one line."""


def scaled(value: float, metric: str) -> float:
    """In %, mm or ml."""
    return 100 * value if unit_of(metric) == "fraction" else value


def with_unit(value: float, metric: str) -> str:
    """Such as `94.3 %`; a dash where there is no answer."""
    told = shown(value, metric)
    return told if told == NOTHING else f"{told}{SPACE}{SYMBOLS[unit_of(metric)]}"


def mean_of(values: Iterable[float]) -> float:
    """Of the values with an answer; NaN where there is none."""
    known = [v for v in values if not math.isnan(v)]
    return math.fsum(known) / len(known) if known else math.nan


def mean_text(values: Iterable[float], metric: str) -> str:
    """Mean and standard deviation, with n - 1 in the denominator, of the values with an answer: `94.3 ± 1.2`."""
    known = [v for v in values if not math.isnan(v)]
    mean = mean_of(known)
    squares = math.fsum((v - mean) ** 2 for v in known)
    return mean_std(mean, math.sqrt(squares / (len(known) - 1)) if len(known) > 1 else math.nan, metric)


def unbroken(text: str) -> str:
    """A text whose numbers stay with what follows them."""
    for word in ("±", "mm", "%"):
        text = text.replace(f" {word}", f"{SPACE}{word}")
    return text.replace("± ", f"±{SPACE}")
