"""Losses (METHODS, section 5)."""

from pedseg.losses.contrastive import multi_scale_contrastive, single_scale_contrastive
from pedseg.losses.cross_entropy import cross_entropy
from pedseg.losses.objective import Objective

__all__ = ["Objective", "cross_entropy", "multi_scale_contrastive", "single_scale_contrastive"]
