"""Command line of the evaluating job."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pedseg.cli import make_parser, run


def parser() -> argparse.ArgumentParser:
    """Flags of the command."""
    flags = make_parser("pedseg_evaluate", "Score masks against references: tables, statistics, a report.")
    what = flags.add_mutually_exclusive_group(required=True)
    what.add_argument("--predictions", type=Path, nargs="+", metavar="DIR", help="folders of masks, one a method")
    what.add_argument("--run", nargs="+", metavar="RUN", help="runs of the workspace by name, or their folders")
    flags.add_argument("--references", type=Path, metavar="DIR", help="folder of reference masks; none: volumes only")
    flags.add_argument("--images", type=Path, metavar="DIR", help="folder of the exams' images, for the pictures")
    flags.add_argument("-d", "--domains", nargs="+", metavar="DOMAIN", help="names or files; of runs: all")
    flags.add_argument("-o", "--output", type=Path, required=True, help="folder for scores, tables and report.html")
    flags.add_argument("-p", "--plan", default="default", help="plan of the runs that are given by name")
    flags.add_argument("--names", nargs="+", metavar="NAME", help="of the methods; else their folders' names")
    flags.add_argument("--against", metavar="NAME", help="method the others are compared with; else the last")
    flags.add_argument(
        "--labels", nargs="+", type=_labelled, metavar="BONE=V,V",
        help="values in the predictions, such as talus=3; of one of several methods theirs:talus=3",
    )
    flags.add_argument("--tolerance-mm", type=_distance, default=1.0, metavar="MM", help="of the surface Dice")
    flags.add_argument("--ranking", type=Path, metavar="FILE", help="thresholds of the ranking instead of D's")
    flags.add_argument("--representations", action="store_true", help="t-SNE, cosines, attention of the runs' networks")
    flags.add_argument("--no-pictures", dest="pictures", action="store_false", help="a report without exams' pictures")
    flags.add_argument("--overwrite", action="store_true", help="replace an earlier evaluation")
    return flags


def main(arguments: list[str] | None = None) -> int:
    """Evaluate masks."""
    return run(_job, parser(), arguments)


def _job(flags: argparse.Namespace) -> int:
    from pedseg_evaluate.job import exit_code, pedseg_evaluate
    from pedseg_evaluate.options import EvaluateOptions

    options = EvaluateOptions(
        references=flags.references,
        images=flags.images,
        domains=tuple(flags.domains) if flags.domains else None,
        names=tuple(flags.names) if flags.names else None,
        against=flags.against,
        values=dict(flags.labels) if flags.labels else None,
        tolerance_mm=flags.tolerance_mm,
        ranking=flags.ranking,
        plan=flags.plan,
        representations=flags.representations,
        pictures=flags.pictures,
        jobs=flags.jobs,
        seed=flags.seed,
        overwrite=flags.overwrite,
    )
    given = {"predictions": flags.predictions} if flags.predictions else {"runs": flags.run}
    return exit_code(pedseg_evaluate(flags.output, flags.workspace, **given, options=options))


def _labelled(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, values = text.partition("=")
    try:
        return name, tuple(int(v) for v in values.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"wanted such as talus=3 or talus=3,4, got {text!r}") from error


def _distance(text: str) -> float:
    value = float(text)
    if not 0 < value < 1000:
        raise argparse.ArgumentTypeError(f"must be above 0 mm and below 1000 mm, got {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
