"""A DICOM Segmentation object -> labels of a domain, its segments matched by name."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from pedseg.dicom.bounded import BoundedFile
from pedseg.dicom.frame import check_complete, matrix
from pedseg.dicom.header import PARSE_FAULTS, Header, NotDicomError, read_header
from pedseg.dicom.multiframe import MAX_FRAMES
from pedseg.dicom.tree import escaped, unreadable
from pedseg.dicom.values import plain, whole
from pedseg.domains import Domain
from pedseg.domains.match import listed, match_structures
from pedseg.errors import GeometryError, InputError, Notice
from pedseg.volumes.geometry import LPS_TO_RAS, Matrix
from pedseg.volumes.limits import check_size
from pedseg.volumes.nifti import MAX_VOXELS
from pedseg.volumes.volume import Volume

SEGMENTATION_CLASSES = frozenset(["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"])
"""Segmentation Storage (BINARY, FRACTIONAL) and Label Map Segmentation Storage."""
UNEVEN_MM = 0.1
"""Frames farther from even steps than this make no volume."""
_LOOSE: dict[str, Any] = {"rtol": 0.25, "perpendicular_tol": 0.1}
"""highdicom's limits for a stack, wide: it measures by a cosine, drops a shear and trusts a rounded spacing."""
_FAULTS = (*PARSE_FAULTS, RuntimeError, sqlite3.Error)


def read_segmentation(
    path: str | Path,
    domain: Domain,
    *,
    where: str = "",
    numbers: Mapping[int, tuple[int, ...]] | None = None,
    max_voxels: int = MAX_VOXELS,
) -> Volume:
    """Read a DICOM SEG (BINARY, LABELMAP, or FRACTIONAL that holds nothing and all alone).

    Args:
        path: the file.
        domain: its structures are looked up by segment label, description, coded type, or SNOMED code.
        where: the exam's name, for messages; the file's where not given.
        numbers: label -> segment numbers, in place of names.
        max_voxels: larger segmentations are refused before memory is asked for.

    Returns:
        (columns, rows, slices) uint8 labels 0..n in RAS+ mm. It may be a part of the image's grid only:
        frames without a label may be left out of the file.

    Raises:
        InputError: PS-A04 no DICOM SEG, PS-A07 or PS-A121 not readable, PS-A08 cut, PS-A68 too large,
            PS-A131 other segments, PS-A132 segments overlap, PS-A133 fractions.
        GeometryError: PS-A38 the frames make no regular stack.
    """
    path = Path(path)
    name = escaped(path.name)
    where = where or name
    header = _check_header(path, name, max_voxels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values nobody asked for
            with BoundedFile(path) as bounded:
                dataset = dcmread(bounded)
            _check_same(dataset, header, name)
            _settle_spacing(dataset)
            seg = import_module("highdicom.seg").Segmentation.from_dataset(dataset, copy=False)
            wanted, notices = _segments(seg, domain, where, numbers)
            affine = _affine(seg, where, max_voxels)
            array = _labels(seg, wanted, where)
            kind = plain(str(seg.SegmentationType))
    except OSError as error:
        raise unreadable(name, error) from error
    except _FAULTS as error:
        text = f"{name} cannot be read as a DICOM SEG ({type(error).__name__}): export it again"
        raise InputError("PS-A121", text) from error
    facts: dict[str, str | int | float] = {"format": "DICOM SEG", "segmentation_type": kind}
    return Volume(array, affine, slice_axis=2, notices=notices, facts=facts)


def _check_header(path: Path, name: str, max_voxels: int) -> Header:
    """Refuse what is no DICOM SEG, is cut, or asks for more memory than is allowed."""
    try:
        header = read_header(path)
    except NotDicomError as error:
        raise InputError("PS-A04", f"{name} is no DICOM file: give a DICOM SEG") from error
    except OSError as error:
        raise unreadable(name, error) from error
    if header.text("SOPClassUID") not in SEGMENTATION_CLASSES:
        raise InputError("PS-A04", f"{name} is DICOM, but no segmentation: give a DICOM SEG")
    n_frames = whole(header.text("NumberOfFrames")) or 1
    if not 0 < n_frames <= MAX_FRAMES:
        raise InputError("PS-A121", f"{name}: {n_frames} frames, 1 to {MAX_FRAMES} are read: export it again")
    check_complete(header, name, n_frames=n_frames)
    rows, columns = matrix(header)
    check_size((columns, rows, 1), max_voxels, name)
    return header


def _check_same(dataset: Dataset, header: Header, name: str) -> None:
    """Refuse a file that says another size behind its pixels, where the header ends."""
    said = tuple(dataset.get(word) for word in ("NumberOfFrames", "Rows", "Columns"))
    if said != (whole(header.text("NumberOfFrames")), *matrix(header)):
        raise InputError("PS-A121", f"{name} says its size twice, and not the same: export it again")


def _segments(
    seg: Any, domain: Domain, where: str, numbers: Mapping[int, tuple[int, ...]] | None
) -> tuple[dict[int, tuple[int, ...]], tuple[Notice, ...]]:
    """Label -> numbers of its segments."""
    found = {n: _called(seg.get_segment_description(n)) for n in map(int, seg.segment_numbers) if n}  # 0: background
    if numbers is None:
        return match_structures(found, domain, where)
    if absent := sorted({n for wanted in numbers.values() for n in wanted} - set(found)):
        there = listed([f"{n} ({texts[0]})" for n, texts in found.items()])
        raise InputError("PS-A131", f"{where}: no segment {', '.join(map(str, absent))}, but there is {there}")
    return dict(numbers), ()


def _called(segment: Any) -> tuple[str, ...]:
    """What a segment is called: label, description, coded type and its code."""
    kind = segment.segmented_property_type
    words = (segment.segment_label, segment.get("SegmentDescription"), kind.meaning)
    return (*(plain(str(word or "")) for word in words), plain(f"{kind.scheme_designator} {kind.value}"))


def _check_described(referred: set[int], seg: Any, where: str) -> None:
    """Refuse voxels of a segment that no description names: highdicom leaves such frames out."""
    if unknown := sorted(referred - {0, *map(int, seg.segment_numbers)}):
        text = f"{where}: voxels of segment {', '.join(map(str, unknown[:8]))}, which is not described"
        raise InputError("PS-A131", f"{text}: export the segmentation again")


def _referred(seg: Any) -> set[int]:
    """Numbers of the segments that frames are of."""
    word = "SegmentIdentificationSequence"
    groups = (*seg.PerFrameFunctionalGroupsSequence, seg.SharedFunctionalGroupsSequence[0])
    return {int(g[word][0].ReferencedSegmentNumber) for g in groups if word in g}


def _settle_spacing(dataset: Dataset) -> None:
    """Replace a Spacing Between Slices that the positions do not bear out by the smallest step between them.

    highdicom needs one where frames are left out, and copies it out of enhanced images, where it is often wrong.
    """
    shared = dataset.SharedFunctionalGroupsSequence[0]
    if "PixelMeasuresSequence" not in shared or "PlaneOrientationSequence" not in shared:
        return
    measures = shared.PixelMeasuresSequence[0]
    vectors = np.reshape(shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3)).astype(np.float64)
    along = np.sort(_positions(dataset) @ np.cross(*vectors))
    steps = np.diff(along)
    steps = steps[steps > UNEVEN_MM]
    said = abs(float(measures.get("SpacingBetweenSlices") or 0))
    if len(steps) and not (said and np.abs(steps - said * np.rint(steps / said)).max() <= UNEVEN_MM):
        measures.SpacingBetweenSlices = format_number_as_ds(float(steps.min()))


def _affine(seg: Any, where: str, max_voxels: int) -> Matrix:
    """(column, row, slice) to RAS+ mm, the steps from frame to frame as they are: a shear stays."""
    geometry = seg.get_volume_geometry(**_LOOSE)
    if geometry is None:
        raise _uneven(where, "its frames make no regular stack")
    check_size(geometry.spatial_shape[::-1], max_voxels, where)
    affine: Matrix = np.asarray(geometry.affine, dtype=np.float64)[:, [2, 1, 0, 3]]
    places = _positions(seg)
    index = np.rint(places @ np.linalg.inv(affine)[2, :3] + np.linalg.inv(affine)[2, 3])
    if len(set(index.tolist())) > 1:
        design = np.stack([index, np.ones(len(index))], axis=1)
        line = np.linalg.lstsq(design, places, rcond=None)[0]
        affine[:3, 2:] = line.T
        if (apart := float(np.linalg.norm(design @ line - places, axis=1).max())) > UNEVEN_MM:
            raise _uneven(where, f"its frames lie up to {apart:.2f} mm from even steps")
    return np.asarray(LPS_TO_RAS @ affine)


def _uneven(where: str, what: str) -> GeometryError:
    return GeometryError("PS-A38", f"{where}: {what}: export the segmentation on the grid of its series")


def _positions(seg: Any) -> Matrix:
    """(frames, 3) LPS mm."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    groups = [own if "PlanePositionSequence" in own else shared for own in seg.PerFrameFunctionalGroupsSequence]
    return np.array([g.PlanePositionSequence[0].ImagePositionPatient for g in groups], dtype=np.float64)


def _labels(seg: Any, wanted: Mapping[int, tuple[int, ...]], where: str) -> NDArray[np.uint8]:
    """(columns, rows, slices) labels; one structure at a time, so that overlaps are seen."""
    if not wanted:
        raise InputError("PS-A131", f"{where}: no segment was asked for")
    if seg.SegmentationType == "LABELMAP":
        return _of_label_map(seg, wanted, where)
    _check_described(_referred(seg), seg, where)
    labels = np.zeros(0, np.uint8)
    overlapping = 0
    for label, numbers in wanted.items():
        inside = _inside(seg, list(numbers), where)
        labels = labels if labels.size else np.zeros(inside.shape, np.uint8)
        overlapping += int(np.count_nonzero(labels[inside]))
        labels[inside] = label
    if overlapping:
        text = f"{where}: {overlapping} voxels belong to several structures"
        raise InputError("PS-A132", f"{text}: give each voxel to one")
    return np.ascontiguousarray(labels.transpose(2, 1, 0))


def _of_label_map(seg: Any, wanted: Mapping[int, tuple[int, ...]], where: str) -> NDArray[np.uint8]:
    """(columns, rows, slices) labels, of all segments at once: highdicom finds no single one above 255."""
    stored = seg.get_volume(combine_segments=True, **_LOOSE).array
    _check_described(set(np.unique(stored).tolist()), seg, where)
    labels = np.zeros(stored.shape, np.uint8)
    for label, numbers in wanted.items():
        labels[np.isin(stored, numbers)] = label
    return np.ascontiguousarray(labels.transpose(2, 1, 0))


def _inside(seg: Any, numbers: list[int], where: str) -> NDArray[np.bool_]:
    """(slices, rows, columns): the voxels of some segments."""
    stored = seg.get_volume(segment_numbers=numbers, rescale_fractional=False, **_LOOSE).array
    if seg.SegmentationType == "FRACTIONAL" and (between := _n_between(stored, int(seg.MaximumFractionalValue))):
        text = f"{where}: {between} voxels hold fractions of a structure"
        raise InputError("PS-A133", f"{text}: export a BINARY or LABELMAP segmentation")
    inside: NDArray[np.bool_] = stored.any(axis=-1)  # over the segments
    return inside


def _n_between(stored: NDArray[Any], most: int) -> int:
    return int(np.count_nonzero((stored != 0) & (stored != most)))
