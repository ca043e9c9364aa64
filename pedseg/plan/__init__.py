"""Plans: what to do with a dataset, and why."""

from pedseg.plan.files import embed_plan, load_plan, save_plan
from pedseg.plan.network import AutoencoderSpec, NetworkSpec, autoencoder_for
from pedseg.plan.objective import ObjectiveName, ObjectiveSpec, misfit
from pedseg.plan.prior import PriorSpec, prior_for
from pedseg.plan.spec import (
    AugmentationSpec,
    DomainPlan,
    Fold,
    NormalisationSpec,
    Plan,
    PredictionSpec,
    ScheduleSpec,
    cache_digest,
    label_digest,
)

__all__ = [
    "AugmentationSpec",
    "AutoencoderSpec",
    "DomainPlan",
    "Fold",
    "NetworkSpec",
    "NormalisationSpec",
    "ObjectiveName",
    "ObjectiveSpec",
    "Plan",
    "PredictionSpec",
    "PriorSpec",
    "ScheduleSpec",
    "autoencoder_for",
    "cache_digest",
    "embed_plan",
    "label_digest",
    "load_plan",
    "misfit",
    "prior_for",
    "save_plan",
]
