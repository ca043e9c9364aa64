"""What the scanner makes of a limb: contrast, coil shading, motion, blur and noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pedseg.phantoms.patient import Patient
from pedseg.phantoms.solids import Array
from pedseg.phantoms.warp import basis

_COMMON = {"air": 0.0, "cortex": 0.04, "tendon": 0.07, "ligament": 0.12, "meniscus": 0.10, "lung": 0.05}
CONTRASTS: dict[str, dict[str, float]] = {
    "ankle": {"fat": 1.0, "marrow": 0.66, "epiphysis": 0.78, "muscle": 0.33, "cartilage": 0.50, "physis": 0.46,
              "fluid": 0.24, "synovium": 0.55, "skin": 0.48, "wall": 0.10, "blood": 0.62, "nerve": 0.40},
    "knee": {"fat": 1.0, "marrow": 0.70, "epiphysis": 0.84, "muscle": 0.36, "cartilage": 0.52, "physis": 0.48,
             "fluid": 0.30, "synovium": 0.50, "skin": 0.50, "wall": 0.12, "blood": 0.26, "nerve": 0.42},
    "shoulder": {"fat": 1.0, "marrow": 0.58, "epiphysis": 0.72, "muscle": 0.32, "cartilage": 0.50, "physis": 0.44,
                 "fluid": 0.26, "synovium": 0.44, "skin": 0.46, "wall": 0.14, "blood": 0.55, "nerve": 0.40},
}  # fmt: skip
"""Brightness relative to fat, by sequence: T1 gradient echo, gradient echo with longer TE, eTHRIVE."""


NOISE_BLUR_PX = 0.55
"""Interpolation in the scanner ties the noise of neighbouring pixels together ..."""
NOISE_GAIN = 1.786
"""... and takes this much of its standard deviation, which is given back."""


@dataclass(frozen=True, eq=False)
class Scanner:
    """One exam's imperfections.

    Args:
        gain: grey value of tissue of brightness 1.
        coil: (a, b, c) control points of the log of the coil's shading over the field of view.
        noise: standard deviation of each channel, fat being 1.
        blur_px: standard deviation of the point spread in pixels.
        ghosts: (pixels / columns, strength, phase) of each copy of a moving limb.
        seed: of the noise.
    """

    gain: float
    coil: NDArray[np.float64]
    noise: float
    blur_px: float
    ghosts: tuple[tuple[float, float, float], ...]
    seed: tuple[int, ...]


def draw_tones(patient: Patient) -> Mapping[str, float]:
    """Draw this exam's brightness of every tissue.

    Marrow varies most: red marrow of the young is nearly as dark as muscle, fatty marrow nearly as
    bright as the fat under the skin.
    """
    rng = patient.rng("tones")
    tones = {
        name: value * float(rng.uniform(0.95, 1.05)) for name, value in (_COMMON | CONTRASTS[patient.domain]).items()
    }
    conversion = float(rng.uniform(0.90, 1.08))
    return tones | {"marrow": tones["marrow"] * conversion, "epiphysis": tones["epiphysis"] * conversion**0.6}


def draw_scanner(patient: Patient) -> Scanner:
    """Draw this exam's imperfections; about a third of exams move."""
    rng = patient.rng("scanner")
    ghosts: tuple[tuple[float, float, float], ...] = ()
    if rng.random() < 0.35:
        step, strength = float(rng.uniform(0.08, 0.22)), float(rng.uniform(0.02, 0.06))
        ghosts = tuple((step * n, strength / abs(n), float(rng.uniform(0, 6.28))) for n in (-2, -1, 1, 2))
    return Scanner(
        gain=float(rng.uniform(550, 1100)),
        coil=rng.normal(0, 0.12, (5, 5, 5)).clip(-0.25, 0.25),
        noise=float(rng.uniform(0.015, 0.035)),
        blur_px=float(rng.uniform(0.45, 0.65)),
        ghosts=ghosts,
        seed=tuple(int(v) for v in rng.integers(0, 2**32, 4)),
    )


def scan_slice(scanner: Scanner, grey: Array, shape: tuple[int, int, int], k: int) -> NDArray[np.uint16]:
    """(I, J) brightness of tissue in slice k -> (I, J) grey values as a scanner stores them (12 bits)."""
    rng = np.random.default_rng([*scanner.seed, k])
    signal = grey * _shading(scanner.coil, shape, k)
    signal = gaussian_filter(signal, scanner.blur_px)
    signal = _ghosted(signal, scanner, k)
    channels = rng.standard_normal((2, *grey.shape), dtype=np.float32)
    channels = gaussian_filter(channels, (0, NOISE_BLUR_PX, NOISE_BLUR_PX)) * np.float32(scanner.noise * NOISE_GAIN)
    magnitude = np.hypot(signal + channels[0], channels[1])
    return np.asarray((magnitude * scanner.gain + 0.5).clip(0, 4095).astype(np.uint16))


def _shading(coil: NDArray[np.float64], shape: tuple[int, int, int], k: int) -> Array:
    a, b, c = coil.shape
    plane = coil @ basis(shape[2], c)[k]
    return np.asarray(np.exp(basis(shape[0], a) @ plane @ basis(shape[1], b).T), dtype=np.float32)


def _ghosted(signal: Array, scanner: Scanner, k: int) -> Array:
    """Copies shifted along the columns (phase encoding), their strength swinging from slice to slice."""
    total = signal
    for shift, strength, phase in scanner.ghosts:
        copy = np.roll(signal, round(shift * signal.shape[1]), axis=1)
        total = total + copy * np.float32(strength * (0.65 + 0.35 * np.cos(phase + 0.9 * k)))
    return total
