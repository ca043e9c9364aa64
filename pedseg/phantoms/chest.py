"""The rib cage beside a shoulder."""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.growth import Growth, jittered
from pedseg.phantoms.scene import Bone
from pedseg.phantoms.solids import Blend, Ellipsoid, Tube, Vec

CHEST: Vec = (-170.0, 22.0, -150.0)
"""Middle of the chest, from the centre of the humeral head."""
CHEST_RADII: Vec = (136.0, 84.0, 192.0)
"""Half axes of the rib cage."""


def chest_size(z: float) -> tuple[float, float]:
    """Half axes of the rib cage across x and y at a height, mm."""
    share = max(0.0, 1 - ((z - CHEST[2]) / CHEST_RADII[2]) ** 2) ** 0.5
    return CHEST_RADII[0] * share, CHEST_RADII[1] * share


def chest_ribs(rng: np.random.Generator, growth: Growth) -> tuple[Bone, ...]:
    """The ribs of this side, sloping down towards the front, inside the chest wall."""
    nowhere = Ellipsoid((0.0, 0.0, 900.0), (1.0, 1.0, 1.0))
    step = jittered(rng, 25, 2)
    ribs = []
    for n in range(9):
        top = 22.0 - step * n
        size = chest_size(top - 12.0)
        angles = np.radians(np.linspace(-88, 75, 12))
        ring = tuple(
            (
                CHEST[0] + (size[0] - 5) * float(np.cos(a)),
                CHEST[1] + (size[1] - 5) * float(np.sin(a)),
                top - 24.0 * float(1 + np.sin(a)),
            )
            for a in angles
        )
        ribs.append(
            Bone(
                f"rib_{n + 1}",
                Tube(ring, (4.6,) * len(ring)),
                nowhere,
                cortex_mm=(0.8, 0.8),
                clear_mm=0.5 * growth.clear_mm,
                cartilage_mm=0.0,
                marrow=jittered(rng, 0.95, 0.1),
            )
        )
    return tuple(ribs)


def spine(rng: np.random.Generator, growth: Growth) -> tuple[Bone, ...]:
    """Vertebrae behind the chest, with their spinous processes."""
    nowhere = Ellipsoid((0.0, 0.0, 900.0), (1.0, 1.0, 1.0))
    step = jittered(rng, 22, 1)
    bones = []
    for n in range(10):
        z = 40.0 - step * n
        body = Ellipsoid((CHEST[0], -50.0, z), (15.0, 13.0, 9.5))
        arch = Tube(
            (
                (CHEST[0] + 12, -60.0, z),
                (CHEST[0] + 12, -72.0, z - 3),
                (CHEST[0], -80.0, z - 6),
                (CHEST[0], -98.0, z - 16),
            ),
            (4.5, 4.0, 4.0, 3.5),
        )
        bones.append(
            Bone(
                f"vertebra_{n + 1}",
                Blend((body, arch), 3.0),
                nowhere,
                cortex_mm=(0.7, 0.7),
                clear_mm=0.5 * growth.clear_mm,
                cartilage_mm=0.0,
                marrow=jittered(rng, 0.9, 0.05),
            )
        )
    return tuple(bones)
