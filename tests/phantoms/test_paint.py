"""The fast painter against a slow one, and the smooth fields it stands on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from pedseg.phantoms import draw_patient
from pedseg.phantoms.exam import make_stage
from pedseg.phantoms.frames import Frame, moved, turned_about
from pedseg.phantoms.growth import draw_growth
from pedseg.phantoms.paint import LEAST_FAT_MM, Stage, paint_slice
from pedseg.phantoms.patient import Patient
from pedseg.phantoms.solids import smooth_max
from pedseg.phantoms.texture import SEPTA_TILE, grain_tile, septa_tile
from pedseg.phantoms.warp import basis, draw_warp, hats


def _slow_labels(stage: Stage, k: int) -> NDArray[np.uint8]:
    """Every bone on every pixel: no boxes, no coarse look, the skin at full resolution."""
    points = stage.points(k)
    covered = stage.scene.outline.distance(points) + (stage.scene.skin_mm + LEAST_FAT_MM + 1.0)
    taken = np.full(points[0].shape, 1e3, dtype=np.float32)
    labels = np.zeros(points[0].shape, dtype=np.uint8)
    for bone in stage.scene.bones:
        local = bone.frame.local(points)
        anlage = smooth_max(bone.solid.distance(local), bone.clear_mm - taken, 1.0)
        anlage = np.maximum(anlage, covered)
        taken = np.minimum(taken, anlage)
        weight = np.sqrt((bone.articular.distance(local) * (-1 / 6.0)).clip(0, 1))
        if bone.label:
            labels[anlage + weight * bone.unossified_mm < 0] = bone.label
    return labels


@pytest.mark.parametrize("name", ["ankle", "knee", "shoulder"])
def test_labels_are_those_of_a_painter_without_short_cuts(name: str) -> None:
    stage, grid = make_stage(draw_patient(name, 1, 1), matrix=128)
    for share in (0.4, 0.5, 0.6):
        k = int(grid.shape[2] * share)
        fast, slow = paint_slice(stage, k)[1], _slow_labels(stage, k)
        assert (slow > 0).sum() > 100
        assert (fast != slow).mean() < 2e-4


def test_brightness_stays_between_the_tissues() -> None:
    stage, grid = make_stage(draw_patient("knee", 1, 0), matrix=96)
    grey, _ = paint_slice(stage, grid.shape[2] // 2)
    assert grey.min() >= 0
    assert grey.max() < 1.4 * max(stage.tones.values())
    assert (grey == stage.tones["air"]).mean() > 0.1


def test_splines_share_out_one_and_stay_in_their_hull() -> None:
    weights = basis(50, 7)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    assert weights.min() >= 0
    warp = draw_warp(np.random.default_rng(0), (6, 6, 6), 3.0)
    moves = np.stack([warp.at_slice((20, 22, 9), k) for k in range(9)])
    assert np.linalg.norm(moves, axis=1).max() <= warp.reach_mm


def test_the_warp_is_the_same_field_at_every_matrix() -> None:
    """Pixel 1 of 3 covers the same place as pixels 3..5 of 9, so its middle is pixel 4."""
    warp = draw_warp(np.random.default_rng(1), (6, 6, 6), 3.0)
    coarse, fine = warp.at_slice((3, 3, 3), 1), warp.at_slice((9, 9, 9), 4)
    np.testing.assert_allclose(coarse[:, 1, 1], fine[:, 4, 4], atol=1e-6)


def test_hats_interpolate_lines_exactly() -> None:
    nodes, weights = hats(12, 5)
    assert nodes.tolist() == [0, 5, 10, 11]
    np.testing.assert_allclose(weights @ (3.0 * nodes + 1), 3.0 * np.arange(12) + 1, rtol=1e-6)


def test_frames_compose_and_undo() -> None:
    outer, inner = turned_about((1.0, 2.0, 3.0), (30.0, 0.0, 50.0)), moved((5.0, 0.0, -1.0))
    both = outer @ inner
    assert both.at((1.0, 1.0, 1.0)) == pytest.approx(outer.at((6.0, 1.0, 0.0)))
    x, y, z = both.local(tuple(np.array([v], dtype=np.float32) for v in both.at((7.0, 8.0, 9.0))))  # type: ignore[arg-type]
    assert (x[0], y[0], z[0]) == pytest.approx((7, 8, 9), abs=1e-4)
    assert turned_about((1.0, 2.0, 3.0), (10.0, 20.0, 30.0)).at((1.0, 2.0, 3.0)) == pytest.approx((1, 2, 3))
    assert Frame().at((1.0, 2.0, 3.0)) == (1, 2, 3)


def test_textures_repeat_without_a_seam() -> None:
    tile = septa_tile()
    assert tile.shape == (SEPTA_TILE, SEPTA_TILE)
    assert 0 <= tile.min() < tile.max() <= 1
    steps = np.abs(np.diff(tile, axis=0)).mean()
    assert np.abs(tile[0] - tile[-1]).mean() < 2 * steps
    assert grain_tile().std() == pytest.approx(1, abs=1e-3)


def test_the_young_have_more_cartilage_and_open_plates() -> None:
    def grown(age: float) -> list[float]:
        drawn = [
            draw_growth(Patient("shoulder", age, "left", False, 0, i), np.random.default_rng(i)) for i in range(20)
        ]
        return np.mean([dataclasses.astuple(g) for g in drawn], axis=0).tolist()  # type: ignore[no-any-return]

    young, old = grown(5.0), grown(17.0)
    names = [
        f.name
        for f in dataclasses.fields(draw_growth(Patient("knee", 15, "left", False, 0, 0), np.random.default_rng(0)))
    ]
    change = {n: o - y for n, y, o in zip(names, young, old, strict=True)}
    assert change["scale"] > 0.3
    assert change["unossified_mm"] < -2
    assert change["physis_mm"] < -1.5
    assert change["cartilage_mm"] < 0
