"""The job that trains: a plan and its slice cache -> run folders, each a MONAI bundle."""

from pedseg_train.job import TrainOptions, pedseg_train

__all__ = ["TrainOptions", "pedseg_train"]
