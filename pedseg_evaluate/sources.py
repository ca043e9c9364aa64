"""What is evaluated: folders of masks, exam by exam beside their references."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pedseg.domains import Domain, load_domains
from pedseg.errors import InputError, UsageError
from pedseg.plan import Plan
from pedseg.storage.cases import IMAGE_NAMES, Case
from pedseg.storage.inputs import IMAGE_ENDINGS
from pedseg.storage.masks import find_masks
from pedseg_evaluate.exam import Task
from pedseg_evaluate.options import EvaluateOptions

RECORD = "prediction.json"


@dataclass(frozen=True)
class Source:
    """One method's exams.

    Args:
        name: of the method.
        tasks: exams to score.
        missing: exams with a reference and no prediction, as `domain/exam`.
        unscored: exams with a prediction and no reference, where references were given.
        facts: plain values about where it comes from, for `scores.json`.
        run: the run folder; None of a folder of masks.
        plan: of the run.
    """

    name: str
    tasks: tuple[Task, ...]
    missing: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    run: Path | None = None
    plan: Plan | None = None


def folder_sources(folders: Sequence[Path], options: EvaluateOptions) -> tuple[Source, ...]:
    """A method a folder of masks: `DIR/<exam>...` of one domain, `DIR/<domain>/<exam>...` of several.

    Raises:
        UsageError: PS-A120 no domain, PS-A125 no such folder, names that do not fit.
        InputError: PS-A122 nothing to score.
    """
    if not options.domains:
        raise UsageError("PS-A120", "whose masks are they? say so with -d, such as -d ankle")
    domains = load_domains(options.domains)
    _check_values(domains, options)
    names = method_names([folder.name or folder.resolve().name for folder in folders], options)
    return tuple(_folder_source(n, f, domains, options) for n, f in zip(names, folders, strict=True))


def method_names(found: Sequence[str], options: EvaluateOptions) -> tuple[str, ...]:
    """Names of the methods: those given, else those found; they must differ.

    Raises:
        UsageError: PS-A120 too few, too many or equal ones, or nobody of the name to compare with.
    """
    names = options.names or tuple(found)
    if len(names) != len(found):
        raise UsageError("PS-A120", f"{len(found)} methods need {len(found)} --names, got {len(names)}")
    if len({folder_name(name).lower() for name in names}) < len(names):
        raise UsageError("PS-A120", f"methods need different names, got {', '.join(names)}: name them with --names")
    if options.against is not None and options.against not in names:
        raise UsageError("PS-A120", f"--against {options.against!r} is none of {', '.join(names)}")
    return names


def folder_name(method: str) -> str:
    """A method's name as a folder's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", method).strip("._-")[:64] or "method"


def _folder_source(name: str, folder: Path, domains: Sequence[Domain], options: EvaluateOptions) -> Source:
    tasks: list[Task] = []
    missing: list[str] = []
    unscored: list[str] = []
    for domain in domains:
        predictions = find_masks(_of_domain(folder, domain, domains))
        references = _references(domain, domains, options)
        images = _images(domain, domains, options)
        values = _values(domain, options)
        for exam in sorted(predictions):
            if references is not None and exam not in references:
                unscored.append(f"{domain.name}/{exam}")
                continue
            reference = None if references is None else references[exam]
            image, path = images.get(exam), predictions[exam]
            record = path.parent / RECORD if (path.parent / RECORD).is_file() else None
            tasks.append(Task(name, exam, domain, path, reference, image, values=values, record=record,
                              tolerance_mm=options.tolerance_mm))  # fmt: skip
        missing += [f"{domain.name}/{exam}" for exam in sorted(set(references or ()) - set(predictions))]
    if not tasks:
        wanted = "<exam>.nii.gz or <exam>/labels.nii.gz, named as the references are"
        raise InputError("PS-A122", f"{folder.name}: no mask to score: put them there as {wanted}")
    facts = {"predictions": folder.name, "references": options.references.name if options.references else None}
    return Source(name, tuple(tasks), tuple(missing), tuple(unscored), facts)


def _references(domain: Domain, domains: Sequence[Domain], options: EvaluateOptions) -> dict[str, Path] | None:
    return find_masks(_of_domain(options.references, domain, domains)) if options.references else None


def _images(domain: Domain, domains: Sequence[Domain], options: EvaluateOptions) -> dict[str, Case]:
    """Exam -> image: `<exam>/dicom/`, `<exam>/image.nii.gz`, or `<exam>.nii.gz` with or without nnU-Net's `_0000`."""
    if options.images is None:
        return {}
    found: dict[str, Path] = {}
    for path in sorted(_of_domain(options.images, domain, domains).iterdir()):
        if path.is_dir():
            inside = next((p for n in ("dicom", *IMAGE_NAMES) if (p := path / n).exists()), path)
            found[path.name] = inside
        elif ending := next((e for e in IMAGE_ENDINGS if path.name.lower().endswith(e)), ""):
            found[path.name[: -len(ending)].removesuffix("_0000")] = path
    return {exam: Case(exam, path, None, exam) for exam, path in found.items()}


def _of_domain(folder: Path, domain: Domain, domains: Sequence[Domain]) -> Path:
    """A folder's part of a domain: itself where there is one domain and no folder of its name."""
    inside = folder / domain.name
    wanted = inside if len(domains) > 1 or inside.is_dir() else folder
    if not wanted.is_dir():
        advice = f"masks of several domains lie in {folder.name}/<domain>/" if len(domains) > 1 else "name a folder"
        raise UsageError("PS-A125", f"folder {wanted} is missing: {advice}")
    return wanted


def _values(domain: Domain, options: EvaluateOptions) -> dict[str, tuple[int, ...]] | None:
    """What was said about the structures of a domain."""
    said = {name: values for name, values in (options.values or {}).items() if name in domain.labels}
    return said or None


def _check_values(domains: Sequence[Domain], options: EvaluateOptions) -> None:
    known = {s.name for d in domains for s in d.structures}
    if unknown := sorted(set(options.values or ()) - known):
        raise UsageError("PS-A120", f"--labels names {unknown[0]!r}, known: {', '.join(sorted(known))}")
