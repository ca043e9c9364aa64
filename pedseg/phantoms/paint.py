"""From a scene to grey values and labels, one slice at a time.

A slice is small enough to stay in the processor's cache, and each solid is looked at only inside its
bounding box. Surfaces are painted with the share of the pixel they cover; labels follow pixel centres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.phantoms.scene import Bone, Fill, Muscle, Scene
from pedseg.phantoms.solids import FAR_MM, Array, Points, moved_box, smooth_max
from pedseg.phantoms.texture import grain, septa
from pedseg.phantoms.warp import Warp, hats

Region = tuple[slice, slice]
STRIDE = 6
"""Pixels between the points of the coarse look."""
SMALL = 24
"""Regions of fewer pixels a side are not worth a coarse look."""
SKIN_STEP_MM = 1.2
LEAST_FAT_MM = 1.0
"""Fat between the skin and everything below it."""
ARTICULAR_RISE_MM = 6.0
"""Depth inside a bone's articular region at which its cartilage has its full thickness."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A scene set before the grid it is painted on.

    Args:
        scene: in adult millimetres.
        tones: brightness of each tissue, fat being about 1.
        affine: (4, 4) voxel index to adult mm in the limb's frame.
        shape: voxels along (I, J, K); slices lie across K.
        warp: this patient's own displacement of the limb.
    """

    scene: Scene
    tones: Mapping[str, float]
    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    warp: Warp

    @cached_property
    def pixel_mm(self) -> float:
        """Mean in-plane spacing in adult mm."""
        return float(np.linalg.norm(self.affine[:3, :2], axis=0).mean())

    def points(self, k: int) -> Points:
        """Where the pixels of slice k lie in the limb, (I, J) each."""
        i, j = np.arange(self.shape[0]), np.arange(self.shape[1])
        moved = self.warp.at_slice(self.shape, k)
        rows = []
        for axis in range(3):
            a, b, c, d = (float(v) for v in self.affine[axis])
            rows.append(((a * i)[:, None] + (b * j + c * k + d)[None, :]).astype(np.float32) + moved[axis])
        return rows[0], rows[1], rows[2]

    @cached_property
    def regions(self) -> dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """By `id` of each part of the scene: first and last index (I, J, K) it may touch."""
        reach = np.array([[-1.0], [1.0]]) * (self.warp.reach_mm + self.pixel_mm)
        inverse = np.asarray(np.linalg.inv(self.affine), dtype=np.float64)
        found = {}
        for part in (*self.scene.soft, *self.scene.bones):
            low, high = moved_box(part.box + reach, inverse[:3, :3], inverse[:3, 3])
            first = np.floor(low).clip(0, self.shape).astype(int)
            last = np.ceil(high).clip(-1, np.asarray(self.shape) - 1).astype(int)
            found[id(part)] = first, last
        return found

    def region(self, part: Fill | Muscle | Bone, points: Points, k: int) -> Region | None:
        """Pixels of slice k near a part: inside its box, then where a coarse look finds it; None if nowhere."""
        first, last = self.regions[id(part)]
        if not first[2] <= k <= last[2] or (first > last).any():
            return None
        region = slice(int(first[0]), int(last[0]) + 1), slice(int(first[1]), int(last[1]) + 1)
        if (last - first)[:2].max() < SMALL:
            return region
        limit = part.reach_mm + 2 * STRIDE * self.pixel_mm
        coarse = part.frame.local(_cut(points, region, STRIDE))
        return _narrowed(region, part.solid.distance(coarse) < limit)


def _narrowed(region: Region, near: NDArray[np.bool_]) -> Region | None:
    """The part of a region that a mask of every STRIDE-th pixel marks, with one step of margin."""
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not rows.size:
        return None
    cuts = []
    for whole, marked in zip(region, (rows, columns), strict=True):
        start = max(whole.start, whole.start + (int(marked[0]) - 1) * STRIDE + 1)
        cuts.append(slice(start, min(whole.stop, whole.start + (int(marked[-1]) + 1) * STRIDE)))
    return cuts[0], cuts[1]


def paint_slice(stage: Stage, k: int) -> tuple[Array, NDArray[np.uint8]]:
    """Grey values (I, J) without the scanner's doing, and labels (I, J), of slice k."""
    points = stage.points(k)
    depth = _skin_distance(stage, points)
    grey = _paint_skin(stage, points, depth)
    covered = depth + (stage.scene.skin_mm + LEAST_FAT_MM)
    for part in stage.scene.soft:
        if region := stage.region(part, points, k):
            _paint_soft(stage, part, _cut(points, region), (grey[region], covered[region]))
    label = np.zeros(grey.shape, dtype=np.uint8)
    shapes = _shapes(stage, points, covered, k)
    for shape in shapes:
        _paint_cartilage(stage, shape, grey[shape.region])
    for shape in shapes:
        _paint_bone(stage, shape, grey[shape.region])
        if shape.bone.label:
            label[shape.region][shape.ossified < 0] = shape.bone.label
    return grey, label


def _skin_distance(stage: Stage, points: Points) -> Array:
    """Distance to the skin, which is smooth: looked at every millimetre or so, linear in between."""
    step = max(1, int(SKIN_STEP_MM / stage.pixel_mm))
    (rows, row_weights), (columns, column_weights) = (hats(n, step) for n in points[0].shape)
    x, y, z = (p[np.ix_(rows, columns)] for p in points)
    return np.asarray(row_weights @ stage.scene.outline.distance((x, y, z)) @ column_weights.T)


def _cut(points: Points, region: Region, step: int = 1) -> Points:
    x, y, z = (p[region][::step, ::step] for p in points)
    return x, y, z


def _cover(distance: NDArray[Any], blur_mm: float) -> Array:
    """Share of a pixel inside a surface."""
    return np.asarray((0.5 - distance * (1 / blur_mm)).clip(0, 1))


def _blend(grey: Array, share: Array, value: NDArray[Any] | float) -> None:
    grey += share * (value - grey)


def _paint_skin(stage: Stage, points: Points, depth: Array) -> Array:
    tones, pixel = stage.tones, stage.pixel_mm
    grey = np.full(depth.shape, tones["air"], dtype=np.float32)
    whole = slice(0, depth.shape[0]), slice(0, depth.shape[1])
    body = _narrowed(whole, depth[::STRIDE, ::STRIDE] < STRIDE * pixel)
    if body is None:
        return grey
    points, depth, inside = _cut(points, body), depth[body], grey[body]
    _blend(inside, _cover(depth, pixel), tones["skin"])
    fat = tones["fat"] * (1 + 0.035 * grain(points, (2.0, 2.0, 2.0)) - 0.28 * septa(points, (0.3, 0.2, 1.0), 99))
    _blend(inside, _cover(depth + stage.scene.skin_mm, pixel), fat)
    return grey


def _paint_soft(stage: Stage, part: Fill | Muscle, points: Points, canvas: tuple[Array, Array]) -> None:
    grey, covered = canvas
    local = part.frame.local(points)
    distance = part.solid.distance(local)
    if float(distance.min()) > 1:
        return
    distance = np.maximum(distance, covered)
    if isinstance(part, Fill):
        _blend(grey, _cover(distance, max(stage.pixel_mm, part.blur_mm)), _textured(stage, part, local))
        return
    fat, muscle = stage.tones["fat"], stage.tones["muscle"]
    inside = muscle * (1 + 0.07 * grain(local, (1.0, 1.0, 3.0)))
    inside += (fat * part.septa - muscle) * septa(local, part.along, part.seed)
    _blend(grey, _cover(distance + 0.35, stage.pixel_mm), inside)


def _textured(stage: Stage, part: Fill, points: Points) -> Array | float:
    tone = stage.tones[part.tissue]
    if part.tissue == "fat":
        return np.asarray(tone * (1 + 0.04 * grain(points) - 0.3 * septa(points, (1.0, 0.2, 0.3), 7)))
    if part.tissue in {"lung", "synovium", "nerve"}:
        return np.asarray(tone * (1 + 0.12 * grain(points, (2.0, 2.0, 2.0))))
    return tone


@dataclass(frozen=True, eq=False)
class _Shape:
    """A bone's surfaces on part of a slice."""

    bone: Bone
    region: Region
    local: Points
    anlage: Array
    weight: Array
    """0..1: how far cartilage covers the bone here."""
    away: Array
    """Distance outside the articular region, mm."""

    @property
    def ossified(self) -> Array:
        """Distance to the surface of the ossified part."""
        return np.asarray(self.anlage + self.weight * self.bone.unossified_mm)


def _shapes(stage: Stage, points: Points, covered: Array, k: int) -> list[_Shape]:
    taken = np.full(points[0].shape, FAR_MM, dtype=np.float32)
    covered = covered + 1.0
    shapes = []
    for bone in stage.scene.bones:
        region = stage.region(bone, points, k)
        if region is None:
            continue
        local = bone.frame.local(_cut(points, region))
        anlage = smooth_max(bone.solid.distance(local), bone.clear_mm - taken[region], 1.0)
        anlage = np.maximum(anlage, covered[region])
        if float(anlage.min()) > bone.cartilage_mm + 1:
            continue
        np.minimum(taken[region], anlage, out=taken[region])
        away = bone.articular.distance(local)
        weight = (away * (-1 / ARTICULAR_RISE_MM)).clip(0, 1)
        shapes.append(_Shape(bone, region, local, anlage, np.sqrt(weight), away))
    return shapes


def _paint_cartilage(stage: Stage, shape: _Shape, grey: Array) -> None:
    outside = shape.anlage - shape.weight * shape.bone.cartilage_mm
    share = _cover(outside, stage.pixel_mm) * (shape.weight * 4).clip(0, 1)
    _blend(grey, share, stage.tones["cartilage"])


def _paint_bone(stage: Stage, shape: _Shape, grey: Array) -> None:
    bone, tones, pixel = shape.bone, stage.tones, stage.pixel_mm
    depth = shape.ossified
    _blend(grey, _cover(depth, pixel), tones["cortex"])
    near, far = bone.cortex_mm
    cortex = near + (far - near) * (shape.away * 0.04).clip(0, 1)
    inner = _cover(depth + cortex, pixel)
    value = np.full_like(depth, tones["marrow"] * bone.marrow)
    plates = [plate.distance(shape.local) for plate in bone.physes]
    for height in plates:
        value += (tones["epiphysis"] - tones["marrow"]) * bone.marrow * (0.5 - height * 0.25).clip(0, 1)
    value *= 1 + 0.075 * grain(shape.local, (1.0, 1.0, 2.0))
    _blend(grey, inner, value)
    for height in plates:
        _paint_physis(stage, bone, height, _cover(depth + 0.3, pixel), grey)


def _paint_physis(stage: Stage, bone: Bone, height: Array, inside: Array, grey: Array) -> None:
    pixel, half = stage.pixel_mm, bone.physis_mm / 2
    closing = 0.55 if bone.physis_mm == 0 else 0.85
    edge = _cover(np.abs(height) - half - 0.45, pixel)
    _blend(grey, inside * edge * closing, stage.tones["cortex"])
    if bone.physis_mm > 0:
        _blend(grey, inside * _cover(np.abs(height) - half, pixel), stage.tones["physis"])
