"""Folders that were given: a domain's part of them, images beside masks, and folders that are not what they seem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pedseg.domains import Domain
from pedseg.errors import InputError, PedsegError, UsageError
from pedseg.plan.files import read_json
from pedseg.storage.cases import IMAGE_NAMES, Case
from pedseg.storage.inputs import IMAGE_ENDINGS
from pedseg.workspace import real_path
from pedseg_evaluate.options import EvaluateOptions


def of_domain(folder: Path, domain: Domain, domains: Sequence[Domain]) -> Path:
    """A folder's part of a domain: itself where there is one domain and no folder of its name.

    Raises:
        UsageError: PS-A125 it is missing.
    """
    inside = folder / domain.name
    wanted = inside if len(domains) > 1 or inside.is_dir() else folder
    if not wanted.is_dir():
        advice = f"masks of several domains lie in {folder.name}/<domain>/" if len(domains) > 1 else "name a folder"
        raise UsageError("PS-A125", f"folder {wanted} is missing: {advice}")
    return wanted


def find_images(domain: Domain, domains: Sequence[Domain], options: EvaluateOptions) -> dict[str, Case]:
    """Exam -> image, for pictures.

    In the folder of images: `<exam>/dicom/`, `<exam>/image.nii.gz`, another folder as a DICOM series, or
    `<exam>.nii.gz` with or without nnU-Net's `_0000`. Where none is given, the first two beside the references.

    Raises:
        UsageError: PS-A125 no such folder.
    """
    if options.images is not None:
        found = dict(_given(of_domain(options.images, domain, domains)))
    elif options.references is not None:
        found = dict(_beside(of_domain(options.references, domain, domains)))
    else:
        found = {}
    return {exam: Case(exam, path, None, exam) for exam, path in found.items()}


def check_folders(folders: Sequence[Path], options: EvaluateOptions) -> None:
    """Refuse to score a folder against itself.

    Raises:
        UsageError: PS-A120.
    """
    truth = real_path(options.references) if options.references else None
    if same := [folder for folder in folders if real_path(folder) == truth]:
        raise UsageError("PS-A120", f"--predictions and --references are both {same[0]}: name two folders")


def other_domain(record: Path, domain: Domain) -> PedsegError | None:
    """What is wrong where `prediction.json` says that a mask is of another domain; its labels mean other bones."""
    try:
        said = read_json(record, "predict again")
    except UsageError:
        return None  # a record that cannot be read costs its warnings, not the scores
    own = said.get("domain") if isinstance(said, dict) else None
    if not isinstance(own, str) or own == domain.name:
        return None
    text = f"{record.parent.name}: {record.name} says that the mask is of {own}, not of {domain.name}"
    return InputError("PS-A71", f"{text}: choose the domain with -d")


def _given(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield path.name, _inside(path) or path
        elif ending := next((e for e in IMAGE_ENDINGS if path.name.lower().endswith(e)), ""):
            yield path.name[: -len(ending)].removesuffix("_0000"), path


def _beside(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(p for p in folder.iterdir() if p.is_dir()):
        if image := _inside(path):
            yield path.name, image


def _inside(folder: Path) -> Path | None:
    return next((path for name in ("dicom", *IMAGE_NAMES) if (path := folder / name).exists()), None)
