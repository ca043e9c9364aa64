"""Segment exams with a trained run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pedseg.archives import is_zip, unpacked
from pedseg.dicom.words import part_of_body
from pedseg.errors import ExitCode, ModelError, Notice, OutputError, PedsegError, UsageError
from pedseg.exhaustion import memory_for
from pedseg.memory import Estimate, fitting_jobs
from pedseg.names import DICOM_SEG, FORMATS, NIFTI, SEG_TYPES
from pedseg.plan.memory import plan_prediction_gib
from pedseg.privacy import scrub
from pedseg.storage.inputs import ALONE, EVERY, Exam, every_series, find_exams, is_image_file, read_exam
from pedseg.storage.runs import is_current
from pedseg.storage.sizes import size_of
from pedseg.workspace import Workspace, digest_of, real_path, write_json
from pedseg_predict.options import PredictOptions

if TYPE_CHECKING:
    from pedseg.dicom.segmentation_source import SegmentationSource
    from pedseg.inference import Model
    from pedseg.inference.predict import Prediction
    from pedseg.plan import Plan
    from pedseg.volumes import Volume

log = logging.getLogger("pedseg.predict")
FAILED = "failed.json"


def pedseg_predict(
    source: Path | str,
    output: Path | str,
    workspace: Path | str | None = None,
    *,
    options: PredictOptions | None = None,
) -> dict[str, PedsegError]:
    """Segment the exam or exams at a place.

    Args:
        source: a DICOM folder, an image file, a folder of image files or, with `each`, of DICOM folders; or a zip of
            one of them.
        output: folder; gets labels, `prediction.json` and `preview.png`, in one folder an exam where there are
            several, or with `each`.
        workspace: project folder, where the model is looked for when not named.
        options: else the defaults.

    Returns:
        Exams that failed, with why, also written to `failed.json`; where none is left, the first error is raised.

    Raises:
        PedsegError: what was wanted, what came, what to do.
    """
    from pedseg.inference import load_model
    from pedseg.report.prediction import check_output

    options = options or PredictOptions()
    source, output = Path(source), Path(output)
    if is_zip(source):
        with unpacked(source, "exam") as folder:
            return pedseg_predict(folder, output, workspace, options=options)
    if options.model is not None and is_zip(options.model):
        with unpacked(options.model, "model") as folder:
            return pedseg_predict(source, output, workspace, options=replace(options, model=folder))
    exams = find_exams(source, each=options.each)
    _check_formats(exams, options)
    if options.choice.series == EVERY:
        exams = every_series(exams, options.choice.options)
    single = len(exams) == 1 and exams[0].series is None and not options.each
    folders = {exam: output if single else output / exam.name for exam in exams}
    _check_apart(source, output, folders)
    place = options.model or Workspace.find(workspace).run("default", "main")
    if options.resume:
        folders = _left(folders, load_model(place), options)
    for folder in folders.values():
        check_output(folder, overwrite=options.overwrite)
    model = load_model(place)
    _check_weights(model, options.weights)
    log.info("model: %d fold%s of plan %s", len(model.folds), "s"[: len(model.folds) != 1], model.plan.name)
    _check_domain(model.plan, options.domain)
    if folders:
        fitting_jobs(log, Estimate(0.0, max(_gib(exam, model) for exam in folders)), 1)
    if not single:
        return _predict_all(folders, output, model, options)
    for exam in folders:
        with memory_for("the exam"):
            _predict_exam(exam, output, model, options)
    return {}


def choose_domain(plan: Plan, asked: str | None, volume: Volume) -> str:
    """The domain to segment: asked for, the model's only one, or the one DICOM's Body Part Examined names.

    Raises:
        UsageError: PS-A100 not one of the model's, PS-A120 nothing tells which.
    """
    _check_domain(plan, asked)
    if asked is not None:
        return asked
    if len(plan.domains) == 1:
        return plan.domain_names[0]
    part = str(volume.facts.get("body_part", "")).upper()
    named = [d.domain.name for d in plan.domains if d.domain.is_meant_by(part)]
    if len(named) != 1:
        seen = f"Body Part Examined is {told!r}" if (told := part_of_body(part)) else "nothing in the exam tells"
        raise UsageError("PS-A120", f"which of {', '.join(plan.domain_names)}? {seen}: say so with -d")
    return named[0]


def _left(folders: dict[Exam, Path], model: Model, options: PredictOptions) -> dict[Exam, Path]:
    """Exams that the model's present weights have not segmented yet, post-processed or not as is asked."""
    processed = model.plan.prediction.postprocess and options.postprocess
    there = (e for e in folders if is_current(folders[e], model.plan.digest, model.digests, postprocessed=processed))
    done = frozenset(there)
    left = {exam: place for exam, place in folders.items() if exam not in done}
    log.info("%d of %d exams are there already", len(folders) - len(left), len(folders))
    return left


def exit_code(failed: dict[str, PedsegError]) -> ExitCode:
    """Of a batch."""
    return ExitCode.PARTIAL if failed else ExitCode.DONE


def _gib(exam: Exam, model: Model) -> float:
    size = size_of(exam.path)
    return plan_prediction_gib(model.plan, size.slices, size.voxels, folds=len(model.folds))


def _check_domain(plan: Plan, asked: str | None) -> None:
    if asked is not None and asked not in plan.domain_names:
        raise UsageError("PS-A100", f"unknown domain {asked!r}; the model knows {', '.join(plan.domain_names)}")


def _predict_all(
    folders: dict[Exam, Path], output: Path, model: Model, options: PredictOptions
) -> dict[str, PedsegError]:
    """One bad exam does not keep the others; wrong flags, a damaged model and a full disk are the same for all."""
    failed: dict[str, PedsegError] = {}
    for exam, folder in folders.items():
        try:
            with memory_for(exam.name):
                _predict_exam(exam, folder, model, options)
        except (UsageError, ModelError, OutputError):
            raise
        except PedsegError as error:
            failed[exam.name] = error
            log.warning("%s: %s", exam.name, error)
    if failed:
        write_json(output / FAILED, {name: scrub(str(error)) for name, error in failed.items()})
    else:
        (output / FAILED).unlink(missing_ok=True)
    if failed and len(failed) == len(folders):
        raise next(iter(failed.values()))
    return failed


def _predict_exam(exam: Exam, folder: Path, model: Model, options: PredictOptions) -> None:
    from pedseg.inference import predict_volume
    from pedseg.inference.device import choose_device
    from pedseg.inference.predict import Stopwatch
    from pedseg.inference.record import prediction_record
    from pedseg.report.prediction import WriteOptions, write_prediction

    clock = Stopwatch()
    with clock.stage("read"):
        volume = read_exam(exam, options.choice)
    source = _segmentation_source(exam, options)
    domain = choose_domain(model.plan, options.domain, volume)
    volume = _warned(volume, model.plan, domain)
    log.info("%s: %s, %s voxels", exam.name, domain, " x ".join(map(str, volume.shape)))
    device = choose_device(options.device)
    prediction = predict_volume(volume, model, domain=domain, device=device, postprocess=options.postprocess)
    record = prediction_record(prediction, model, read_seconds=clock.seconds["read"])
    segmentation = _segmentation_writer(source, prediction, model, options.seg_type)
    writing = WriteOptions(options.overwrite, NIFTI in options.formats, segmentation)
    write_prediction(folder, volume, prediction.labels, prediction.domain, record, options=writing)
    _report(exam, record["structures"], [str(n) for n in prediction.notices], folder)


def _warned(volume: Volume, plan: Plan, domain: str) -> Volume:
    """The exam with a warning where its header speaks of another joint of the model."""
    part = str(volume.facts.get("body_part", "")).upper()
    others = [d.domain for d in plan.domains if d.domain.name != domain]
    if not any(other.is_meant_by(part) for other in others):
        return volume
    return replace(volume, notices=(*volume.notices, Notice("PS-W147", f"Body Part Examined is {part}, not {domain}")))


def _segmentation_source(exam: Exam, options: PredictOptions) -> SegmentationSource | None:
    """The images a DICOM SEG will refer to, looked for before anything is computed."""
    if DICOM_SEG not in options.formats:
        return None
    from pedseg.dicom.segmentation_source import find_source

    which = exam.choice(options.choice)
    return find_source(exam.path, series=which.series, echo=which.echo, phase=which.phase, options=which.options)


def _segmentation_writer(
    source: SegmentationSource | None, prediction: Prediction, model: Model, kind: str
) -> Callable[[Path], None] | None:
    if source is None:
        return None
    from pedseg.dicom.segmentation_writer import Algorithm, write_segmentation

    algorithm = Algorithm(model.plan.name, digest_of({"plan": model.plan.digest, "folds": model.digests}))
    log.warning("%s", Notice("PS-W173", "labels.dcm contains the patient identity of the source"))
    return lambda path: write_segmentation(path, prediction.labels, source, prediction.domain, algorithm, kind=kind)


def _check_weights(model: Model, wanted: Sequence[str] | None) -> None:
    """Refuse weights that were not asked for, before anything is read."""
    if wanted is None or set(model.digests.values()) == {digest.lower() for digest in wanted}:
        return
    found = ", ".join(f"{name} {digest}" for name, digest in model.digests.items())
    raise ModelError("PS-A140", f"other weights than --require-sha256 wants: {found}: name the right model with -m")


def _check_formats(exams: Sequence[Exam], options: PredictOptions) -> None:
    if unknown := sorted(set(options.formats) - set(FORMATS)):
        raise UsageError("PS-A120", f"unknown format {unknown[0]!r}: choose of {', '.join(FORMATS)}")
    if options.seg_type not in SEG_TYPES:
        raise UsageError("PS-A120", f"unknown seg_type {options.seg_type!r}: choose of {', '.join(SEG_TYPES)}")
    if DICOM_SEG in options.formats and any(is_image_file(exam.path) for exam in exams):
        text = "a DICOM SEG belongs to a DICOM series, the input is an image file"
        raise UsageError("PS-A120", f"{text}: write --formats nifti")


def _report(exam: Exam, structures: dict[str, dict[str, float]], notices: Sequence[str], folder: Path) -> None:
    for name, size in structures.items():
        log.info("  %-20s %8.1f ml", name, size["volume_ml"])
    for notice in notices:
        log.warning("%s%s", "" if exam.name == ALONE else f"{exam.name}: ", notice)
    log.info("  written to %s", folder)


def _check_apart(source: Path, output: Path, folders: dict[Exam, Path]) -> None:
    """Neither is a result written among what is read, nor is what is read replaced by a result."""
    there = real_path(output)
    if source.is_dir() and real_path(source) in (there, *there.parents):
        raise UsageError("PS-A109", f"output {output} is inside the input: name a folder elsewhere with -o")
    for exam, folder in folders.items():
        if folder.name == FAILED:
            raise UsageError("PS-A99", f"an exam cannot be called {FAILED}, as the list of failures is: rename it")
        place, read = real_path(folder), real_path(exam.path)
        if place in (read, *read.parents) or read in place.parents:
            raise UsageError("PS-A109", f"exam {exam.name} and its output overlap: name a folder elsewhere with -o")
