"""How a child differs from an adult, by age; and how one bone differs from another child's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedseg.phantoms.patient import Patient
from pedseg.phantoms.solids import Placed, Solid, Vec


@dataclass(frozen=True)
class Growth:
    """What age does to a joint.

    Args:
        scale: size over the adult's.
        unossified_mm: cartilage model not yet bone at the joint ends, adult mm.
        physis_mm: thickness of open growth plates, adult mm; 0 once closed.
        cartilage_mm: articular cartilage, adult mm.
        clear_mm: free between neighbouring bones' anlagen, adult mm.
    """

    scale: float
    unossified_mm: float
    physis_mm: float
    cartilage_mm: float
    clear_mm: float


def draw_growth(patient: Patient, rng: np.random.Generator) -> Growth:
    """Size and maturity of a patient: a curve of age, and his own deviation from it."""
    share = float(np.interp(patient.age, [5, 9, 13, 17], [0.62, 0.76, 0.90, 1.0]))
    mature = float(np.interp(patient.age + rng.normal(0, 0.7), [5, 15.5], [0, 1]))
    physis = 0.0 if mature > 0.97 else float(rng.uniform(1.6, 2.4)) * (1.15 - 0.5 * mature)
    return Growth(
        scale=share * float(rng.uniform(0.93, 1.07)),
        unossified_mm=2.6 * (1 - mature) ** 1.2,
        physis_mm=physis,
        cartilage_mm=float(rng.uniform(1.0, 1.4)) + 0.5 * (1 - mature),
        clear_mm=float(rng.uniform(2.4, 3.2)) + 1.0 * (1 - mature),
    )


def shaped(solid: Solid, rng: np.random.Generator, spread: float, pivot: Vec = (0.0, 0.0, 0.0)) -> Solid:
    """A bone stretched along its own axes about a pivot, by about `spread`, keeping its volume."""
    stretch = np.exp(rng.normal(0, spread, 3).clip(-1.8 * spread, 1.8 * spread))
    stretch = stretch / np.prod(stretch) ** (1 / 3)
    offset = np.asarray(pivot) * (1 - stretch)
    return Placed(solid, _vec(offset), scale=_vec(stretch))


def jittered(rng: np.random.Generator, value: float, spread: float) -> float:
    """A value drawn evenly within +-spread of it."""
    return float(rng.uniform(value - spread, value + spread))


def _vec(values: np.ndarray) -> Vec:
    a, b, c = (float(v) for v in values)
    return a, b, c
