"""A folder tree -> its series, each a candidate volume, and what was left aside with the reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pedseg.dicom.frame import CT_CLASSES, ENHANCED_CLASSES, MR_CLASSES, Frame, single_frame
from pedseg.dicom.header import Header, NotDicomError, read_header
from pedseg.dicom.multiframe import multi_frames
from pedseg.dicom.series import Series, group_frames
from pedseg.dicom.tree import escaped, unreadable, walk_files
from pedseg.dicom.values import uid_name, whole
from pedseg.errors import InputError, Notice, UsageError


@dataclass(frozen=True)
class Discovery:
    """What a folder (or one file) holds.

    Args:
        root: the path that was read.
        n_files: files looked into.
        series: candidate volumes, by `index`, echo and phase.
        skipped: reason -> number of files.
        notices: warnings about files.
    """

    root: Path
    n_files: int
    series: tuple[Series, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


def discover(path: str | Path, *, skip_unreadable: bool = False, any_modality: bool = False) -> Discovery:
    """Read every DICOM header below a folder and group the images into candidate volumes.

    Args:
        path: a folder (searched 12 levels deep, names and extensions do not matter) or one DICOM file.
        skip_unreadable: go on without files that cannot be read; else they are refused, for such a
            file may be a slice.
        any_modality: take CT images too.

    Raises:
        UsageError: PS-A03 no such path.
        InputError: PS-A07 a file cannot be read; PS-A08 a file so short that its series is unknown.
    """
    root = Path(path)
    if not root.exists():
        raise UsageError("PS-A03", f"no file or folder named {escaped(root.name)!r}: check the path")
    classes = MR_CLASSES | CT_CLASSES if any_modality else MR_CLASSES
    frames: list[Frame] = []
    skipped: Counter[str] = Counter()
    n_files = 0
    for file, name in walk_files(root, skipped, skip_unreadable=skip_unreadable):
        n_files += 1
        try:
            frames.extend(_frames_of(file, name, classes, skipped))
        except OSError as error:
            if not skip_unreadable:
                raise unreadable(name, error) from error
            skipped["unreadable"] += 1
    return Discovery(root, n_files, group_frames(frames), dict(sorted(skipped.items())), _notices(skipped, frames))


def _frames_of(path: Path, name: str, classes: frozenset[str], skipped: Counter[str]) -> tuple[Frame, ...]:
    """The images of one file; none, and one more in `skipped`, where it holds none of ours."""
    if path.name.upper() == "DICOMDIR":
        skipped["DICOMDIR"] += 1  # it lists files, also outside the folder: we look for ourselves
        return ()
    try:
        header = read_header(path)
    except NotDicomError:
        skipped["not DICOM"] += 1
        return ()
    sop_class = header.text("SOPClassUID")
    if sop_class and sop_class not in classes:
        skipped[f"not an MR image ({uid_name(sop_class)})"] += 1
        return ()
    whole_header = header.pixels_at >= 0 and not header.truncated
    if not sop_class or not (whole_header or header.text("SeriesInstanceUID")):
        raise InputError("PS-A08", f"{name} ends before its series is named and may be a slice: copy it again")
    grey = header.text("PhotometricInterpretation") in ("", "MONOCHROME1", "MONOCHROME2")
    if not grey or (header.unsigned("SamplesPerPixel") or 1) != 1:
        skipped["colour image"] += 1
        return ()
    if _many(header, sop_class):
        return multi_frames(header, path, name)
    return (single_frame(header, path, name),)


def _many(header: Header, sop_class: str) -> bool:
    return sop_class in ENHANCED_CLASSES or (whole(header.text("NumberOfFrames")) or 1) > 1


def _notices(skipped: Counter[str], frames: list[Frame]) -> tuple[Notice, ...]:
    found = []
    if skipped["empty file"]:
        found.append(Notice("PS-W06", f"{skipped['empty file']} empty files were skipped"))
    if bare := sum(not frame.preamble for frame in frames):
        found.append(Notice("PS-W10", f"{bare} DICOM images without the 128-byte preamble were read"))
    if programs := len({frame.path for frame in frames if frame.program}):
        found.append(Notice("PS-W153", f"{programs} DICOM files begin like a program: read, never run or copied"))
    return tuple(found)
