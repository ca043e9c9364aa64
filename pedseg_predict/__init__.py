"""The job that predicts: DICOM or image files in, masks on their own grid out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pedseg_predict.job import pedseg_predict
    from pedseg_predict.options import PredictOptions

__all__ = ["PredictOptions", "pedseg_predict"]


def __getattr__(name: str) -> Any:
    """Load the job when it is first asked for: `--help` does without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pedseg_predict import job

    return getattr(job, name)
