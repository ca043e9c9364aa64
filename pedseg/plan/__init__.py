"""Plans: what to do with a dataset, and why."""

from pedseg.plan.files import embed_plan, load_plan, save_plan
from pedseg.plan.objective import ObjectiveName, ObjectiveSpec, misfit
from pedseg.plan.spec import (
    AugmentationSpec,
    AutoencoderSpec,
    DomainPlan,
    Fold,
    NetworkSpec,
    NormalisationSpec,
    Plan,
    PredictionSpec,
    ScheduleSpec,
    autoencoder_for,
    cache_digest,
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
    "ScheduleSpec",
    "autoencoder_for",
    "cache_digest",
    "embed_plan",
    "load_plan",
    "misfit",
    "save_plan",
]
