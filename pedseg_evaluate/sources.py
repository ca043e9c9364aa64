"""What is evaluated: folders of masks, exam by exam beside their references."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pedseg.domains import Domain, load_domains
from pedseg.errors import InputError, PedsegError, UsageError, one_line
from pedseg.plan import Plan
from pedseg.privacy import HIDDEN, shown
from pedseg.storage.cases import Case
from pedseg.storage.masks import FoundMasks, find_masks, reference_domain
from pedseg.workspace import Workspace, real_path
from pedseg_evaluate.exam import Task
from pedseg_evaluate.folders import check_folders, find_images, of_domain, other_domain
from pedseg_evaluate.options import EvaluateOptions

RECORD = "prediction.json"
OWN_NAMES = frozenset(
    {"scores.csv", "scores.json", "slices.csv", "report.html", "evaluation.json", "tables", "representations"}
)
"""What an evaluation calls its own files: no method's folder may be called so."""
NAME_BYTES = 120
"""Of a method's folder; file systems take 255."""


@dataclass(frozen=True)
class Source:
    """One method's exams.

    Args:
        name: of the method.
        tasks: exams to score.
        missing: exams with a reference and no prediction, as `domain/exam`.
        unscored: exams with a prediction and no reference, where references were given; those of a run are measured.
        facts: plain values about where it comes from, for `scores.json`.
        run: the run folder; None of a folder of masks.
        plan: of the run.
        untested: exams of the plan that are a test exam of none of its folds.
        failed: exams whose masks are not taken, with why.
        home: the workspace that a run's exams and slice cache are in.
        folders: that are read; nothing is written into them.
    """

    name: str
    tasks: tuple[Task, ...]
    missing: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    run: Path | None = None
    plan: Plan | None = None
    untested: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    home: Workspace | None = None
    folders: tuple[Path, ...] = ()


def folder_sources(folders: Sequence[Path], options: EvaluateOptions) -> tuple[Source, ...]:
    """A method a folder of masks: `DIR/<exam>...` of one domain, `DIR/<domain>/<exam>...` of several.

    Raises:
        UsageError: PS-A120 no domain, PS-A125 no such folder, names that do not fit.
        InputError: PS-A122 nothing to score; the first fault where no exam is without one.
    """
    if not options.domains:
        raise UsageError("PS-A120", "whose masks are they? say so with -d, such as -d ankle")
    if options.representations:
        raise UsageError("PS-A120", "--representations is for --run: masks have no network to look into")
    domains = load_domains(options.domains)
    names = method_names([folder.name or real_path(folder).name for folder in folders], options)
    _check_values(domains, names, options)
    check_folders(folders, options)
    return tuple(_folder_source(n, f, domains, options) for n, f in zip(names, folders, strict=True))


def method_names(found: Sequence[str], options: EvaluateOptions) -> tuple[str, ...]:
    """Names of the methods: those given, else those found; they must differ.

    Raises:
        UsageError: PS-A120 too few, too many or equal ones, or nobody of the name to compare with; PS-A99 a name
            that is not UTF-8.
    """
    names = options.names or tuple(found)
    if len(names) != len(found):
        raise UsageError("PS-A120", f"{len(found)} methods need {len(found)} --names, got {len(names)}")
    if foreign := [one_line(name) for name in names if one_line(name) != name]:
        text = f"the name {foreign[0]!r} is not UTF-8, or holds control characters"
        raise UsageError("PS-A99", f"{text}: name the methods with --names")
    if len({folder_name(name).casefold() for name in names}) < len(names):
        raise UsageError("PS-A120", f"methods need different names, got {', '.join(names)}: name them with --names")
    if options.against is not None and options.against not in names:
        raise UsageError("PS-A120", f"--against {options.against!r} is none of {', '.join(names)}")
    return names


def folder_name(method: str) -> str:
    """A method's name as a folder's: letters of any script, and no name that the evaluation gives to its own."""
    name = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", method)).strip("._-")
    name = name.encode()[:NAME_BYTES].decode(errors="ignore").strip("._-") or "method"
    return f"method_{name}" if name.casefold() in OWN_NAMES else name


@dataclass(frozen=True)
class _Beside:
    """What lies beside the predictions of a domain, exam by exam.

    Args:
        domain: whose masks they are.
        numbered: the domain as the references number it.
        references: None where nobody gave any.
        images: for pictures.
    """

    domain: Domain
    numbered: Domain
    references: FoundMasks | None
    images: Mapping[str, Case]

    @classmethod
    def find(cls, domain: Domain, domains: Sequence[Domain], options: EvaluateOptions) -> _Beside:
        """Look for it in the folders that were given."""
        images = find_images(domain, domains, options)
        if options.references is None:
            return cls(domain, domain, None, images)
        folder = of_domain(options.references, domain, domains)
        # nnU-Net has one dataset.json a dataset, which holds one domain
        return cls(domain, reference_domain(folder, domain), find_masks(folder), images)


@dataclass
class _Gathered:
    """A method's exams while they are put together."""

    tasks: list[Task] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unscored: list[str] = field(default_factory=list)
    faults: dict[str, PedsegError] = field(default_factory=dict)


def _folder_source(name: str, folder: Path, domains: Sequence[Domain], options: EvaluateOptions) -> Source:
    found = _Gathered()
    for domain in domains:
        beside = _Beside.find(domain, domains, options)
        place, values = of_domain(folder, domain, domains), _values(name, domain, options)
        # nnU-Net lays its dataset.json beside its predictions
        numbered = domain if values else reference_domain(place, domain)
        task = Task(name, "", numbered, place, values=values, tolerance_mm=options.tolerance_mm)
        _gather(task, place, beside, into=found)
    if not found.tasks:
        raise next(iter(found.faults.values()), None) or _never_met(one_line(folder.name), found)
    given = shown(one_line(options.references.name), HIDDEN) if options.references else None
    return Source(
        name,
        tuple(found.tasks),
        tuple(found.missing),
        tuple(found.unscored),
        {"predictions": shown(one_line(folder.name), HIDDEN), "references": given},
        folders=tuple(filter(None, (folder, options.references, options.images))),
        failed={exam: str(error) for exam, error in found.faults.items()},
    )


def _gather(pattern: Task, folder: Path, beside: _Beside, *, into: _Gathered) -> None:
    """Put the masks of a domain beside their references; each exam is a task, or named with why it is none."""
    of = beside.domain.name
    predictions, references = find_masks(folder), beside.references
    known = references.masks if references else {}
    faults = {**(references.faults if references else {}), **predictions.faults}
    into.faults.update({f"{of}/{exam}": faults[exam] for exam in sorted(faults)})
    for exam, path in sorted(predictions.masks.items()):
        if exam in faults:
            continue
        if references and exam not in known:
            into.unscored.append(f"{of}/{exam}")
            continue
        reference, record = known.get(exam), _record(folder / exam, path)
        if record and (fault := other_domain(record, beside.domain)):
            into.faults[f"{of}/{exam}"] = fault
            continue
        own = pattern.domain.numbered_in_order if record else pattern.domain  # what has a record is pedseg's
        task = replace(pattern, exam=exam, domain=own, prediction=path, reference=reference, record=record)
        into.tasks.append(replace(task, image=beside.images.get(exam), numbered=beside.numbered))
    into.missing += [f"{of}/{exam}" for exam in sorted(set(known) - set(predictions.masks) - set(faults))]


def _record(own: Path, mask: Path) -> Path | None:
    """`prediction.json` in an exam's own folder; one in a folder of many exams would be said of all of them."""
    inside = own in {mask, mask.parent} and (own / RECORD).is_file()
    return own / RECORD if inside else None


def _never_met(folder: str, found: _Gathered) -> InputError:
    ours, theirs = (names[0].partition("/")[2] for names in (found.unscored, found.missing))
    text = f"{folder}: no mask to score: no name is among the references' ({ours} here, {theirs} there)"
    return InputError("PS-A122", f"{text}: name them alike")


def _values(method: str, domain: Domain, options: EvaluateOptions) -> dict[str, tuple[int, ...]] | None:
    """What was said about the structures of a domain in a method's masks."""
    told = {_whose(name): values for name, values in (options.values or {}).items()}
    return {bone: v for (whose, bone), v in told.items() if whose in {"", method} and bone in domain.labels} or None


def _whose(name: str) -> tuple[str, str]:
    """Method and structure of `method:structure`; no method where it is not said."""
    method, _, bone = name.rpartition(":")
    return method, bone


def _check_values(domains: Sequence[Domain], names: Sequence[str], options: EvaluateOptions) -> None:
    known = {s.name for d in domains for s in d.structures}
    for method, bone in map(_whose, options.values or ()):
        if bone not in known:
            raise UsageError("PS-A120", f"--labels names {bone!r}, known: {', '.join(sorted(known))}")
        if method not in names and (method or len(names) > 1):
            text = f"--labels is of {method!r}" if method else "of which method are --labels?"
            raise UsageError("PS-A120", f"{text}: say so as in {names[-1]}:{bone}=3")
