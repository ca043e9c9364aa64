"""The soft tissue of a shoulder encloses its bones."""

from __future__ import annotations

import numpy as np

from pedseg.phantoms import draw_patient
from pedseg.phantoms.scene import Fill, Muscle
from pedseg.phantoms.shoulder import draw_shoulder


def test_skin_encloses_every_named_bone() -> None:
    for index in range(3):
        scene = draw_shoulder(draw_patient("shoulder", 0, index))
        for bone in scene.bones:
            low, high = bone.frame.box(bone.solid.box)
            x, y, z = (g.ravel() for g in np.meshgrid(*np.linspace(low, high, 24, dtype=np.float32).T, indexing="ij"))
            inside = bone.solid.distance(bone.frame.local((x, y, z))) < -1
            if bone.label and inside.any():
                assert (scene.outline.distance((x, y, z))[inside] < -scene.skin_mm).mean() > 0.98


def test_there_are_muscles_tendons_and_vessels_of_their_own_texture() -> None:
    scene = draw_shoulder(draw_patient("shoulder", 0, 0))
    tissues = [part.tissue for part in scene.soft if isinstance(part, Fill)]
    assert {"lung", "wall", "blood", "nerve", "fat"} <= set(tissues)
    seeds = [part.seed for part in scene.soft if isinstance(part, Muscle)]
    assert len(seeds) >= 10
    assert len(seeds) == len(set(seeds))
