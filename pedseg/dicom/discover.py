"""A folder tree -> its series, each a candidate volume, and what was left aside with the reason."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pedseg.dicom.frame import CT_CLASSES, ENHANCED_CLASSES, MR_CLASS, MR_CLASSES, Frame, single_frame
from pedseg.dicom.header import NOT_DICOM, ZEROS, Header, NotDicomError, read_header
from pedseg.dicom.multiframe import multi_frames
from pedseg.dicom.series import Series, group_frames
from pedseg.dicom.tags import TAGS
from pedseg.dicom.tree import EMPTY, MAX_DEPTH, TOO_DEEP, UNREADABLE, escaped, kind_of, unreadable, walk_files
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
        kinds: ending -> number, of the files that are not DICOM.
        notices: warnings about files.
        foreign: Series Instance UID -> number of its images that were skipped as colour, CT or captures.
    """

    root: Path
    n_files: int
    series: tuple[Series, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    foreign: dict[str, int] = field(default_factory=dict, repr=False)

    @property
    def passed_over(self) -> str:
        """What was skipped, in one line."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        return ", ".join(
            f"{count} {reason}" + (f" ({kinds})" if reason == NOT_DICOM else "")
            for reason, count in self.skipped.items()
        )


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
        raise UsageError("PS-A03", f"no file or folder at {escaped(root.name)}: check the path")
    seen = _Seen(MR_CLASSES | CT_CLASSES if any_modality else MR_CLASSES)
    n_files = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of values nobody asked for, and shows them
        for file, name in walk_files(root, seen.skipped, skip_unreadable=skip_unreadable):
            n_files += 1
            seen.look_into(file, name, skip_unreadable=skip_unreadable)
    counts = dict(sorted(seen.skipped.items())), dict(sorted(seen.kinds.items()))
    notices = _notices(seen.skipped, seen.frames)
    return Discovery(root, n_files, group_frames(seen.frames), *counts, notices=notices, foreign=dict(seen.foreign))


@dataclass(frozen=True)
class _Seen:
    """What a walk has found so far."""

    classes: frozenset[str]
    frames: list[Frame] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)

    def look_into(self, file: Path, name: str, *, skip_unreadable: bool) -> None:
        """Take the images of one file, or count why there are none."""
        try:
            self.frames.extend(self._frames_of(file, name))
        except NotDicomError as reason:
            self.skipped[str(reason)] += 1
            if str(reason) == NOT_DICOM:
                self.kinds[kind_of(file)] += 1
        except OSError as error:
            if not skip_unreadable:
                raise unreadable(name, error) from error
            self.skipped[UNREADABLE] += 1

    def _frames_of(self, path: Path, name: str) -> tuple[Frame, ...]:
        """The images of one file; none, and one more in `skipped`, where it holds none of ours.

        Raises:
            NotDicomError: the bytes are not DICOM.
            OSError: the file cannot be read.
        """
        if path.name.upper() == "DICOMDIR":
            self.skipped["DICOMDIR"] += 1  # it lists files, also outside the folder: we look for ourselves
            return ()
        header = read_header(path)
        whole_header = header.pixels_at >= 0 and not header.truncated
        sop_class = header.text("SOPClassUID")
        if not sop_class and whole_header:
            if header.text("Modality") != "MR":
                self.skipped["DICOM without SOP class"] += 1
                return ()
            header.values[TAGS["SOPClassUID"]] = MR_CLASS.encode()
            sop_class = MR_CLASS
        if sop_class and sop_class not in self.classes:
            self.skipped[f"not an MR image ({uid_name(sop_class)})"] += 1
            self.foreign[header.text("SeriesInstanceUID")] += "Image Storage" in uid_name(sop_class)
            return ()
        if not sop_class or not (whole_header or header.text("SeriesInstanceUID")):
            raise InputError("PS-A08", f"{name} ends before its series is named and may be a slice: copy it again")
        grey = header.text("PhotometricInterpretation").upper() in ("", "MONOCHROME1", "MONOCHROME2")
        if not grey or (header.unsigned("SamplesPerPixel") or 1) != 1:
            self.skipped["colour image"] += 1
            self.foreign[header.text("SeriesInstanceUID")] += 1
            return ()
        if _many(header, sop_class):
            return multi_frames(header, path, name)
        return (single_frame(header, path, name),)


def _many(header: Header, sop_class: str) -> bool:
    return sop_class in ENHANCED_CLASSES or (whole(header.text("NumberOfFrames")) or 1) > 1


def _notices(skipped: Counter[str], frames: list[Frame]) -> tuple[Notice, ...]:
    found = []
    if n_empty := skipped[EMPTY] + skipped[ZEROS]:
        found.append(Notice("PS-W06", f"{n_empty} files that are empty or hold only zeros were skipped"))
    if skipped[UNREADABLE]:
        found.append(Notice("PS-W07", f"{skipped[UNREADABLE]} files or folders that cannot be read were skipped"))
    if skipped[TOO_DEEP]:
        found.append(Notice("PS-W12", f"{skipped[TOO_DEEP]} folders deeper than {MAX_DEPTH} were not searched"))
    if bare := sum(not frame.preamble for frame in frames):
        found.append(Notice("PS-W10", f"{bare} DICOM images without the 128-byte preamble were read"))
    if programs := len({frame.path for frame in frames if frame.program}):
        found.append(Notice("PS-W153", f"{programs} DICOM files begin like a program: read, never run or copied"))
    return tuple(found)
