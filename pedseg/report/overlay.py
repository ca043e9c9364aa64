"""Bones and reference laid over an exam's slices, as small layers of equal size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.report.page import Frame, Key, Panel, Viewer
from pedseg.report.view import EDGES, REFERENCE, Colour, View, grey_limits, worst_slice
from pedseg.volumes import Geometry, Volume
from pedseg.volumes.geometry import PLANES

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, HEIGHT = 1016.0, 460.0
"""Room for the three planes together, and for the highest of them, CSS pixels."""
STILL_MARGIN_MM = 20.0
"""Shown around the bones."""
SLICES_ALONG, SLICES_ACROSS = 48, 24
"""Most slices of a slider: in the plane of acquisition, and in the two others."""
_FILL_ALPHA = 85


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is drawn of an exam, all on one grid.

    Args:
        image: grey values; None leaves the ground black.
        prediction: labels 0..n.
        reference: labels 0..n; None where there is none.
        domain: names and colours.
    """

    image: Volume | None
    prediction: Volume
    reference: Volume | None
    domain: Domain


@dataclass(frozen=True)
class _Style:
    """Picture pixels a CSS pixel, quality of JPEG 0..100, and picture pixels of an outline."""

    detail: float
    quality: int
    thickness: int


_STILL, _SLIDER = _Style(1.75, 85, 2), _Style(1.0, 68, 1)


def still_viewer(drawing: Drawing, name: str) -> Viewer:
    """The slice with most disagreement in each of three planes, around the bones.

    Args:
        drawing: of the exam.
        name: of the exam.
    """
    painter = _Painter(drawing, _around_bones(drawing, STILL_MARGIN_MM), _STILL)
    panels = (painter.panel(view, (worst,), worst) for view, worst in painter.worst())
    return Viewer(name, tuple(panels), _legend(drawing))


def slider_viewer(drawing: Drawing, name: str) -> Viewer:
    """Slices through the whole exam in three planes; each starts where disagreement is most.

    Args:
        drawing: of the exam.
        name: of the exam.
    """
    painter = _Painter(drawing, tuple((0, n) for n in drawing.prediction.shape), _SLIDER)
    along = _slice_axis(drawing)
    most = {view.axis: SLICES_ALONG if view.axis == along else SLICES_ACROSS for view in painter.views}
    panels = (
        painter.panel(view, _spread(view.slices, most[view.axis], worst), worst) for view, worst in painter.worst()
    )
    return Viewer(name, tuple(panels), _legend(drawing))


class _Painter:
    """Draws slices of a part of an exam; all its panels show a millimetre equally long."""

    def __init__(self, drawing: Drawing, box: tuple[tuple[int, int], ...], style: _Style) -> None:
        self._drawing, self._box, self._style = drawing, box, style
        part = tuple(slice(*ends) for ends in box)
        image, reference = drawing.image, drawing.reference
        self._limits = None if image is None else grey_limits(image.array)
        self._image = None if image is None else image.array[part]
        self._labels = drawing.prediction.array[part]
        self._reference = None if reference is None else reference.array[part]
        grid = Geometry(self._labels.shape, drawing.prediction.affine)
        self.views = tuple(View(grid, plane) for plane in PLANES)
        width, height = sum(v.size_mm[1] for v in self.views), max(v.size_mm[0] for v in self.views)
        self._scale = min(WIDTH / width, HEIGHT / height)

    def worst(self) -> list[tuple[View, int]]:
        """Each view with the slice of the whole exam where disagreement is most."""
        reference = self._drawing.reference
        other = None if reference is None else reference.array
        return [(view, worst_slice(self._drawing.prediction.array, other, view.axis)) for view in self.views]

    def panel(self, view: View, indices: Sequence[int], start: int) -> Panel:
        """Slices of the whole exam in one plane."""
        height, width = (max(1, round(side * self._scale)) for side in view.size_mm)
        frames = tuple(self._frame(view, index) for index in indices)
        return Panel(view.plane, EDGES[view.plane], (width, height), frames, list(indices).index(start))

    def _frame(self, view: View, index: int) -> Frame:
        height, width = (max(1, round(side * self._scale * self._style.detail)) for side in view.size_mm)
        inside = index - self._box[view.axis][0]
        size = (width, height)
        labels = _enlarged(view.take(self._labels, inside), size)
        colours = [s.rgb for s in self._drawing.domain.structures]
        n, thick = len(colours), self._style.thickness
        painted = np.where(_edges(labels, thick), labels + n, labels)
        outline = None
        if self._reference is not None:
            edges = _edges(_enlarged(view.take(self._reference, inside), size), thick)
            outline = _layer(edges.astype(np.uint8), [(REFERENCE, 255)])
        palette = [(rgb, _FILL_ALPHA) for rgb in colours] + [(rgb, 255) for rgb in colours]
        place = f"slice {index + 1} of {self._drawing.prediction.shape[view.axis]}"
        return Frame(place, self._ground(view, inside, size), _layer(painted, palette), outline)

    def _ground(self, view: View, index: int, size: tuple[int, int]) -> bytes:
        from PIL import Image

        if self._image is None or self._limits is None:
            return _bytes(Image.new("L", size), "JPEG", quality=self._style.quality)
        low, high = self._limits
        picture = view.take(self._image, index).astype(np.float32)
        grey = ((picture - low) * (255 / max(high - low, 1e-6))).clip(0, 255).astype(np.uint8)
        resized = Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC)
        return _bytes(resized, "JPEG", quality=self._style.quality, optimize=True)


def _enlarged(labels: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) labels at another size: each pixel takes the label that interpolates highest there."""
    from PIL import Image

    present = np.unique(labels)
    shares = [
        np.asarray(Image.fromarray((labels == v).astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR))
        for v in present
    ]
    chosen: NDArray[np.uint8] = present.astype(np.uint8)[np.argmax(shares, axis=0)]
    return chosen


def _edges(labels: NDArray[np.uint8], thickness: int) -> NDArray[np.bool_]:
    """(H, W): pixels of a label nearer than `thickness` to another label; the picture's border is no edge."""
    padded = np.pad(labels, thickness, mode="edge")
    height, width = labels.shape
    edge = np.zeros(labels.shape, bool)
    for step in range(1, thickness + 1):
        for down, right in ((step, 0), (-step, 0), (0, step), (0, -step)):
            rows = slice(thickness + down, thickness + down + height)
            columns = slice(thickness + right, thickness + right + width)
            edge |= padded[rows, columns] != labels
    return edge & (labels > 0)


def _layer(indices: NDArray[np.uint8], colours: Sequence[tuple[Colour, int]]) -> bytes:
    """PNG of a palette: 0 is transparent, k the k-th colour with its opacity 0..255."""
    from PIL import Image

    picture = Image.fromarray(indices.astype(np.uint8))
    picture.putpalette([0, 0, 0, *(value for rgb, _ in colours for value in rgb)])
    alphas = bytes([0, *(alpha for _, alpha in colours)])
    return _bytes(picture, "PNG", transparency=alphas, bits=_bits(len(alphas)), compress_level=9)


def _bits(colours: int) -> int:
    return next(bits for bits in (1, 2, 4, 8) if colours <= 2**bits)


def _bytes(picture: Image, kind: str, **options: Any) -> bytes:
    held = io.BytesIO()
    picture.save(held, kind, **options)
    return held.getvalue()


def _around_bones(drawing: Drawing, margin_mm: float) -> tuple[tuple[int, int], ...]:
    """First and last voxel (excluded) along each axis; the whole grid where nothing is labelled."""
    mask = drawing.prediction.array > 0
    if drawing.reference is not None:
        mask = mask | (drawing.reference.array > 0)
    ends = []
    for axis, spacing in enumerate(drawing.prediction.spacing_mm):
        held = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        margin, n = round(margin_mm / spacing), mask.shape[axis]
        ends.append((max(0, int(held[0]) - margin), min(n, int(held[-1]) + 1 + margin)) if len(held) else (0, n))
    return tuple(ends)


def _spread(n: int, most: int, wanted: int) -> tuple[int, ...]:
    """At most `most` of n slices, evenly; the one nearest to the wanted slice gives way to it."""
    chosen = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
    chosen[np.abs(chosen - wanted).argmin()] = wanted
    return tuple(int(i) for i in chosen)


def _slice_axis(drawing: Drawing) -> int:
    """The axis of acquisition; where nothing tells, the one with the widest steps."""
    known = [v.slice_axis for v in (drawing.image, drawing.prediction) if v is not None and v.slice_axis is not None]
    return known[0] if known else int(np.argmax(drawing.prediction.spacing_mm))


def _legend(drawing: Drawing) -> tuple[Key, ...]:
    bones = tuple(Key(s.title or s.name, s.color) for s in drawing.domain.structures)
    outline = (Key("reference", "#{:02x}{:02x}{:02x}".format(*REFERENCE), outline=True),)
    return bones + (outline if drawing.reference is not None else ())
