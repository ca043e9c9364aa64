"""Plots of scores, as pictures that repeat byte for byte."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.evaluation.scores import UNION, Method, unit_of
from pedseg.report.canvas import OKABE_ITO, new_figure, plain_style, svg_of
from pedseg.report.figures import training_figure
from pedseg.report.values import metric_title, short_title
from pedseg.report.words import scaled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX"
BOX_METRICS = ("dice", "assd_mm", "mssd_mm")
PAGE_INCHES = 10.4
LEAST_FOR_BOX = 5
"""Fewer exams are shown as points and their median alone: quartiles of four values say nothing."""


def box_plot(methods: Sequence[Method], domain: Domain, *, metrics: Sequence[str] = BOX_METRICS) -> bytes:
    """Scores of single exams with quartiles, a panel a metric, bones side by side, methods within a bone; SVG.

    Args:
        methods: several are told apart by colour and shape, one alone shows the bones' colours.
        domain: whose scores.
        metrics: those without any score are left out.
    """
    found = {(m.name, s.structure, s.metric) for m in methods for s in m.scores if s.domain == domain.name}
    structures = [s for s in dict.fromkeys((*domain.labels, UNION)) if any(name == s for _, name, _ in found)]
    metrics = [m for m in metrics if any(metric == m for *_, metric in found)]
    with plain_style():
        wanted = max(2.8, 0.17 * len(structures) * (len(methods) + 1) + 0.7)
        columns = max(1, min(len(metrics), int(PAGE_INCHES // wanted)))
        rows = math.ceil(max(1, len(metrics)) / columns)
        figure = new_figure(min(PAGE_INCHES, columns * max(wanted, 3.4)), 3.0 * rows)
        for place, metric in enumerate(metrics, start=1):
            _boxes(figure.add_subplot(rows, columns, place), methods, domain, (structures, metric))
        if len(methods) > 1:
            figure.legend(handles=_keys([m.name for m in methods]), loc="outside lower center", ncols=4)
        return svg_of(figure)


def spider_plot(patients: Mapping[str, Mapping[str, Mapping[str, float]]]) -> bytes:
    """Ranking scores of single patients, a radar each; SVG.

    Args:
        patients: exam -> method -> metric -> score 0..100 (D table 1); all with the same metrics.
    """
    methods = list(dict.fromkeys(m for scores in patients.values() for m in scores))
    columns = min(4, max(1, len(patients)))
    rows = math.ceil(max(1, len(patients)) / columns)
    with plain_style():
        figure = new_figure(2.6 * columns, 2.5 * rows + 0.4)
        for place, (exam, scores) in enumerate(patients.items(), start=1):
            axes = figure.add_subplot(rows, columns, place, projection="polar")
            _radar(axes, scores, methods)
            axes.set_title(short(exam), pad=12, fontsize=9)
        if len(methods) > 1:
            figure.legend(handles=_keys(methods, lines=True), loc="outside lower center", ncols=4)
        return svg_of(figure)


def training_plot(rows: Sequence[dict[str, float]]) -> bytes:
    """Loss and validation Dice by epoch; PNG.

    Args:
        rows: of `log.csv`, one an epoch, at least one.
    """
    held = io.BytesIO()
    training_figure(rows, held)
    return held.getvalue()


def short(name: str, length: int = 28) -> str:
    """A name that fits; its middle goes first."""
    half = (length - 1) // 2
    return name if len(name) <= length else f"{name[:half]}…{name[-half:]}"


def _boxes(axes: Axes, methods: Sequence[Method], domain: Domain, what: tuple[list[str], str]) -> None:
    structures, metric = what
    bones = {s.name: s for s in domain.structures}
    room = 0.8 / len(methods)
    for i, method in enumerate(methods):
        for k, structure in enumerate(structures):
            values = np.array(sorted(_values(method, domain.name, structure, metric)))
            at = k + (i - (len(methods) - 1) / 2) * room
            bone = bones[structure].color if structure in bones else "#9aa4af"
            _box(axes, values, (at, room), (bone, "o") if len(methods) == 1 else (_of(OKABE_ITO, i), _of(MARKERS, i)))
    titles = [bones[s].title or s if s in bones else "Union of\nbones" for s in structures]
    axes.set_xticks(range(len(structures)), [title.replace(" (", "\n(") for title in titles])
    axes.set(title=metric_title(metric), xlim=(-0.6, len(structures) - 0.4))
    axes.margins(y=0.12)
    if unit_of(metric) != "fraction":
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)


def _box(axes: Axes, values: NDArray[np.float64], place: tuple[float, float], look: tuple[str, str]) -> None:
    at, room = place
    colour, marker = look
    if len(values) >= LEAST_FOR_BOX:
        dark = {"color": "#222222", "linewidth": 1.0}
        axes.boxplot(
            [values], positions=[at], widths=room * 0.7, patch_artist=True, showfliers=False, manage_ticks=False,
            boxprops={"facecolor": colour, "alpha": 0.45, "edgecolor": "#222222"},
            medianprops={"color": "#222222", "linewidth": 1.8}, whiskerprops=dark, capprops=dark,
        )  # fmt: skip
    elif len(values):
        axes.hlines(np.median(values), at - room * 0.35, at + room * 0.35, color="#222222", linewidth=1.8)
    spread = (np.arange(len(values)) * 0.618034 % 1 - 0.5) * room * 0.4  # neighbours in value apart, the same each time
    axes.scatter(
        at + spread, values, s=16, marker=marker, color=colour, edgecolors="#222222", linewidths=0.6, zorder=3
    )


def _values(method: Method, domain: str, structure: str, metric: str) -> Iterator[float]:
    for score in method.scores:
        if (score.domain, score.structure, score.metric) == (domain, structure, metric) and math.isfinite(score.value):
            yield scaled(score.value, metric)


def _radar(axes: Any, scores: Mapping[str, Mapping[str, float]], methods: Sequence[str]) -> None:
    metrics = list(dict.fromkeys(m for values in scores.values() for m in values))
    angles = np.linspace(0, 2 * np.pi, max(1, len(metrics)), endpoint=False)
    for i, method in enumerate(methods):
        if method not in scores:
            continue
        values = np.nan_to_num([scores[method].get(m, np.nan) for m in metrics])
        closed = np.append(values, values[:1])
        axes.plot(np.append(angles, angles[:1]), closed, _of(LINES, i), color=_of(OKABE_ITO, i), marker=_of(MARKERS, i),
                  markersize=3.5, linewidth=1.6)  # fmt: skip
        if len(methods) == 1:
            axes.fill(angles, values, color=_of(OKABE_ITO, i), alpha=0.2)
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_xticks(angles, [short_title(m) for m in metrics], fontsize=8)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = round(float(np.sin(angle)), 6)
        label.set_horizontalalignment("left" if side > 0 else "right" if side < 0 else "center")
    axes.tick_params(axis="x", pad=-1)
    axes.set(ylim=(0, 100), yticks=[25, 50, 75, 100])
    axes.set_yticklabels(["", "50", "", "100"], fontsize=7, color="#55606d")
    axes.grid(alpha=0.5)


def _keys(names: Sequence[str], *, lines: bool = False) -> list[Any]:
    from matplotlib.lines import Line2D

    looks: list[dict[str, Any]] = [
        {"linestyle": _of(LINES, i) if lines else "", "marker": _of(MARKERS, i), "color": _of(OKABE_ITO, i)}
        for i in range(len(names))
    ]
    return [Line2D([], [], label=short(name), **look) for name, look in zip(names, looks, strict=True)]


def _of(choice: Sequence[str], i: int) -> str:
    return choice[i % len(choice)]
