"""Pictures of what a network makes of slices: scales, cosines, attention, masks given back (B, figures 7 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.evaluation.overlap import dice
from pedseg.evaluation.representation import AttentionMaps, CosineTable, Reconstruction
from pedseg.report.canvas import OKABE_ITO, new_figure, png_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

HEAT = ("#0000ff", "#00ffff", "#ffff00", "#ff0000")
"""Attention from 0, blue, to 1, red (B, figure 7)."""
OVERLAY = 0.6
PANEL = 2.6
"""Inches of a panel's side."""


@dataclass(frozen=True, eq=False)
class Scatter:
    """Points of one panel.

    Args:
        title: of the panel.
        points: (N_k, 2) a domain.
    """

    title: str
    points: Sequence[NDArray[np.floating]]


def scatter_figure(panels: Sequence[Scatter], names: Sequence[str]) -> bytes:
    """Panels of points, three in a row, a colour a domain, as PNG (B, figure 8).

    Axes have no numbers: t-SNE keeps neighbours, not distances.
    """
    figure, grid = _grid(len(panels), 0.3)
    for axes, panel in zip(grid, panels, strict=False):
        _dots(axes, panel)
    _domain_legend(figure, names)
    return png_of(figure)


def latent_figure(
    together: Scatter | None,
    apart: Sequence[Scatter],
    names: Sequence[str],
    shares: Sequence[NDArray[np.floating]],
) -> bytes:
    """Where masks lie in latent spaces, as PNG: all domains in one, then each alone by how much bone a mask shows.

    Args:
        together: of all domains, where they share a space.
        apart: one a domain, of its points alone.
        names: of the domains.
        shares: (N_k,) a domain, the share of each mask that is bone, 0..1.
    """
    figure, grid = _grid(len(apart) + (together is not None), 0.8, side=3.0)
    if together:
        _dots(grid[0], together)
        _domain_legend(figure, names)
    top = 100 * max((float(own.max()) for own in shares if len(own)), default=1.0)
    for axes, panel, own in zip(grid[together is not None :], apart, shares, strict=True):
        x, y = panel.points[0].T
        drawn = axes.scatter(x, y, s=8, c=100 * own, cmap="viridis", vmin=0, vmax=top, linewidths=0)
        _bare(axes, panel.title)
    figure.colorbar(drawn, ax=grid, label="pixels that are bone, %", shrink=0.5)
    return png_of(figure)


def cosine_figure(titles: Sequence[str], tables: Sequence[CosineTable], names: Sequence[str]) -> bytes:
    """A heat map of cosines a scale, mean and standard deviation written in, as PNG (B, table 5)."""
    figure, grid = _grid(len(tables), 0.4)
    low = -1.0 if any((table.mean < -0.05).any() for table in tables) else 0.0
    for axes, title, table in zip(grid, titles, tables, strict=False):
        drawn = axes.imshow(table.mean, cmap="viridis", vmin=low, vmax=1)
        for (i, j), mean in np.ndenumerate(table.mean):
            ink = "black" if mean > low + 0.6 * (1 - low) else "white"
            axes.text(j, i, f"{mean:.2f}\n±{table.std[i, j]:.2f}", ha="center", va="center", fontsize=7, color=ink)
        axes.set_title(title, fontsize=9)
        axes.set_xticks(range(len(names)), names, fontsize=7)
        axes.set_yticks(range(len(names)), names, fontsize=7, rotation=90, va="center")
    figure.colorbar(drawn, ax=grid, label="cosine", shrink=0.5)
    return png_of(figure)


def cosine_rows(
    titles: Sequence[str], tables: Sequence[CosineTable], names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Columns and rows of B's table 5: a row a scale, mean ± std of every pair of domains, then within and between."""
    pairs = [(i, j) for i in range(len(names)) for j in range(i, len(names))]
    heads = [names[i] if i == j else f"{names[i]} - {names[j]}" for i, j in pairs]
    rows = [
        (title, *(f"{t.mean[i, j]:.2f} ± {t.std[i, j]:.2f}" for i, j in pairs), str(t.within), _or_dash(t))
        for title, t in zip(titles, tables, strict=True)
    ]
    return ("scale", *heads, "within", "between"), tuple(rows)


def attention_figure(rows: Sequence[AttentionMaps]) -> bytes:
    """Slices and attention over them, blue 0 to red 1, a row a domain, as PNG (B, figure 7)."""
    from matplotlib.cm import ScalarMappable

    colours = heat_colours()
    figure, grid = _pairs([len(row.images) for row in rows])
    for axes, row in zip(grid, rows, strict=True):
        for e, place in enumerate(row.places):
            low, high = np.percentile(row.images[e], (1, 99.5))
            for cell in axes[2 * e : 2 * e + 2]:
                cell.imshow(row.images[e], "gray", vmin=low, vmax=high)
            axes[2 * e + 1].imshow(row.maps[e], colours, vmin=0, vmax=1, alpha=OVERLAY)
            axes[2 * e].set_title(place, fontsize=8, loc="left")
        name = row.domain.title or row.domain.name
        axes[0].text(-0.06, 0.5, name, transform=axes[0].transAxes, rotation=90, ha="right", va="center")
    bar = figure.colorbar(ScalarMappable(cmap=colours), ax=grid, shrink=0.6, aspect=30)
    bar.set_label("attention")
    return png_of(figure)


def reconstruction_figure(rows: Sequence[Reconstruction]) -> bytes:
    """Masks beside what an auto-encoder gives back, with the Dice of their bones, a row a domain, as PNG."""
    figure, grid = _pairs([len(row.labels) for row in rows])
    for axes, row in zip(grid, rows, strict=True):
        for e, place in enumerate(row.places):
            axes[2 * e].imshow(_painted(row.labels[e], row.domain))
            axes[2 * e + 1].imshow(_painted(row.rebuilt[e], row.domain))
            axes[2 * e].set_title(place, fontsize=8, loc="left")
            score = mask_dice(row.rebuilt[e], row.labels[e], row.domain)
            axes[2 * e + 1].set_title(f"given back, Dice {score:.2f}", fontsize=8, loc="left")
        title = row.domain.title or row.domain.name
        axes[0].text(-0.06, 0.5, title, transform=axes[0].transAxes, rotation=90, ha="right", va="center")
        _bone_legend(axes[-1], row.domain)
    return png_of(figure)


def mask_dice(rebuilt: NDArray[Any], labels: NDArray[Any], domain: Domain) -> float:
    """Mean Dice of the bones that either mask of a slice shows; nan where none does."""
    scores = dice(rebuilt, labels, domain.n_classes)
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def heat_colours() -> LinearSegmentedColormap:
    """Blue at 0, by cyan and yellow, to red at 1."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("attention", HEAT)


def _or_dash(table: CosineTable) -> str:
    return str(table.between) if np.isfinite(table.between.mean) else "-"


def _painted(labels: NDArray[Any], domain: Domain) -> NDArray[np.uint8]:
    """(W, W) labels -> (W, W, 3) in the bones' colours on black."""
    colours = np.array([(0, 0, 0), *(s.rgb for s in domain.structures)], np.uint8)
    painted: NDArray[np.uint8] = colours[labels]
    return painted


def _domain_colour(index: int) -> str:
    return OKABE_ITO[index % len(OKABE_ITO)]


def _domain_legend(figure: Figure, names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], linestyle="", marker="o", color=_domain_colour(k), label=name) for k, name in enumerate(names)
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=min(7, len(marks)), fontsize=9, frameon=False)


def _dots(axes: Axes, panel: Scatter) -> None:
    for k, points in enumerate(panel.points):
        x, y = points.T
        axes.scatter(x, y, s=6, alpha=0.7, linewidths=0, color=_domain_colour(k))
    _bare(axes, panel.title)


def _bone_legend(axes: Axes, domain: Domain) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=s.color, label=s.title or s.name) for s in domain.structures[:12]]
    axes.legend(handles=patches, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8, frameon=False)


def _bare(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_box_aspect(1)


def _grid(count: int, extra: float, *, side: float = PANEL) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, three in a row (four as two by two), and inches more for a legend."""
    columns = 2 if count == 4 else min(3, count)
    rows = -(-count // columns)
    figure = new_figure(columns * side + extra, rows * (side + 0.1) + 0.3)
    cells = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for spare in cells[count:]:
        spare.remove()
    return figure, cells[:count]


def _pairs(counts: Sequence[int]) -> tuple[Figure, NDArray[Any]]:
    """A figure with two bare cells an example and a row a domain."""
    columns = 2 * max([1, *counts])
    figure = new_figure(columns * 1.9 + 1.6, max(1, len(counts)) * 2.15, dpi=140)
    grid: NDArray[Any] = figure.subplots(len(counts), columns, squeeze=False)
    for axes in grid.ravel():
        axes.axis("off")
    return figure, grid
