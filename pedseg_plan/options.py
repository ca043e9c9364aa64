"""What may be asked of planning."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlanOptions:
    """Choices of the user; None leaves one to the preset or to a rule.

    Args:
        name: of the plan: `plans/<name>/`.
        preset: hyper-parameters to start from.
        network: one of `pedseg.names.NetworkName`.
        encoder_weights: `imagenet`, `none`, or a file with weights of the network's encoder.
        scheme: one of `pedseg.names.Scheme`.
        strategy: of the bones, one of `pedseg.names.Strategy`.
        objective: one of `pedseg.names.ObjectiveName`.
        epochs: of training.
        batch: slices in a batch, over all domains.
        window: pixels of a slice along each side, a multiple of 16, for encoders that go deeper of 32.
        folds: "loo" or a number of at least 2.
        precision: `auto` or a `pedseg.names.Precision`.
        seed: start of every random draw in training.
        jobs: processes that read exams.
        skip_faulty: plan without the exams that do not pass the check.
        allow_gaps: accept labels on some of the slices only.
        overwrite: replace another plan of that name.
    """

    name: str = "default"
    preset: str = "default"
    network: str | None = None
    encoder_weights: str | None = None
    scheme: str | None = None
    strategy: str | None = None
    objective: str | None = None
    epochs: int | None = None
    batch: int | None = None
    window: int | None = None
    folds: str | None = None
    precision: str | None = None
    seed: int = 0
    jobs: int = 1
    skip_faulty: bool = False
    allow_gaps: bool = False
    overwrite: bool = False
