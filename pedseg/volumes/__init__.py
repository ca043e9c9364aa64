"""Volumes as values: arrays with an affine in RAS+ millimetres, and pure functions on them."""

from pedseg.volumes.geometry import Geometry
from pedseg.volumes.volume import Volume

__all__ = ["Geometry", "Volume"]
