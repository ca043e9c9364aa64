"""Command line of the training job."""

from __future__ import annotations

import argparse
import sys
from typing import get_args

from pedseg.cli import NO_JOBS, SEED_OF_PLAN, make_parser, positive, run
from pedseg.names import Precision


def parser() -> argparse.ArgumentParser:
    """Flags of the command."""
    flags = make_parser(
        "pedseg_train",
        "Train folds; a fold that was interrupted goes on where it stopped.",
        jobs=NO_JOBS,
        seed=SEED_OF_PLAN,
    )
    flags.add_argument("folds", nargs="+", metavar="FOLD", help="number, 'all' (on every exam) or 'every' (all folds)")
    flags.add_argument("-p", "--plan", default="default", help="name of the plan")
    flags.add_argument("--run", default="main", help="name of the run")
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda[:n] or mps")
    flags.add_argument("--no-resume", dest="resume", action="store_false", help="start over")
    flags.add_argument("--epochs", type=positive, help="instead of the plan's")
    flags.add_argument("--precision", choices=get_args(Precision), help="instead of the plan's")
    flags.add_argument("--encoder-weights", metavar="imagenet|none|FILE", help="instead of the plan's")
    flags.add_argument("--no-test", dest="test", action="store_false", help="do not predict the exams a fold left out")
    flags.set_defaults(seed=None)
    return flags


def main(arguments: list[str] | None = None) -> int:
    """Train folds of a plan."""
    return run(_job, parser(), arguments)


def _job(flags: argparse.Namespace) -> int:
    from pedseg_train.job import TrainOptions, pedseg_train
    from pedseg_train.left_out import exit_code

    options = TrainOptions(
        flags.plan,
        flags.run,
        flags.resume,
        flags.device,
        epochs=flags.epochs,
        precision=flags.precision,
        seed=flags.seed,
        encoder_weights=flags.encoder_weights,
        test=flags.test,
    )
    folders = pedseg_train(flags.folds, flags.workspace, options=options)
    return exit_code(folders) if flags.test else 0


if __name__ == "__main__":
    sys.exit(main())
