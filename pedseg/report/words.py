"""How metrics are called and told: ratios in percent, distances in mm, volumes in ml."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pedseg.evaluation.scores import unit_of

NO_ANSWER = "\u2013"
"""A dash."""
_TITLES = {
    "dice": "Dice",
    "assd_mm": "ASSD",
    "mssd_mm": "MSSD",
    "ravd": "RAVD",
    "hd95_mm": "HD95",
    "volume_ml": "volume",
    "reference_volume_ml": "reference volume",
}
_UNITS = {"fraction": "%", "mm": "mm", "ml": "ml"}
_DIGITS = {"%": 1, "mm": 2, "ml": 1}


def metric_title(metric: str) -> str:
    """Such as `Dice, %` or `ASSD, mm`."""
    return f"{metric_name(metric)}, {_UNITS[unit_of(metric)]}"


def metric_name(metric: str) -> str:
    """Such as `Dice` or `surface Dice 1 mm`."""
    if metric in _TITLES:
        return _TITLES[metric]
    if metric.startswith("surface_dice_"):
        return f"surface Dice {metric.removeprefix('surface_dice_').removesuffix('mm')} mm"
    return metric.removesuffix(f"_{unit_of(metric)}").replace("_", " ")


def shown(metric: str, value: float) -> float:
    """A value as figures and tables show it: fractions times 100."""
    return 100 * value if unit_of(metric) == "fraction" else value


def value_text(metric: str, value: float, *, unit: bool = False) -> str:
    """Such as `94.3`, or `94.3 %` with its unit on the same line; a dash where there is no answer."""
    if math.isnan(value):
        return NO_ANSWER
    name = _UNITS[unit_of(metric)]
    return f"{shown(metric, value):.{_DIGITS[name]}f}" + (f"\u00a0{name}" if unit else "")


def mean_text(metric: str, values: Iterable[float]) -> str:
    """Mean and standard deviation (of a sample, where there are two) of the values with an answer: `94.3 ± 1.2`."""
    known = [v for v in values if not math.isnan(v)]
    if not known:
        return NO_ANSWER
    mean = math.fsum(known) / len(known)
    if len(known) == 1:
        return value_text(metric, mean)
    std = math.sqrt(math.fsum((v - mean) ** 2 for v in known) / (len(known) - 1))
    return f"{value_text(metric, mean)} ± {value_text(metric, std)}"
