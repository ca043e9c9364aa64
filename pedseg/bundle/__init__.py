"""pedseg's pieces as MONAI's engines and bundles want them."""

from pedseg.bundle.checkpoints import Checkpoints, resume
from pedseg.bundle.export import bundle_template, check_fold, finish_fold, is_finished, make_fold
from pedseg.bundle.gradients import GradientLog
from pedseg.bundle.inference import (
    PrepareSlices,
    ReadExam,
    RestoreLabels,
    StackInferer,
    WritePrediction,
    as_batch,
    check_outputs,
    exam_items,
    first_domain,
    fold_model,
)
from pedseg.bundle.judge import Judge, training_judge
from pedseg.bundle.metrics import ExamDice
from pedseg.bundle.plausibility import calibrate_fold
from pedseg.bundle.prior import (
    FoldPrior,
    finish_prior,
    prior_batches,
    prior_digest,
    prior_network,
    prior_objective,
    run_prior,
)
from pedseg.bundle.prior_steps import PriorStep, ReconstructStep
from pedseg.bundle.progress import History, TensorBoard
from pedseg.bundle.recipe import (
    Recipe,
    fold_entries,
    load_recipe,
    predicted_domains,
    training_batches,
    training_network,
    validation_batches,
)
from pedseg.bundle.steps import TrainStep, ValidateStep
from pedseg.bundle.training import (
    EpochOrder,
    ProgressBar,
    prepare_process,
    run_to_the_end,
    run_training,
    training_objective,
)
from pedseg.bundle.transfer import place_source

__all__ = [
    "Checkpoints",
    "EpochOrder",
    "ExamDice",
    "FoldPrior",
    "GradientLog",
    "History",
    "Judge",
    "PrepareSlices",
    "PriorStep",
    "ProgressBar",
    "ReadExam",
    "Recipe",
    "ReconstructStep",
    "RestoreLabels",
    "StackInferer",
    "TensorBoard",
    "TrainStep",
    "ValidateStep",
    "WritePrediction",
    "as_batch",
    "bundle_template",
    "calibrate_fold",
    "check_fold",
    "check_outputs",
    "exam_items",
    "finish_fold",
    "finish_prior",
    "first_domain",
    "fold_entries",
    "fold_model",
    "is_finished",
    "load_recipe",
    "make_fold",
    "place_source",
    "predicted_domains",
    "prepare_process",
    "prior_batches",
    "prior_digest",
    "prior_network",
    "prior_objective",
    "resume",
    "run_prior",
    "run_to_the_end",
    "run_training",
    "training_batches",
    "training_judge",
    "training_network",
    "training_objective",
    "validation_batches",
]
