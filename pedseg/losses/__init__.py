"""Losses (METHODS, section 5)."""

from pedseg.losses.adversarial import Discriminator, conditioned, discrimination, plausibility, weights_fixed
from pedseg.losses.contrastive import multi_scale_contrastive, single_scale_contrastive
from pedseg.losses.coverage import coverage, majority
from pedseg.losses.cross_entropy import cross_entropy
from pedseg.losses.objective import Objective
from pedseg.losses.overlap import soft_dice
from pedseg.losses.shape_prior import MaskEncoder, shape_prior

__all__ = [
    "Discriminator",
    "MaskEncoder",
    "Objective",
    "conditioned",
    "coverage",
    "cross_entropy",
    "discrimination",
    "majority",
    "multi_scale_contrastive",
    "plausibility",
    "shape_prior",
    "single_scale_contrastive",
    "soft_dice",
    "weights_fixed",
]
