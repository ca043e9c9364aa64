"""Parts of a scene know how far they reach."""

from __future__ import annotations

import numpy as np

from pedseg.phantoms.frames import moved
from pedseg.phantoms.scene import Bone, Fill, Muscle
from pedseg.phantoms.solids import Ellipsoid

BALL = Ellipsoid((0.0, 0.0, 0.0), (5.0, 5.0, 5.0))


def test_boxes_hold_solid_and_reach_in_the_limbs_frame() -> None:
    fill = Fill(BALL, "fat", moved((10.0, 0.0, 0.0)), blur_mm=3.0)
    np.testing.assert_allclose(fill.box, [[3.0, -7.0, -7.0], [17.0, 7.0, 7.0]])
    np.testing.assert_allclose(Muscle(BALL).box, [[-5.5] * 3, [5.5] * 3])


def test_a_bone_reaches_past_its_cartilage_and_its_joint_space() -> None:
    bone = Bone("ball", BALL, BALL, cartilage_mm=9.0)
    np.testing.assert_allclose(bone.box, [[-15.0] * 3, [15.0] * 3])
    assert Bone("ball", BALL, BALL, clear_mm=2.6).reach_mm >= 2.6
