"""A folder of DICOM files -> one validated volume."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.uid import HTJ2K, JPEG2000, JPEG2000MC, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from pedseg.dicom.choose import choose
from pedseg.dicom.discover import Discovery, discover
from pedseg.dicom.ends import HINTS, end_hint
from pedseg.dicom.frame import Frame
from pedseg.dicom.interlaced import interlaced_notices
from pedseg.dicom.phases import complex_part
from pedseg.dicom.pixels import read_grey
from pedseg.dicom.polarity import shown_grey
from pedseg.dicom.repeats import without_repeats
from pedseg.dicom.series import Series
from pedseg.dicom.stack import build_stack
from pedseg.dicom.tree import EMPTY, escaped
from pedseg.dicom.values import uid_name
from pedseg.errors import InputError, Notice
from pedseg.volumes.limits import check_size
from pedseg.volumes.volume import Volume

log = logging.getLogger("pedseg.dicom")
_LOSSY = (HTJ2K, JPEG2000, JPEG2000MC, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)
_OF_ALL = frozenset(["laterality", "philips_scale_slope"])
"""Facts that are told only where all images agree on them."""


@dataclass(frozen=True)
class ReadOptions:
    """What `read_volume` accepts.

    Args:
        skip_unreadable: go on without files that cannot be read.
        min_slices: fewer positions are refused.
        max_voxels: more voxels are refused before memory is asked for.
        any_modality: take CT too.
        monochrome1: grey values of MONOCHROME1 images, "stored" or "inverted"; empty: as stored, where all
            images are MONOCHROME1.
    """

    skip_unreadable: bool = False
    min_slices: int = 4
    max_voxels: int = 1024**3
    any_modality: bool = False
    monochrome1: str = ""


_DEFAULT = ReadOptions()


def read_volume(
    path: str | Path,
    *,
    series: int | str | None = None,
    echo: int | None = None,
    phase: int | None = None,
    options: ReadOptions = _DEFAULT,
) -> Volume:
    """Read one volume from a folder tree of DICOM files, ordered by position.

    Args:
        path: a folder, or one (multi-frame) DICOM file.
        series: index as `discover` lists it, or a Series Instance UID; None: the only one that fits.
        echo: echo number, where the series holds several.
        phase: number as listed, where the series holds several images a position.
        options: limits.

    Returns:
        Array (I, J, K) = (columns, rows, slices along the normal), affine to RAS+ mm, slice_axis 2.

    Raises:
        UsageError: no such path (PS-A03) or choice (PS-A120).
        InputError: no image (PS-A02, PS-A04), several volumes (PS-A20, A25, A26, A31), damage.
        GeometryError: the images do not make one regular grid.
    """
    found = discover(path, skip_unreadable=options.skip_unreadable, any_modality=options.any_modality)
    if not found.series:
        raise _nothing(found)
    if found.skipped:
        log.info("passed over: %s", found.passed_over)
    chosen, notices = choose(found.series, series=series, echo=echo, phase=phase)
    if n_foreign := found.foreign.get(chosen.uid, 0) if chosen.uid else 0:
        text = f"{n_foreign} images of the same series are colour, CT or captures and were left out: slices may lack"
        notices += (Notice("PS-W21", text),)
    volume = read_series(chosen, options=options)
    facts = volume.facts | ({"passed_over": found.passed_over} if found.skipped else {})
    return replace(volume, notices=found.notices + notices + volume.notices, facts=facts)


def read_series(series: Series, *, options: ReadOptions = _DEFAULT) -> Volume:
    """Read a candidate of `discover`; see `read_volume`."""
    columns, rows = series.matrix
    check_size((columns, rows, len(series.frames)), options.max_voxels, "the series")
    kept, repeated = without_repeats(series)
    stack = build_stack(kept, min_slices=options.min_slices)
    frames, told = shown_grey(stack.frames, options.monochrome1)
    seen = list(told)
    array = read_grey(frames, notices=seen)
    if (array == array[0, 0, 0]).all():
        raise InputError("PS-A65", f"the image is constant ({array[0, 0, 0]:g}): it holds no anatomy")
    seen += interlaced_notices(array)
    notices = (*series.notices, *repeated, *stack.notices, *seen, *_notices(kept, stack.frames))
    return Volume(array, stack.affine, slice_axis=2, notices=notices, facts=_facts(kept))


def _nothing(found: Discovery) -> InputError:
    where = escaped(found.root.resolve().name)
    if not found.n_files and not found.skipped:
        return InputError("PS-A02", f"no DICOM image in {where} (0 files): name the folder of the series")
    n_files = found.n_files + found.skipped.get(EMPTY, 0)
    text = f"no MR image in {where}: {n_files} files, {found.passed_over}"
    return InputError("PS-A04", f"{text}; name the folder of the series")


def _notices(series: Series, frames: tuple[Frame, ...]) -> tuple[Notice, ...]:
    """What is worth saying about a series that is read."""
    found = []
    stored = [frame.pixels for frame in frames if frame.pixels is not None]
    if any(p.lossy or p.syntax in _LOSSY for p in stored):
        found.append(Notice("PS-W18", "the images were compressed with loss"))
    scaled = any((p.slope, p.intercept) != (1.0, 0.0) for p in stored)
    if scaled and (n_plain := sum(not p.rescaled for p in stored)):
        text = f"{n_plain} of {len(stored)} images have no Rescale Slope, others have: theirs are taken as stored"
        found.append(Notice("PS-W62", text))
    if any(frame.image_type[:1] == ("DERIVED",) for frame in frames):
        found.append(Notice("PS-W33", "the series is derived (reformatted or computed), not acquired"))
    if n_complex := sum(complex_part(frame) for frame in frames):
        count = "the images" if n_complex == len(frames) else f"{n_complex} of {len(frames)} images"
        found.append(Notice("PS-W27", f"{count} are phase, real or imaginary parts, not magnitudes"))
    if hint := end_hint(series, frames):
        found.append(Notice("PS-W37", hint))
    return tuple(found)


def _facts(series: Series) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {k: v for k, v in series.first.facts.items() if k not in HINTS}
    for key in _OF_ALL & facts.keys():
        if any(frame.facts.get(key) != facts[key] for frame in series.frames):
            del facts[key]
    more = {
        "series_number": series.number,
        "echo": series.echo if series.echo is not None else series.first.echo_number,
        "echo_time_ms": series.echo_time_ms,
        "phase": series.phase,
        "n_files": len(series.files),
        "n_slices": series.n_slices,
        "transfer_syntax": uid_name(series.first.pixels.syntax) if series.first.pixels else None,
    }
    return facts | {key: value for key, value in more.items() if value is not None}
