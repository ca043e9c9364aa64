"""A prediction as files: labels, facts about them, and a picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pedseg.domains import Domain
from pedseg.errors import OutputError, PedsegError
from pedseg.json_files import read_json
from pedseg.report.figures import preview_figure
from pedseg.storage.runs import LABELS, RECORD
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti
from pedseg.workspace import atomic_folder, output_error, put_bytes, real_path, try_to_write, write_json

PREVIEW = "preview.png"
SEGMENTATION = "labels.dcm"
SCHEMA = 1
"""Of `prediction.json`."""


@dataclass(frozen=True)
class WriteOptions:
    """What a prediction is written as.

    Args:
        overwrite: replace an earlier output.
        nifti: write `labels.nii.gz`.
        segmentation: writes `labels.dcm` to a path; None: there is none.
    """

    overwrite: bool = False
    nifti: bool = True
    segmentation: Callable[[Path], None] | None = None


_DEFAULT = WriteOptions()


def write_prediction(
    folder: Path,
    image: Volume,
    labels: Volume,
    domain: Domain,
    record: dict[str, Any],
    *,
    options: WriteOptions = _DEFAULT,
) -> None:
    """Write labels, `prediction.json` and `preview.png`: all of them or nothing.

    Args:
        folder: becomes the output; may exist when empty, or when overwriting where it holds an earlier output.
        image: the exam.
        labels: on the same grid.
        domain: names and colours.
        record: plain facts.
        options: as what, and whether over an earlier output.

    Raises:
        OutputError: PS-A104 the folder holds something, PS-A105, PS-A106 it cannot be written.
    """
    check_output(folder, overwrite=options.overwrite)
    with atomic_folder(folder, overwrite=True) as partial:
        if options.nifti:
            write_nifti(labels, partial / LABELS)
        if options.segmentation is not None:
            options.segmentation(partial / SEGMENTATION)
        picture = io.BytesIO()
        preview_figure(image, labels, domain, picture)
        put_bytes(partial / PREVIEW, picture.getbuffer())
        write_json(partial / RECORD, record)


def check_output(folder: Path, *, overwrite: bool) -> None:
    """Refuse to write over anything that is not an earlier output.

    Raises:
        OutputError: PS-A104 something stands there, PS-A105 nothing can be written there.
    """
    check_writable(folder)
    try:
        held = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    except OSError as error:
        raise output_error(error, folder) from error
    if held - {LABELS, RECORD, PREVIEW, SEGMENTATION}:
        raise OutputError("PS-A104", f"output {folder.name} holds other files: name an empty or new folder with -o")
    if held and not overwrite:
        raise OutputError("PS-A104", f"output {folder.name} exists: choose another place or add --overwrite")
    if held and not _is_ours(folder, held):
        text = f"output {folder.name} holds files and no {RECORD} that says they are a prediction's"
        raise OutputError("PS-A104", f"{text}: name an empty or new folder with -o")


def remove_prediction(folder: Path) -> None:
    """Take an earlier output away, its record first: whatever is left of it is nobody's."""
    for name in (RECORD, LABELS, PREVIEW, SEGMENTATION):
        (folder / name).unlink(missing_ok=True)


def _is_ours(folder: Path, names: Iterable[str]) -> bool:
    try:
        record = read_json(folder / RECORD, "")
    except PedsegError:
        return False
    own = isinstance(record, dict) and record.get("schema") == SCHEMA
    return own and all((folder / name).is_file() for name in names)


def check_writable(folder: Path) -> None:
    """Refuse a place where no folder can be made, before anything is computed for it.

    Raises:
        OutputError: PS-A105.
    """
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists() or path.is_symlink())
    except OSError as error:  # a name that no file system takes
        raise output_error(error, folder) from error
    if not there.is_dir():
        kind = "a link to nothing" if there.is_symlink() else "a file"
        raise OutputError("PS-A105", f"output {folder.name}: {there.name} is {kind}: name a folder with -o")
    there, real = real_path(there), real_path(folder)
    if real.is_mount() or real == Path.cwd():  # the finished folder takes the name of the former, which has to go
        kind = "the root of a disk" if real.is_mount() else "the working folder"
        raise OutputError("PS-A105", f"output {folder} is {kind}: name a folder inside it with -o")
    try_to_write(folder, there.parent if folder.exists() else there)
