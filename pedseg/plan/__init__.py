"""Plans: what to do with a dataset, and why."""

from pedseg.plan.files import embed_plan, load_plan, save_plan
from pedseg.plan.spec import (
    AugmentationSpec,
    DomainPlan,
    Fold,
    NetworkSpec,
    NormalisationSpec,
    ObjectiveSpec,
    Plan,
    PredictionSpec,
    ScheduleSpec,
    cache_digest,
)

__all__ = [
    "AugmentationSpec",
    "DomainPlan",
    "Fold",
    "NetworkSpec",
    "NormalisationSpec",
    "ObjectiveSpec",
    "Plan",
    "PredictionSpec",
    "ScheduleSpec",
    "cache_digest",
    "embed_plan",
    "load_plan",
    "save_plan",
]
