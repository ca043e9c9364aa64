"""Metrics and numbers as tables write them: ratios in %, distances in mm."""

from __future__ import annotations

import math

from pedseg.evaluation.gather import higher_is_better
from pedseg.evaluation.scores import MEAN, UNION, unit_of
from pedseg.report.tables import NOTHING, Cell

SHORT = {
    "dice": "Dice", "sensitivity": "Sens.", "specificity": "Spec.", "mssd_mm": "MSSD", "assd_mm": "ASSD",
    "ravd": "RAVD", "hd95_mm": "HD95", "volume_ml": "Volume", "reference_volume_ml": "Reference volume",
}  # fmt: skip
"""As B and D abbreviate them."""
SYMBOLS = {"fraction": "%", "mm": "mm", "ml": "ml"}
STRUCTURES = {MEAN: "mean over bones", UNION: "union of bones"}


def short_title(metric: str) -> str:
    """Such as `ASSD`."""
    if metric.startswith("surface_dice_"):
        return f"Surface Dice {metric.removeprefix('surface_dice_').removesuffix('mm')} mm"
    return SHORT.get(metric, metric)


def metric_title(metric: str) -> str:
    """Such as `ASSD (mm) ↓`: the arrow points to the better end."""
    arrow = {True: " ↑", False: " ↓", None: ""}[higher_is_better(metric)]
    return f"{short_title(metric)} ({SYMBOLS[unit_of(metric)]}){arrow}"


def domain_title(domain: str) -> str:
    """Such as `Ankle`."""
    return domain[:1].upper() + domain[1:]


def structure_title(structure: str) -> str:
    """Such as `union of bones`; a bone is called as its domain calls it."""
    return STRUCTURES.get(structure, structure)


def shown(value: float, metric: str, *, sign: bool = False, decimals: int = 1) -> str:
    """A value in %, mm or ml."""
    if math.isnan(value):
        return NOTHING
    # Adding 0.0 below takes the sign from a zero.
    scaled = 100 * value if unit_of(metric) == "fraction" else value
    return signed(scaled, decimals) if sign else f"{round(scaled, decimals) + 0.0:.{decimals}f}"


def signed(value: float, decimals: int) -> str:
    """Such as `+0.12`; what rounds to zero has no sign."""
    rounded = round(value, decimals)
    return f"{rounded:+.{decimals}f}" if rounded else f"{0:.{decimals}f}"


def mean_std(mean: float, std: float, metric: str) -> str:
    """Such as `93.8 ± 1.2`."""
    return shown(mean, metric) if math.isnan(std) else f"{shown(mean, metric)} ± {shown(std, metric)}"


def p_value(p: float) -> Cell:
    """Such as `0.013` or `1.5e-15`, marked below 0.05 and below 0.01, and never rounded up to these."""
    if math.isnan(p):
        return Cell(NOTHING)
    mark, level = next(((m, at) for m, at in (("p01", 0.01), ("p05", 0.05)) if p < at), ("", math.inf))
    if p == 0:
        return Cell("< 1e-300", mark)
    if p < 0.001:
        return Cell(f"{p:.1e}".replace("e-0", "e-"), mark)
    return Cell(f"{p:.3f}" if round(p, 3) < level else f"< {level:.3f}", mark)
