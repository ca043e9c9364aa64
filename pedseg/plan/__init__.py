"""Plans: what to do with a dataset, and why."""

from pedseg.names import ObjectiveName, Scheme, Strategy
from pedseg.plan.coding import Coding, output_coding, plain_coding
from pedseg.plan.encoder import EncoderWeights
from pedseg.plan.files import embed_plan, load_plan, save_plan
from pedseg.plan.folds import Fold
from pedseg.plan.network import AutoencoderSpec, NetworkSpec, autoencoder_for, unfit_scheme
from pedseg.plan.objective import ObjectiveSpec, misfit
from pedseg.plan.prior import PriorSpec, prior_for
from pedseg.plan.spec import (
    AugmentationSpec,
    DomainPlan,
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
    "Coding",
    "DomainPlan",
    "EncoderWeights",
    "Fold",
    "NetworkSpec",
    "NormalisationSpec",
    "ObjectiveName",
    "ObjectiveSpec",
    "Plan",
    "PredictionSpec",
    "PriorSpec",
    "ScheduleSpec",
    "Scheme",
    "Strategy",
    "autoencoder_for",
    "cache_digest",
    "embed_plan",
    "label_digest",
    "load_plan",
    "misfit",
    "output_coding",
    "plain_coding",
    "prior_for",
    "save_plan",
    "unfit_scheme",
]
