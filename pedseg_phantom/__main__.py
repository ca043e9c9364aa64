"""`pedseg_phantom -d ankle knee shoulder -n 6`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pedseg.cli import make_parser, positive, run
from pedseg_phantom import PhantomOptions, pedseg_phantom


def parser() -> argparse.ArgumentParser:
    """Flags of the command."""
    flags = make_parser("pedseg_phantom", "Write a synthetic paediatric cohort: MR exams with labels.")
    flags.add_argument(
        "-d", "--domains", nargs="+", default=["ankle", "knee", "shoulder"], metavar="DOMAIN",
        help="ankle, knee, shoulder",
    )  # fmt: skip
    flags.add_argument("-n", type=positive, default=6, metavar="N", help="patients a domain")
    flags.add_argument(
        "-o", "--output", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="folder; else raw/ of the workspace"
    )
    flags.add_argument("--start", type=int, default=0, metavar="N", help="index of the first patient of the cohort")
    flags.add_argument(
        "--matrix", type=positive, metavar="N", default=argparse.SUPPRESS,
        help="larger in-plane size, the number of slices scaled with it; else as the scanner would give it",
    )  # fmt: skip
    flags.add_argument("--format", choices=("dicom", "nifti"), default="dicom", help="of the images")
    flags.add_argument("--overwrite", action="store_true", help="replace cases that exist")
    return flags


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the command."""
    return run(_job, parser(), arguments)


def _job(flags: argparse.Namespace) -> None:
    output = getattr(flags, "output", None)
    if output is None and flags.workspace is not None:
        output = flags.workspace / "raw"
    options = PhantomOptions(
        seed=flags.seed, start=flags.start, matrix=getattr(flags, "matrix", None),
        format=flags.format, jobs=flags.jobs, overwrite=flags.overwrite,
    )  # fmt: skip
    pedseg_phantom(flags.domains, flags.n, output, options=options)


if __name__ == "__main__":
    sys.exit(main())
