"""Train folds: each a MONAI bundle that is written, then run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pedseg.errors import InputError, Notice, UsageError
from pedseg.memory import Estimate, fitting_jobs
from pedseg.plan import Fold, Plan, load_plan
from pedseg.plan.encoder import encoder_weights
from pedseg.plan.files import parse
from pedseg.plan.memory import plan_training_gib
from pedseg.storage.splits import everything
from pedseg.workspace import Workspace
from pedseg_train.left_out import calibrate, keep_predictions
from pedseg_train.lock import held
from pedseg_train.stages import Stage, stages

log = logging.getLogger("pedseg.train")


@dataclass(frozen=True)
class TrainOptions:
    """How to train.

    Args:
        plan: name of the plan.
        run: name of the run; folds of one run share a plan.
        resume: take up where a fold's newest checkpoint left it.
        device: `auto`, `cpu`, `cuda[:n]` or `mps`.
        epochs, precision, seed: instead of the plan's; None keeps it.
        encoder_weights: the same: `imagenet`, `none` or a file.
        test: keep what each trained fold makes of the exams it left out.
    """

    plan: str = "default"
    run: str = "main"
    resume: bool = True
    device: str = "auto"
    epochs: int | None = None
    precision: str | None = None
    seed: int | None = None
    encoder_weights: str | None = None
    test: bool = True


def pedseg_train(
    folds: Sequence[str], workspace: Path | str | None = None, *, options: TrainOptions | None = None
) -> list[Path]:
    """Train folds one after another; one that is finished is left alone.

    An exam that cannot be predicted is named in the fold's `failed.json`: see `exit_code` of `left_out`.

    Args:
        folds: numbers ("0"), `all` (one network on every exam) or `every` (all numbered folds).
        workspace: project folder; None finds it as the commands do.
        options: else the defaults.

    Returns:
        The fold folders; several a fold with scheme `transfer` (see `stages`).

    Raises:
        UsageError: PS-A125 no plan, PS-A120 no such fold.
        InputError: PS-A85 exams that are not in the slice cache.
        ModelError: PS-A87 the run was trained by another plan.
        TrainingError: PS-A88 a loss that is not finite, PS-A92 another process trains the fold.
    """
    options = options or TrainOptions()
    place = Workspace.find(workspace)
    plan = _changed(load_plan(place.plan(options.plan).plan), options)
    chosen = [(name, fold_of(plan, name)) for name in _names(plan, folds)]
    for _, fold in chosen:
        _check_cache(place, plan, fold)
    steps = [(name, stage) for name, fold in chosen for stage in stages(plan, fold, options.run)]
    _tell_memory([stage.plan for _, stage in steps])
    trained = [_train_fold(place, name, stage, options) for name, stage in steps]
    if options.test:
        calibrate([folder.parent for folder in trained])
    return trained


def fold_of(plan: Plan, name: str) -> Fold:
    """The exams of a fold by its name.

    Raises:
        UsageError: PS-A120 the plan has no such fold.
    """
    if name == "all":
        return everything({part.domain.name: part.cases for part in plan.domains})
    if not name.isdigit() or int(name) >= len(plan.folds):
        raise UsageError("PS-A120", f"no fold {name!r}: the plan has 0..{len(plan.folds) - 1}, 'all' and 'every'")
    return plan.folds[int(name)]


def _names(plan: Plan, folds: Sequence[str]) -> list[str]:
    every = [str(i) for i in range(len(plan.folds))]
    return list(dict.fromkeys(name for fold in folds for name in (every if fold == "every" else [fold])))


def _changed(plan: Plan, options: TrainOptions) -> Plan:
    values = {k: v for k in ("epochs", "precision", "seed") if (v := getattr(options, k)) is not None}
    changes: dict[str, Any] = {"schedule": {**plan.schedule.model_dump(), **values}} if values else {}
    if options.encoder_weights is not None:
        changes["encoder_weights"] = encoder_weights(plan.network, options.encoder_weights)
    return parse(Plan, {**plan.model_dump(by_alias=True), **changes}, "options") if changes else plan


def _check_cache(workspace: Workspace, plan: Plan, fold: Fold) -> None:
    """Name every exam that is not cached, before anything is written."""
    missing = [
        f"{domain}/{case}"
        for part in (fold.train, fold.validation)
        for domain, cases in part.items()
        for case in cases
        if not (workspace.cache(plan.name, domain) / f"{case}.json").is_file()
    ]
    if missing:
        named = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        raise InputError("PS-A85", f"{len(missing)} exams are not in the slice cache ({named}): run pedseg_preprocess")


def _tell_memory(plans: Sequence[Plan]) -> None:
    fitting_jobs(log, Estimate(0.0, max(plan_training_gib(plan) for plan in plans)), 1)


def _train_fold(workspace: Workspace, name: str, stage: Stage, options: TrainOptions) -> Path:
    from pedseg.bundle import check_fold, is_finished, make_fold, place_source, run_training

    plan, fold = stage.plan, stage.fold
    folder = workspace.fold(plan.name, stage.run, name)
    with held(folder):
        if options.resume:
            check_fold(folder, plan, fold)
        if stage.pretrained:
            pretrained = workspace.fold(plan.name, stage.pretrained, name)
            place_source(folder, pretrained, plan.network.source, resume=options.resume)
        if options.resume and is_finished(folder, plan, fold):
            log.info("fold %s is finished: %s", name, folder)
        else:
            _announce(name, fold, folder)
            make_fold(folder, plan, name, fold)
            run_training(folder, device=options.device, resume=options.resume)
        if options.test:
            keep_predictions(folder, fold_of(plan, name), workspace, device=options.device)
    return folder


def _announce(name: str, fold: Fold, folder: Path) -> None:
    sizes = ", ".join(f"{d} {len(c)}" for d, c in fold.train.items())
    log.info("fold %s: training on %s exams; %s", name, sizes, folder)
    if any(set(fold.validation.get(d, ())) & set(c) for d, c in fold.train.items()):
        text = f"fold {name} has no validation exam of its own: training exams stand in, Dice flatters"
        log.warning("%s", Notice("PS-W89", text))
