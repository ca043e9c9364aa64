"""Losses (METHODS, section 5)."""

from pedseg.losses.contrastive import multi_scale_contrastive, single_scale_contrastive
from pedseg.losses.coverage import coverage, majority
from pedseg.losses.cross_entropy import cross_entropy
from pedseg.losses.objective import Objective
from pedseg.losses.overlap import soft_dice

__all__ = [
    "Objective",
    "coverage",
    "cross_entropy",
    "majority",
    "multi_scale_contrastive",
    "single_scale_contrastive",
    "soft_dice",
]
