"""Losses (METHODS, section 5)."""

from pedseg.losses.adversarial import Discriminator, conditioned, discrimination, plausibility, weights_fixed
from pedseg.losses.contrastive import multi_scale_contrastive, single_scale_contrastive
from pedseg.losses.coverage import coverage, majority
from pedseg.losses.cross_entropy import binary_cross_entropy, cross_entropy
from pedseg.losses.objective import Objective
from pedseg.losses.overlap import soft_dice
from pedseg.losses.shape_prior import MaskEncoder, shape_prior
from pedseg.losses.targets import probabilities_of, targets_of

__all__ = [
    "Discriminator",
    "MaskEncoder",
    "Objective",
    "binary_cross_entropy",
    "conditioned",
    "coverage",
    "cross_entropy",
    "discrimination",
    "majority",
    "multi_scale_contrastive",
    "plausibility",
    "probabilities_of",
    "shape_prior",
    "single_scale_contrastive",
    "soft_dice",
    "targets_of",
    "weights_fixed",
]
