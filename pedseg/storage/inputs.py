"""What a user points at: one exam or a folder of image files."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pedseg.dicom import ReadOptions, discover, fitting_stacks, read_volume
from pedseg.errors import GeometryError, InputError, Notice, UsageError
from pedseg.privacy import conceal, is_plain, names_shown, shown
from pedseg.volumes import Volume
from pedseg.volumes.nifti import read_image

EVERY = "all"
"""In place of a series: every one that fits is an exam of its own."""
ALONE = "exam"
"""Name of an exam that is the only one, where its file's or folder's is not shown."""
log = logging.getLogger("pedseg.predict")
IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class Exam:
    """One exam to segment.

    Args:
        name: safe as a folder name, never taken from DICOM text.
        path: a DICOM folder, a DICOM file or an image file.
        series: its index among the folder's, where each of them is an exam.
    """

    name: str
    path: Path
    series: int | None = None

    def choice(self, wished: Choice) -> Choice:
        """Which of the folder's images are meant."""
        return replace(wished, series=self.series) if wished.series == EVERY else wished


@dataclass(frozen=True)
class Choice:
    """Which images of a DICOM folder are meant, where it holds several volumes.

    Args:
        series: index in the list a refusal prints, a Series Instance UID, or `EVERY` for all that fit.
        echo: echo number.
        phase: number of the temporal position.
        options: what is read and where reading stops.
    """

    series: int | str | None = None
    echo: int | None = None
    phase: int | None = None
    options: ReadOptions = field(default_factory=ReadOptions)


def find_exams(path: Path, *, each: bool = False) -> tuple[Exam, ...]:
    """One exam for a file or a DICOM folder; one a file for a folder of NIfTI, NRRD or MHA files.

    Args:
        path: what the user points at.
        each: every folder inside is a DICOM exam of its own, named as the folder.

    Raises:
        UsageError: PS-A03 nothing there, PS-A99 two exams of one name, PS-A120 DICOM and image files in one folder.
        InputError: PS-A07 neither a file nor a folder, or one that cannot be looked at.
    """
    if not _there(path):
        raise UsageError("PS-A03", f"input {path.absolute()} does not exist: give a DICOM folder or an image file")
    if each:
        return _distinct(path, _folders(path))
    if path.is_file():
        return (Exam(_shown_name(path, ALONE), path),)
    files = sorted(p for p in path.iterdir() if p.is_file())
    images = [p for p in files if p.name.lower().endswith(IMAGE_ENDINGS)]
    if not images:
        return (Exam(ALONE, path),)
    images = _without_labels(images)
    if any(_is_dicom(p) for p in files if p not in images):
        told = shown(images[0].name, f"#{sorted(path.iterdir()).index(images[0]) + 1}")
        text = f"{path.absolute()} holds DICOM and image files ({told}): name the file, or move it elsewhere"
        raise UsageError("PS-A120", text)
    return _distinct(path, images)


def every_series(exams: Sequence[Exam], options: ReadOptions) -> tuple[Exam, ...]:
    """An exam for every series of DICOM folders that could be a joint's volume, named by its index there.

    What offers no choice (an image file, a folder that will be refused) stays as it is.
    """
    return tuple(part for exam in exams for part in _series_of(exam, options))


def _series_of(exam: Exam, options: ReadOptions) -> tuple[Exam, ...]:
    if is_image_file(exam.path):
        return (exam,)
    try:
        found = discover(exam.path, skip_unreadable=options.skip_unreadable, any_modality=options.any_modality)
        indices = fitting_stacks(found.series) if found.series else ()
    except (InputError, GeometryError):
        return (exam,)  # reading it says why
    within = "" if exam.name == ALONE else f"{exam.name}/"
    return tuple(replace(exam, name=f"{within}series_{n}", series=n) for n in indices) or (exam,)


def read_exam(exam: Exam, choice: Choice | None = None) -> Volume:
    """The image of an exam.

    Raises:
        UsageError: PS-A120 a choice for a file that offers none.
        InputError, GeometryError: what the readers refuse.
    """
    choice = exam.choice(choice or Choice())
    if is_image_file(exam.path):
        limit = choice.options.max_voxels
        if choice != Choice(options=ReadOptions(max_voxels=limit)):
            text = "--series, --echo, --phase and the flags of reading but --max-voxels are for DICOM"
            raise UsageError("PS-A120", f"{exam.path.name} is one image: {text}")
        return read_image(exam.path, max_voxels=limit)
    which = choice.series, choice.echo, choice.phase
    return read_volume(exam.path, series=which[0], echo=which[1], phase=which[2], options=choice.options)


def _there(path: Path) -> bool:
    """Whether a file or folder is there; pipes and devices are never opened."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            next(path.iterdir(), None)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        text = f"input {shown(path.name, 'path')} cannot be read ({error.strerror}): check the path and its permissions"
        raise InputError("PS-A07", text) from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        text = f"input {path.absolute()} is neither a file nor a folder: give a DICOM folder or an image file"
        raise InputError("PS-A07", text)
    return True


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def is_image_file(path: Path) -> bool:
    """Whether a path is a NIfTI, NRRD or MHA file, not DICOM."""
    return path.is_file() and path.name.lower().endswith(IMAGE_ENDINGS)


def _without_labels(images: list[Path]) -> list[Path]:
    """An exam of a workspace is its image: the labels beside it are no second exam."""
    kept = [p for p in images if not p.name.lower().startswith("labels.")]
    if len(kept) == len(images) or not any(p.name.lower().startswith("image.") for p in kept):
        return images
    log.info("labels beside the image are no exam: passed over")
    return kept


def _folders(path: Path) -> list[Path]:
    inside = sorted(path.iterdir()) if path.is_dir() else []
    found = [p for p in inside if p.is_dir()]
    if not found:
        raise UsageError("PS-A03", f"{path.absolute()} holds no folders: with --each, every folder inside is an exam")
    if n_files := len(inside) - len(found):
        text = f"{n_files} files beside the folders were passed over: with --each, an exam is a folder"
        log.warning("%s", Notice("PS-W148", text))
    return found


def _distinct(path: Path, sources: list[Path]) -> tuple[Exam, ...]:
    exams = tuple(Exam(_shown_name(p, _stand_in(p)), p) for p in sources)
    first: dict[str, int] = {}
    for place, exam in enumerate(exams, start=1):
        if (earlier := first.setdefault(exam.name.lower(), place)) != place:
            text = f"exams {earlier} and {place} by name of {path.absolute()} would both be called {exam.name}"
            raise UsageError("PS-A99", f"{text}: rename one")
    return exams


def _stand_in(path: Path) -> str:
    """A name of eight digits that follows from the file's or folder's own, whatever lies beside it."""
    return f"exam_{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}"


def _shown_name(path: Path, stand_in: str) -> str:
    """The file's or folder's name where it cannot be a patient's; else what stands for it, such as its place."""
    conceal(path, instead=stand_in)
    return _name_of(path) if names_shown() or is_plain(path.name) else stand_in


def _name_of(path: Path) -> str:
    stem = path.name if path.is_dir() else path.stem
    name = next((path.name[: -len(e)] for e in IMAGE_ENDINGS if path.name.lower().endswith(e)), stem)
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:64]
    if not safe:
        raise InputError("PS-A121", f"file name {path.name!r} has no letter or digit: rename it")
    return safe
