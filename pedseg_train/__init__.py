"""The job that trains: a plan and its slice cache -> run folders, each a MONAI bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pedseg_train.job import TrainOptions, pedseg_train

__all__ = ["TrainOptions", "pedseg_train"]


def __getattr__(name: str) -> Any:
    """Load the job when it is first asked for: `--help` does without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pedseg_train import job

    return getattr(job, name)
