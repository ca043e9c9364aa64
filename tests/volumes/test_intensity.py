"""Normalisation against numpy in float64, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.errors import InputError
from pedseg.volumes.intensity import ROBUST, clip_limits, normalise


def _image(dtype, order="C"):
    rng = np.random.default_rng(0)
    return np.asarray(rng.gamma(2, 150, size=(115, 105, 95)), dtype=dtype, order=order)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("clip", [None, ROBUST, (1.0, 98.5)])
def test_equals_the_plain_formula_in_float64(dtype, clip):
    image = _image(dtype, order="F")
    values = image.astype(np.float64)
    if clip:
        values = np.clip(values, *np.percentile(values, clip))
    expected = (values - values.mean()) / values.std()
    got = normalise(image, clip_percentiles=clip)
    assert got.dtype == np.float32
    assert got.flags.f_contiguous
    np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.parametrize("offset", [0, -700, 2**30])
def test_percentiles_of_whole_numbers_are_numpys(offset):
    image = _image(np.int32) + np.int32(offset)
    np.testing.assert_allclose(clip_limits(image, (0.05, 99.95)), np.percentile(image, (0.05, 99.95)), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", ["mixed", "negative", "steps", "zeros", "tiny"])
@pytest.mark.parametrize("percentiles", [(0.05, 99.95), (0, 100), (40.0, 60.0)])
def test_percentiles_of_floats_are_numpys_whatever_their_sign_and_spread(dtype, make, percentiles):
    rng = np.random.default_rng(5)
    image = {
        "mixed": lambda: rng.normal(size=(60, 40, 30)) * 10.0 ** rng.integers(-3, 4, (60, 40, 30)),
        "negative": lambda: -rng.gamma(2, 150, (60, 40, 30)),
        "steps": lambda: rng.integers(-3, 3, (60, 40, 30)) * 0.7,
        "zeros": lambda: np.where(rng.random((60, 40, 30)) < 0.9, -0.0, rng.normal(size=(60, 40, 30))),
        "tiny": lambda: rng.normal(size=(1, 1, 3)),
    }[make]().astype(dtype)
    expected = np.percentile(image.astype(np.float64), percentiles)
    np.testing.assert_allclose(clip_limits(image, percentiles), expected, rtol=1e-12, atol=0)


def test_a_range_too_wide_for_a_histogram_still_gives_numpys_percentiles():
    image = _image(np.int32)
    image[0, 0, 0] = 2**31 - 1
    np.testing.assert_allclose(clip_limits(image, (0.05, 99.95)), np.percentile(image, (0.05, 99.95)), rtol=1e-12)


def test_five_hot_voxels_change_nothing_to_speak_of_when_clipped():
    image = _image(np.uint16)
    hot = image.copy()
    hot.ravel()[[1, 900, 5000, 20000, 59000]] = 65535
    cold = np.ones(image.shape, dtype=bool)
    cold.ravel()[[1, 900, 5000, 20000, 59000]] = False
    clipped = np.abs(normalise(hot, clip_percentiles=ROBUST) - normalise(image, clip_percentiles=ROBUST))[cold]
    plain = np.abs(normalise(hot) - normalise(image))[cold]
    assert clipped.max() < 0.02
    assert plain.max() > 0.1


def test_a_view_with_gaps_is_read_right():
    image = _image(np.int16)
    np.testing.assert_array_equal(normalise(image[::2, :, ::-1]), normalise(image[::2, :, ::-1].copy()))


@pytest.mark.parametrize("value", [0, -3, 65535])
def test_a_constant_image_is_refused(value):
    with pytest.raises(InputError, match=r"PS-A65: wanted an image, got the value .* everywhere"):
        normalise(np.full((4, 5, 6), value, dtype=np.int32), clip_percentiles=ROBUST)


def test_a_few_voxels_on_a_constant_image_are_still_a_constant_image():
    image = np.zeros((50, 50, 50), dtype=np.int16)
    image[0, 0, :3] = 900
    with pytest.raises(InputError, match="PS-A65"):
        normalise(image, clip_percentiles=ROBUST)


def test_nan_and_infinity_are_refused_with_their_count():
    image = _image(np.float32)
    image[0, 0, :3] = np.nan
    image[1, 1, 1] = -np.inf
    with pytest.raises(InputError, match="PS-A66: wanted finite grey values, got 4 of 1147125"):
        normalise(image)
