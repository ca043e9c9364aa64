"""`pedseg_plan -d ankle knee shoulder`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from typing import get_args

from pedseg.cli import make_parser, positive, run
from pedseg.names import NetworkName, ObjectiveName, Precision, Scheme, Strategy, preset_names
from pedseg_plan import PlanOptions, pedseg_plan


def parser() -> argparse.ArgumentParser:
    """Flags of the command; what is not given is left to the preset or to a rule."""
    flags = make_parser("pedseg_plan", "Check the exams, measure them, decide how to train, and say why.")
    flags.add_argument(
        "-d", "--domains", nargs="+", required=True, metavar="DOMAIN",
        help="ankle, knee, shoulder, a domain of your own (raw/<name>/domain.yaml), or NAME=FOLDER with its exams",
    )
    flags.add_argument("-p", "--plan", dest="name", default="default", metavar="NAME", help="name of the plan")
    flags.add_argument("--overwrite", action="store_true", help="replace another plan of that name")
    flags.add_argument("--skip-faulty", action="store_true", help="plan without exams that do not pass the check")
    flags.add_argument("--allow-gaps", action="store_true", help="accept unlabelled slices between labelled ones")
    wishes = flags.add_argument_group("wishes that go before the preset", argument_default=argparse.SUPPRESS)
    wishes.add_argument("--preset", metavar="NAME", help=f"figures to start from: {', '.join(preset_names())}")
    wishes.add_argument("--network", choices=get_args(NetworkName), help="with the preset's figures for it")
    wishes.add_argument(
        "--encoder-weights",
        metavar="imagenet|none|FILE",
        help="what an encoder that was trained on ImageNet starts from; training fetches imagenet once",
    )
    wishes.add_argument("--scheme", choices=get_args(Scheme), help="what domains share")
    wishes.add_argument(
        "--strategy", choices=get_args(Strategy), help="of the bones: one softmax, one network each, one for all"
    )
    wishes.add_argument("--objective", choices=get_args(ObjectiveName), help="terms of the loss beside cross-entropy")
    wishes.add_argument("--epochs", type=positive, metavar="N", help="passes over the largest domain")
    wishes.add_argument("--batch", type=positive, metavar="N", help="slices a batch, shared equally by the domains")
    wishes.add_argument("--window", type=_window, metavar="N", help="pixels of a slice along each side")
    wishes.add_argument("--folds", metavar="loo|N", help="leave one patient out, or N folds by patient")
    wishes.add_argument("--precision", choices=("auto", *get_args(Precision)), help="arithmetic of the convolutions")
    return flags


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the command."""
    return run(_job, parser(), arguments)


def _job(flags: argparse.Namespace) -> None:
    names = {f.name for f in fields(PlanOptions)}
    options = PlanOptions(**{k: v for k, v in vars(flags).items() if k in names})
    pedseg_plan(flags.domains, flags.workspace, options=options)


def _window(text: str) -> int:
    value = positive(text)
    if value < 32 or value % 16:
        raise argparse.ArgumentTypeError(f"must be a multiple of 16, at least 32, got {value}")
    return value


if __name__ == "__main__":
    sys.exit(main())
