"""The phantom job: a synthetic paediatric cohort with labels, as a scanner would write it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pedseg_phantom.options import PhantomOptions

__all__ = ["PhantomOptions", "pedseg_phantom"]


def pedseg_phantom(
    domains: Sequence[str], n: int = 6, output: Path | str | None = None, *, options: PhantomOptions | None = None
) -> list[Path]:
    """Write `n` patients of each domain as `<output>/<domain>/<case>/`.

    Args:
        domains: ankle, knee, shoulder.
        n: patients a domain.
        output: folder; None: `raw/` of the workspace ($PEDSEG_WORKSPACE, else ./pedseg_workspace).
        options: seed, size, format and the rest.

    Returns:
        The case folders, in order.

    Raises:
        UsageError: PS-A100 a domain without phantom, PS-A120 a number that cannot be meant.
        OutputError: PS-A104 a case exists, PS-A105, PS-A106.
    """
    from pedseg_phantom.cohort import write_cohort

    return write_cohort(domains, n, output, options or PhantomOptions())
