"""pedseg's pieces as MONAI's engines and bundles want them."""

from pedseg.bundle.checkpoints import Checkpoints, resume
from pedseg.bundle.export import bundle_template, check_fold, finish_fold, make_fold
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
from pedseg.bundle.metrics import ExamDice
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
    "History",
    "PrepareSlices",
    "ProgressBar",
    "ReadExam",
    "Recipe",
    "RestoreLabels",
    "StackInferer",
    "TensorBoard",
    "TrainStep",
    "ValidateStep",
    "WritePrediction",
    "as_batch",
    "bundle_template",
    "check_fold",
    "check_outputs",
    "exam_items",
    "finish_fold",
    "first_domain",
    "fold_entries",
    "fold_model",
    "load_recipe",
    "make_fold",
    "place_source",
    "predicted_domains",
    "prepare_process",
    "resume",
    "run_to_the_end",
    "run_training",
    "training_batches",
    "training_network",
    "training_objective",
    "validation_batches",
]
