"""What lies in a limb: bones with their cartilage and growth plates, and the soft tissue around them.

All of it in the limb's own frame: x lateral, y anterior, z superior, in millimetres of an adult limb.
`Scene.scale` makes it a child's. A bone's own frame is its solid's; `Frame` puts it into the limb.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from pedseg.phantoms.frames import HERE, Frame
from pedseg.phantoms.solids import Box, Solid, Vec

Tissue = Literal[
    "air", "blood", "cartilage", "cortex", "epiphysis", "fat", "fluid", "ligament", "lung", "marrow",
    "meniscus", "muscle", "nerve", "physis", "skin", "synovium", "tendon", "wall",
]  # fmt: skip


@dataclass(frozen=True)
class Bone:
    """One bone.

    The anlage is `solid` less what `clear_mm` keeps free around the bones before it, so that joint
    surfaces fit. The ossified part, and with it the label, ends `unossified_mm` inside the anlage
    where `articular` covers it; growth plates between ossified parts count as bone.

    Args:
        solid: the anlage, in the bone's frame.
        articular: where cartilage covers the bone, in the bone's frame.
        label: the structure's label in the domain; 0 where the domain does not name the bone.
        physes: each growth plate is the zero surface of a solid; its inside is the epiphysis.
        cartilage_mm: thickness outside the anlage, inside `articular`.
        unossified_mm: thickness of anlage not yet ossified, inside `articular`.
        physis_mm: thickness of the growth plates; 0 where they have closed and left a scar.
        cortex_mm: thickness at the joint and far from it.
        clear_mm: least distance to the bones that stand before it in the scene.
        marrow: brightness of its marrow relative to the patient's.
    """

    name: str
    solid: Solid
    articular: Solid
    frame: Frame = HERE
    label: int = 0
    physes: tuple[Solid, ...] = ()
    cartilage_mm: float = 1.2
    unossified_mm: float = 0.0
    physis_mm: float = 1.5
    cortex_mm: tuple[float, float] = (0.6, 1.4)
    clear_mm: float = 2.6
    marrow: float = 1.0

    @property
    def reach_mm(self) -> float:
        """How far outside its surface a bone still matters, to its cartilage and its neighbours."""
        return max(self.cartilage_mm + 1.0, 6.0)

    @property
    def box(self) -> Box:
        """Around the bone and its reach, in the limb's frame."""
        return self.frame.box(self.solid.box + np.array([[-1.0], [1.0]]) * self.reach_mm)


@dataclass(frozen=True)
class Fill:
    """A solid of one tissue, painted over what stands before it."""

    solid: Solid
    tissue: Tissue
    frame: Frame = HERE
    blur_mm: float = 0.0

    @property
    def reach_mm(self) -> float:
        """How far outside its surface it is painted."""
        return 0.5 + self.blur_mm / 2

    @property
    def box(self) -> Box:
        """In the limb's frame."""
        return self.frame.box(self.solid.box + np.array([[-1.0], [1.0]]) * self.reach_mm)


@dataclass(frozen=True)
class Muscle:
    """A muscle belly: bundles along `along`, parted by septa of fat, inside a thin coat of fat.

    Args:
        septa: share of the full brightness of fat that septa reach.
        seed: which part of the texture it shows.
    """

    solid: Solid
    along: Vec = (0.0, 0.0, 1.0)
    septa: float = 0.8
    seed: int = 0
    frame: Frame = HERE
    reach_mm: ClassVar[float] = 0.5

    @property
    def box(self) -> Box:
        """In the limb's frame."""
        return self.frame.box(self.solid.box + np.array([[-1.0], [1.0]]) * self.reach_mm)


@dataclass(frozen=True)
class Scene:
    """A limb to be painted.

    Args:
        scale: this child's size over the adult's.
        outline: the skin's surface.
        skin_mm: thickness of the skin.
        soft: soft tissue in painting order, before cartilage and bone.
        bones: in the order in which they make room for one another.
        pose: how the limb lies in the scanner.
        focus_mm: what the field of view is centred on, in the limb's frame.
        depth_mm: extent of the named bones across the slices; 0: that of their boxes.
    """

    scale: float
    outline: Solid
    skin_mm: float
    soft: tuple[Fill | Muscle, ...]
    bones: tuple[Bone, ...]
    pose: Frame = HERE
    focus_mm: Vec = (0.0, 0.0, 0.0)
    depth_mm: float = 0.0
