"""Pictures: training curves and overlays of bones on exams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.volumes import Geometry, Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DIRECTIONS = {
    "sagittal": np.array([[0.0, 0, -1], [0, -1, 0]]),
    "coronal": np.array([[0.0, 0, -1], [-1, 0, 0]]),
    "axial": np.array([[0.0, -1, 0], [-1, 0, 0]]),
}
"""RAS directions in which picture rows (down) and columns (right) go up: radiological convention."""
_EDGES = {"sagittal": "A P", "coronal": "R L", "axial": "R L"}
Colour = tuple[int, int, int]
REFERENCE: Colour = (255, 0, 0)


def training_figure(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Loss and validation Dice by epoch, as PNG."""
    figure = _figure(9, 3.6)
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
    figure.savefig(path, format="png", metadata={"Software": None})


def preview_figure(
    image: Volume, labels: Volume, domain: Domain, path: Path, *, reference: NDArray[np.uint8] | None = None
) -> None:
    """Sagittal, coronal and axial slices through the bones, in true proportion, as PNG.

    Args:
        image: grey values.
        labels: (I, J, K) 0..n on the same grid.
        domain: names and colours.
        path: written.
        reference: (I, J, K) drawn as a red outline.
    """
    figure = _figure(12, 4.6)
    figure.patch.set_facecolor("black")
    limits = tuple(np.percentile(image.array[::4, ::4, ::2], (1, 99.5)))
    for axes, plane in zip(figure.subplots(1, 3), ("sagittal", "coronal", "axial"), strict=True):
        axis = image.geometry.axis_of(plane)
        index = _middle_slice(labels.array, axis)
        view = _View(image.geometry, axis, plane, index)
        _draw(axes, view, image.array, limits)
        _paint(axes, view, labels.array, domain)
        if reference is not None:
            _outline(axes, view, reference > 0, REFERENCE)
    _legend(figure, domain)
    figure.savefig(path, format="png", metadata={"Software": None}, facecolor="black")


class _View:
    """A slice of a volume turned for the eye."""

    def __init__(self, geometry: Geometry, axis: int, plane: str, index: int) -> None:
        self.plane = plane
        self._axis, self._index = axis, index
        rest = [a for a in range(3) if a != axis]
        along = _DIRECTIONS[plane] @ geometry.direction[:, rest]
        self._swap = bool(abs(along[0, 0]) + abs(along[1, 1]) < abs(along[0, 1]) + abs(along[1, 0]))
        along = along[:, ::-1] if self._swap else along
        rest = rest[::-1] if self._swap else rest
        self._steps = tuple(-1 if along[i, i] < 0 else 1 for i in range(2))
        self.size_mm = tuple(geometry.shape[a] * geometry.spacing_mm[a] for a in rest)

    def take(self, array: NDArray[Any]) -> NDArray[Any]:
        """Rows down, columns right."""
        picture: NDArray[Any] = array.take(self._index, axis=self._axis)
        picture = picture.T if self._swap else picture
        return picture[:: self._steps[0], :: self._steps[1]]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Millimetres for imshow, so that proportions are true."""
        return 0.0, self.size_mm[1], self.size_mm[0], 0.0


def _draw(axes: Axes, view: _View, array: NDArray[Any], limits: tuple[float, ...]) -> None:
    low, high = limits
    axes.imshow(view.take(array), "gray", vmin=low, vmax=high, extent=view.extent, interpolation="bilinear")
    first, last = _EDGES[view.plane].split()
    for x, text in ((0.02, first), (0.98, last)):
        axes.text(x, 0.5, text, color="white", transform=axes.transAxes, ha="left" if x < 0.5 else "right", fontsize=9)
    axes.set_title(view.plane, color="white", fontsize=10)
    axes.axis("off")


def _paint(axes: Axes, view: _View, labels: NDArray[Any], domain: Domain) -> None:
    picture = view.take(labels)
    colours = np.zeros((*picture.shape, 4), np.uint8)
    for structure, label in zip(domain.structures, domain.labels.values(), strict=True):
        colours[picture == label] = (*structure.rgb, 90)
        _outline(axes, view, labels == label, structure.rgb)
    axes.imshow(colours, extent=view.extent, interpolation="nearest")


def _outline(axes: Axes, view: _View, mask: NDArray[np.bool_], rgb: Colour) -> None:
    picture = view.take(mask)
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


def _middle_slice(labels: NDArray[Any], axis: int) -> int:
    """The slice with most structures, then most of them covered; the middle one of an empty volume."""
    rest = tuple(a for a in range(3) if a != axis)
    counts = np.stack([(labels == v).sum(axis=rest) for v in np.unique(labels) if v] or [np.zeros(labels.shape[axis])])
    if not counts.any():
        return int(labels.shape[axis] // 2)
    score = np.sqrt(counts / np.maximum(1, counts.max(axis=1, keepdims=True))).sum(axis=0)
    return int(score.argmax())


def _loss_names(rows: Sequence[dict[str, float]]) -> list[str]:
    return [n for n in rows[0] if n not in {"epoch", "seconds"} and not n.startswith("dice")]


def _curve_name(name: str) -> str:
    return {"dice": "mean"}.get(name, name.removeprefix("dice_"))


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
