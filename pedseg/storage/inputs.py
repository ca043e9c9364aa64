"""What a user points at: one exam or a folder of image files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pedseg.dicom import read_volume
from pedseg.errors import InputError, UsageError
from pedseg.privacy import conceal, is_plain, names_shown
from pedseg.volumes import Volume
from pedseg.volumes.nifti import read_image

IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class Exam:
    """One exam to segment.

    Args:
        name: safe as a folder name, never taken from DICOM text.
        path: a DICOM folder, a DICOM file or an image file.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class Choice:
    """Which images of a DICOM folder are meant, where it holds several volumes.

    Args:
        series: index in the list a refusal prints, or a Series Instance UID.
        echo: echo number.
        phase: number of the temporal position.
    """

    series: int | str | None = None
    echo: int | None = None
    phase: int | None = None


def find_exams(path: Path, *, each: bool = False) -> tuple[Exam, ...]:
    """One exam for a file or a DICOM folder; one a file for a folder of NIfTI, NRRD or MHA files.

    Args:
        path: what the user points at.
        each: every folder inside is a DICOM exam of its own, named as the folder.

    Raises:
        UsageError: PS-A03 nothing there, PS-A99 two exams of one name.
    """
    if not path.exists():
        raise UsageError("PS-A03", f"input {path} does not exist: give a DICOM folder or an image file")
    if each:
        return _distinct(path, _folders(path))
    if path.is_file():
        return (Exam(_shown_name(path, "exam"), path),)
    images = sorted(p for p in path.iterdir() if p.is_file() and p.name.lower().endswith(IMAGE_ENDINGS))
    if not images:
        return (Exam("exam", path),)
    return _distinct(path, images)


def read_exam(exam: Exam, choice: Choice | None = None) -> Volume:
    """The image of an exam.

    Raises:
        UsageError: PS-A120 a choice for a file that offers none.
        InputError, GeometryError: what the readers refuse.
    """
    choice = choice or Choice()
    if is_image_file(exam.path):
        if choice != Choice():
            name = exam.path.name
            raise UsageError("PS-A120", f"{name} is one image: --series, --echo, --phase are for DICOM folders")
        return read_image(exam.path)
    return read_volume(exam.path, series=choice.series, echo=choice.echo, phase=choice.phase)


def is_image_file(path: Path) -> bool:
    """Whether a path is a NIfTI, NRRD or MHA file, not DICOM."""
    return path.is_file() and path.name.lower().endswith(IMAGE_ENDINGS)


def _folders(path: Path) -> list[Path]:
    found = sorted(p for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
    if not found:
        raise UsageError("PS-A03", f"{path} holds no folders: with --each, every folder inside is an exam")
    return found


def _distinct(path: Path, sources: list[Path]) -> tuple[Exam, ...]:
    exams = tuple(Exam(_shown_name(p, f"exam_{place:03d}"), p) for place, p in enumerate(sources, start=1))
    if len({e.name.lower() for e in exams}) < len(exams):
        raise UsageError("PS-A99", f"what lies in {path.name} leads to equal names: rename it")
    return exams


def _shown_name(path: Path, stand_in: str) -> str:
    """The file's or folder's name where it cannot be a patient's; else what stands for it, such as its place."""
    conceal(path, instead=stand_in)
    return _name_of(path) if names_shown() or is_plain(path.name) else stand_in


def _name_of(path: Path) -> str:
    name = next((path.name[: -len(e)] for e in IMAGE_ENDINGS if path.name.lower().endswith(e)), path.stem)
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:64]
    if not safe:
        raise InputError("PS-A121", f"file name {path.name!r} has no letter or digit: rename it")
    return safe
