"""Resampling operators: weights worked out by hand, sums, bounds, ends."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.volumes.resample import UP_GAIN, AxisPair, Operator, down_area, down_cubic, resample, up

PAIRS = [
    AxisPair(512, 0.26, 256, 161 / 256),
    AxisPair(300, 0.5, 256, 0.5078125),
    AxisPair(64, 1.0, 64, 1.0),
    AxisPair(65, 1.0, 64, 1.0),
    AxisPair(31, 1.7, 96, 0.9),
    AxisPair(2, 3.0, 32, 1.0),
    AxisPair(1, 1.0, 16, 2.0),
    AxisPair(7, 0.1, 16, 2.0),
]


def _dense(operator):
    return operator.weights.toarray()


def test_area_worked_out_by_hand():
    # 5 samples of 1 mm under 3 of 2 mm around one centre: the outer ones cover one and a half inside.
    expected = [[2 / 3, 1 / 3, 0, 0, 0], [0, 0.25, 0.5, 0.25, 0], [0, 0, 0, 1 / 3, 2 / 3]]
    np.testing.assert_allclose(_dense(down_area(AxisPair(5, 1.0, 3, 2.0))), expected, atol=1e-7)


def test_up_worked_out_by_hand():
    # Halfway between two samples: B = C = 1/2 weighs 2 * 53/96 - 2 * 5/96 = 1.
    row = _dense(up(AxisPair(5, 1.0, 6, 1.0)))[2]
    np.testing.assert_allclose(row, [0, -5 / 96, 53 / 96, 53 / 96, -5 / 96, 0], atol=1e-7)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_constants_stay_and_padding_has_zero_weight(pair):
    inside = pair.inside
    for make in (down_area, down_cubic):
        sums = _dense(make(pair)).sum(axis=1)
        np.testing.assert_allclose(sums[inside], 1, atol=1e-6)
        assert np.count_nonzero(sums) == inside.stop - inside.start
    back = _dense(up(pair))
    np.testing.assert_allclose(back.sum(axis=1), 1, atol=1e-6)
    assert not back[:, : inside.start].any()
    assert not back[:, inside.stop :].any()
    assert np.abs(back).sum(axis=1).max() <= UP_GAIN


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_operators_do_not_know_left_from_right(pair):
    for make in (down_area, down_cubic, up):
        weights = _dense(make(pair))
        np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-6)


def test_on_equal_grids_every_label_is_kept_even_single_pixels():
    pair = AxisPair(40, 0.8, 40, 0.8)
    labels = np.random.default_rng(0).integers(0, 4, (40, 40))
    onehot = (labels == np.arange(4)[:, None, None]).astype(np.float32)
    there = [resample(resample(o, down_area(pair), down_area(pair)), up(pair), up(pair)) for o in onehot]
    np.testing.assert_array_equal(np.argmax(there, axis=0), labels)


def test_a_range_of_outputs_and_its_reach_are_those_of_the_dense_matrix():
    operator = up(PAIRS[0])
    dense = _dense(operator)
    values = np.random.default_rng(1).random((256, 3), dtype=np.float32)
    np.testing.assert_allclose(operator.outputs(slice(100, 140))(values), dense[100:140] @ values, atol=1e-5)
    for part in (slice(60, 61), slice(100, 130), slice(0, 256)):
        hit = np.flatnonzero((dense[:, part] != 0).any(axis=1))
        assert operator.reach(part) == slice(hit[0], hit[-1] + 1)
    assert operator.reach(slice(0, 3)) == slice(0, 0)
    assert isinstance(operator, Operator)


def test_resample_is_both_operators():
    rows, columns = down_cubic(AxisPair(30, 1.0, 16, 2.0)), down_area(AxisPair(20, 1.0, 16, 1.5))
    image = np.random.default_rng(2).random((30, 20), dtype=np.float32)
    np.testing.assert_allclose(resample(image, rows, columns), _dense(rows) @ image @ _dense(columns).T, atol=1e-5)
