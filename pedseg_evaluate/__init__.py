"""The job that evaluates: masks and references in, scores, statistics and a report out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pedseg_evaluate.job import pedseg_evaluate
    from pedseg_evaluate.options import EvaluateOptions

__all__ = ["EvaluateOptions", "pedseg_evaluate"]


def __getattr__(name: str) -> Any:
    """Load the job when it is first asked for: `--help` does without."""
    if name == "EvaluateOptions":
        from pedseg_evaluate.options import EvaluateOptions

        return EvaluateOptions
    if name != "pedseg_evaluate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pedseg_evaluate.job import pedseg_evaluate

    return pedseg_evaluate
