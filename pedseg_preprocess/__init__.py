"""The preprocess job: exams -> normalised slices that training maps into memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pedseg_preprocess.job import Summary

__all__ = ["pedseg_preprocess"]


def pedseg_preprocess(
    workspace: Path | str | None = None, *, plan: str = "default", jobs: int = 1, overwrite: bool = False
) -> Summary:
    """Write the slice cache of every exam of a plan; entries that are there and whole stay.

    Args:
        workspace: project folder; else $PEDSEG_WORKSPACE, else ./pedseg_workspace.
        plan: name of the plan.
        jobs: processes.
        overwrite: make entries again that need not be.

    Returns:
        What is in the cache now, and which exams failed and why.

    Raises:
        UsageError: PS-A125 no such plan, PS-A96 not a valid one.
        OutputError: PS-A105, PS-A106 the cache cannot be written.
    """
    from pedseg_preprocess.job import fill_cache

    return fill_cache(workspace, plan, jobs=jobs, overwrite=overwrite)
