"""The plan job: check a dataset, measure it, decide how to train on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pedseg_plan.options import PlanOptions

if TYPE_CHECKING:
    from pedseg.plan import Plan

__all__ = ["PlanOptions", "pedseg_plan"]


def pedseg_plan(
    domains: Sequence[str], workspace: Path | str | None = None, *, options: PlanOptions | None = None
) -> Plan:
    """Check every exam, measure the dataset, decide, and write `plans/<name>/`.

    Args:
        domains: names (`ankle`), or names with a folder (`ankle=PATH`): a raw folder or an nnU-Net raw dataset;
            a `domain.yaml` in the folder makes it a domain of the user's own.
        workspace: project folder; else $PEDSEG_WORKSPACE, else ./pedseg_workspace.
        options: wishes that go before the preset.

    Returns:
        The plan as written.

    Raises:
        UsageError: a domain, preset or option that cannot be meant (PS-A96, A100, A120, A129, ...).
        InputError: PS-A122 exams that do not pass the check, with the table of all that is wrong.
        OutputError: PS-A104 another plan of that name exists.
    """
    from pedseg_plan.job import make_plan

    return make_plan(domains, workspace, options or PlanOptions())
