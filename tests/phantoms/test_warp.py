"""Smooth fields over the field of view."""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.warp import basis, draw_warp, hats


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
