"""Predictions of the exams a fold has not trained on, kept in its folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pedseg.errors import ExitCode, ModelError, Notice, PedsegError
from pedseg.plan import Fold
from pedseg.storage.cases import planned_case, read_exam
from pedseg.storage.runs import Part, is_current, left_out
from pedseg.workspace import Workspace, write_json

if TYPE_CHECKING:
    from pedseg.inference import Model

log = logging.getLogger("pedseg.train")
FAILED = "failed.json"


@dataclass(frozen=True)
class LeftOut:
    """An exam of a fold that did not train.

    Args:
        part: of the fold.
        domain: of the exam.
        exam: its name.
    """

    part: Part
    domain: str
    exam: str

    def __str__(self) -> str:
        """Where its prediction stands in the fold."""
        return f"{self.part}/{self.domain}/{self.exam}"


def keep_predictions(folder: Path, fold: Fold, workspace: Workspace, *, device: str = "auto") -> dict[str, PedsegError]:
    """Predict the test and validation exams of a trained fold, as `pedseg_predict` does, into `<folder>/<part>/`.

    What the fold's present weights have made already is left alone. One exam that fails does not keep the others.

    Args:
        folder: of the finished fold.
        fold: its exams; a validation exam that also trains is passed over.
        workspace: holds the exams.
        device: `auto`, `cpu`, `cuda[:n]` or `mps`.

    Returns:
        `<part>/<domain>/<exam>` of those that failed, with why; also written to `failed.json`.

    Raises:
        ModelError: the fold is not finished, or is damaged.
    """
    from pedseg.inference import load_model

    exams = [LeftOut(part, d, name) for part in get_args(Part) for d, name in left_out(fold, part)]
    (folder / FAILED).unlink(missing_ok=True)
    model = load_model(folder)
    due = [e for e in exams if not is_current(folder / str(e), model.plan.digest, model.digests)]
    if due:
        log.info("%s: predicting %d of its %d left-out exams", folder.name, len(due), len(exams))
    failed: dict[str, PedsegError] = {}
    for exam in due:
        try:
            _predict(exam, folder, model, workspace, device)
        except PedsegError as error:
            failed[str(exam)] = error
            log.warning("%s", Notice("PS-W129", f"{exam} of {folder.name} is not predicted: {error}"))
    if failed:
        write_json(folder / FAILED, {name: str(error) for name, error in failed.items()})
    return failed


def calibrate(runs: Sequence[Path]) -> None:
    """Write down how far folds disagree about exams neither has trained on, for each run where enough were kept."""
    from pedseg.evaluation.agreement import write_agreement

    for run in dict.fromkeys(runs):
        if not any(path.parent.name[5:].isdigit() for path in run.glob("fold_*/run.json")):
            continue
        try:
            if path := write_agreement(run):
                log.info("agreement of folds: %s", path)
        except ModelError as error:
            text = f"agreement of the folds of {run.name} is not calibrated: {error}"
            log.warning("%s", Notice("PS-W130", text))


def exit_code(folders: Sequence[Path]) -> ExitCode:
    """Of trained folds: whether any left-out exam failed."""
    return ExitCode.PARTIAL if any((folder / FAILED).is_file() for folder in folders) else ExitCode.DONE


def _predict(exam: LeftOut, folder: Path, model: Model, workspace: Workspace, device: str) -> None:
    from pedseg.inference import predict_volume
    from pedseg.inference.device import choose_device
    from pedseg.inference.predict import Stopwatch
    from pedseg.inference.record import prediction_record
    from pedseg.report.prediction import WriteOptions, remove_prediction, write_prediction

    started, clock, out = time.perf_counter(), Stopwatch(), folder / str(exam)
    remove_prediction(out)  # of other weights: nobody is to take it for this fold's if this fails
    with clock.stage("read"):
        volume = read_exam(planned_case(workspace, model.plan.domain_plan(exam.domain), exam.exam))
    prediction = predict_volume(volume, model, domain=exam.domain, device=choose_device(device))
    record = prediction_record(prediction, model, read_seconds=clock.seconds["read"])
    write_prediction(out, volume, prediction.labels, prediction.domain, record, options=WriteOptions(overwrite=True))
    for notice in prediction.notices:
        log.warning("%s: %s", exam, notice)
    log.info("  %s: %.1f s", exam, time.perf_counter() - started)
