"""Command line of the training job."""

from __future__ import annotations

import argparse
import sys

from pedseg.cli import make_parser, positive, run


def main(arguments: list[str] | None = None) -> int:
    """Train folds of a plan."""
    parser = make_parser("pedseg_train", "Train folds; a fold that was interrupted goes on where it stopped.")
    parser.add_argument("folds", nargs="+", metavar="FOLD", help="number, 'all' (on every exam) or 'every' (all folds)")
    parser.add_argument("-p", "--plan", default="default", help="name of the plan")
    parser.add_argument("--run", default="main", help="name of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda[:n] or mps")
    parser.add_argument("--no-resume", dest="resume", action="store_false", help="start over")
    parser.add_argument("--epochs", type=positive, help="instead of the plan's")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="instead of the plan's")
    parser.set_defaults(seed=None)
    return run(_job, parser, arguments)


def _job(flags: argparse.Namespace) -> None:
    from pedseg_train.job import TrainOptions, pedseg_train

    options = TrainOptions(
        flags.plan, flags.run, flags.resume, flags.device, epochs=flags.epochs, precision=flags.precision, seed=flags.seed
    )
    pedseg_train(flags.folds, flags.workspace, options=options)


if __name__ == "__main__":
    sys.exit(main())
