"""`pedseg_preprocess`."""

from __future__ import annotations

import argparse
import sys

from pedseg.cli import NO_SEED, make_parser, run
from pedseg.errors import ExitCode, PedsegError
from pedseg_preprocess import pedseg_preprocess


def parser() -> argparse.ArgumentParser:
    """Flags of the command."""
    flags = make_parser(
        "pedseg_preprocess", "Turn the planned exams into normalised slices for training.", seed=NO_SEED
    )
    flags.add_argument("-p", "--plan", default="default", metavar="NAME", help="name of the plan")
    flags.add_argument("--overwrite", action="store_true", help="make slices again that are there and whole")
    return flags


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the command."""
    return run(_job, parser(), arguments)


def _job(flags: argparse.Namespace) -> int:
    import logging

    from pedseg_preprocess.job import ceiling_table

    summary = pedseg_preprocess(flags.workspace, plan=flags.plan, jobs=flags.jobs, overwrite=flags.overwrite)
    log = logging.getLogger("pedseg.preprocess")
    count = sum(len(members) for members in summary.entries.values())
    if count:
        log.info("Dice of the slices' labels back on each exam's own grid, the ceiling for training on them:")
        log.info("%s", ceiling_table(summary.entries))
    log.info("%d exams in the cache (%d made now), %.0f MB", count, summary.made, summary.total_bytes / 1e6)
    if not summary.failures:
        return ExitCode.DONE
    first = summary.failures[0].error
    if not count and isinstance(first, PedsegError):
        raise first
    log.warning("%d exams failed; the others are written", len(summary.failures))
    return ExitCode.PARTIAL


if __name__ == "__main__":
    sys.exit(main())
