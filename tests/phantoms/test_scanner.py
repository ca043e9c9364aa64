"""What the scanner adds, each alone: noise, ghosts, shading, contrast."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pedseg.phantoms import draw_patient
from pedseg.phantoms.scanner import CONTRASTS, Scanner, draw_scanner, draw_tones, scan_slice

QUIET = Scanner(gain=1000.0, coil=np.zeros((5, 5, 5)), noise=1e-6, blur_px=0.01, ghosts=(), seed=(1, 2))
SHAPE = (64, 80, 3)


def _disc() -> np.ndarray:
    i, j = np.indices(SHAPE[:2])
    return (((i - 32) ** 2 + (j - 30) ** 2) < 100).astype(np.float32)


def test_a_quiet_scanner_shows_what_is_there() -> None:
    np.testing.assert_array_equal(scan_slice(QUIET, 0.5 * _disc(), SHAPE, 0), (500 * _disc()).astype(np.uint16))


def test_noise_is_rician() -> None:
    """In air the mean of the magnitude is sigma sqrt(pi / 2) (Rayleigh); in tissue the spread is sigma."""
    grey = np.zeros((256, 256), dtype=np.float32)
    noisy = dataclasses.replace(QUIET, noise=0.05)
    air = scan_slice(noisy, grey, (256, 256, 3), 1)
    tissue = scan_slice(noisy, grey + 1, (256, 256, 3), 1)
    sigma = tissue.std()
    assert sigma == pytest.approx(50, rel=0.08)
    assert air.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.03)


def test_ghosts_are_faint_copies_along_the_columns() -> None:
    ghosted = dataclasses.replace(QUIET, ghosts=((0.25, 0.1, 0.0),))
    image = scan_slice(ghosted, _disc(), SHAPE, 0)
    assert image[32, 30 + 20] == pytest.approx(100, abs=2)
    assert image[32, 30 + 40] == 0
    assert image[32 + 20, 30] == 0


def test_shading_is_smooth_and_of_both_signs() -> None:
    coil = np.random.default_rng(0).normal(0, 0.22, (5, 5, 5))
    image = scan_slice(dataclasses.replace(QUIET, coil=coil), np.ones(SHAPE[:2], dtype=np.float32), SHAPE, 1)
    assert np.ptp(image) > 80
    assert np.abs(np.diff(image.astype(int), axis=0)).max() < 40


def test_each_slice_has_noise_of_its_own() -> None:
    noisy = dataclasses.replace(QUIET, noise=0.05)
    first, second = (scan_slice(noisy, _disc(), SHAPE, k) for k in (0, 1))
    assert (first != second).mean() > 0.5


@pytest.mark.parametrize("name", sorted(CONTRASTS))
def test_contrast_is_that_of_t1(name: str) -> None:
    """Fat brightest, marrow below it, muscle darker, cortex and tendon black."""
    for index in range(10):
        tones = draw_tones(draw_patient(name, 0, index))
        assert tones["fat"] > tones["marrow"] > tones["muscle"] > tones["tendon"] > tones["cortex"]
        assert tones["marrow"] > tones["cartilage"] * 0.85


def test_some_exams_move_and_some_do_not() -> None:
    moved = [bool(draw_scanner(draw_patient("knee", 0, i)).ghosts) for i in range(20)]
    assert 2 <= sum(moved) <= 14
