"""Pictures: training curves and overlays of bones on exams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.report.canvas import new_figure
from pedseg.report.view import EDGES, REFERENCE, Colour, View, grey_limits, middle_slice
from pedseg.volumes import Volume
from pedseg.volumes.geometry import PLANES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def training_figure(rows: Sequence[dict[str, float]], target: Path | IO[bytes]) -> None:
    """Loss and validation Dice by epoch, as PNG.

    Args:
        rows: of `log.csv`, one an epoch.
        target: a path, or an open binary file.
    """
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    epochs = [r["epoch"] for r in rows]
    for axes, names, title in (
        (left, _loss_names(rows), "training loss"),
        (right, [n for n in rows[0] if n.startswith("dice")], "validation Dice"),
    ):
        for name in names:
            width = 2.0 if name in {"loss", "dice"} else 1.2
            axes.plot(epochs, [r[name] for r in rows], label=_curve_name(name), linewidth=width, marker=".")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    if all(v > 0 for r in rows for k, v in r.items() if k in _loss_names(rows)):
        left.set_yscale("log")  # terms differ by orders of magnitude
    scores = [v for r in rows for k, v in r.items() if k.startswith("dice") and np.isfinite(v)]
    right.set_ylim(min([0.5, *scores]), 1)
    figure.savefig(target, format="png", metadata={"Software": None})


def preview_figure(
    image: Volume,
    labels: Volume,
    domain: Domain,
    target: Path | IO[bytes],
    *,
    reference: NDArray[np.uint8] | None = None,
) -> None:
    """Sagittal, coronal and axial slices through the bones, in true proportion, as PNG.

    Args:
        image: grey values.
        labels: (I, J, K) 0..n on the same grid.
        domain: names and colours.
        target: a path, or an open binary file.
        reference: (I, J, K) drawn as a red outline.
    """
    figure = new_figure(12, 4.6)
    figure.patch.set_facecolor("black")
    limits = grey_limits(image.array)
    for axes, plane in zip(figure.subplots(1, 3), PLANES, strict=True):
        view = View(image.geometry, plane)
        index = middle_slice(labels.array, view.axis)
        _draw(axes, view, view.take(image.array, index), limits)
        _paint(axes, view, view.take(labels.array, index), domain)
        if reference is not None:
            _outline(axes, view, view.take(reference > 0, index), REFERENCE)
    _legend(figure, domain)
    figure.savefig(target, format="png", metadata={"Software": None}, facecolor="black")


def _draw(axes: Axes, view: View, picture: NDArray[Any], limits: tuple[float, float]) -> None:
    low, high = limits
    axes.imshow(picture, "gray", vmin=low, vmax=high, extent=view.extent, interpolation="bilinear")
    for x, text in zip((0.02, 0.98), EDGES[view.plane][:2], strict=True):
        axes.text(x, 0.5, text, color="white", transform=axes.transAxes, ha="left" if x < 0.5 else "right", fontsize=9)
    axes.set_title(view.plane, color="white", fontsize=10)
    axes.axis("off")


def _paint(axes: Axes, view: View, picture: NDArray[Any], domain: Domain) -> None:
    colours = np.zeros((*picture.shape, 4), np.uint8)
    for structure, label in zip(domain.structures, domain.labels.values(), strict=True):
        colours[picture == label] = (*structure.rgb, 90)
        _outline(axes, view, picture == label, structure.rgb)
    axes.imshow(colours, extent=view.extent, interpolation="nearest")


def _outline(axes: Axes, view: View, picture: NDArray[np.bool_], rgb: Colour) -> None:
    if picture.any() and not picture.all():
        rows, columns = (
            (np.arange(n) + 0.5) * size / n for n, size in zip(picture.shape, view.size_mm, strict=True)
        )
        axes.contour(columns, rows, picture, levels=[0.5], colors=[np.array(rgb) / 255], linewidths=0.9)


def _legend(figure: Figure, domain: Domain) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=s.color, label=s.title or s.name) for s in domain.structures[:12]]
    columns = min(6, len(patches))
    figure.legend(
        handles=patches, loc="outside lower center", ncols=columns, fontsize=9, labelcolor="white", facecolor="black"
    )


def _loss_names(rows: Sequence[dict[str, float]]) -> list[str]:
    return [n for n in rows[0] if n not in {"epoch", "seconds"} and not n.startswith("dice")]


def _curve_name(name: str) -> str:
    return {"dice": "mean"}.get(name, name.removeprefix("dice_"))
