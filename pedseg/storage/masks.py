"""Masks of any tool: a folder of them by exam, and one of them as labels of a domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.domains.match import match_structures
from pedseg.errors import InputError, Notice, PedsegError, UsageError, did_you_mean, one_line
from pedseg.storage.cases import IMAGE_NAMES, LABEL_NAMES, is_segmentation, nnunet_domain
from pedseg.storage.labels import axis_on_grid, binary_mask, mask_labels, onto_grid, onto_larger_grid
from pedseg.storage.segment_names import named_labels, named_values
from pedseg.volumes import Geometry, Volume
from pedseg.volumes.nifti import read_image

MASK_ENDINGS = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".mha", ".dcm")
"""The longer before its own end: 3D Slicer calls the masks of an exam `<exam>.seg.nrrd`."""
NNUNET_FOLDERS = ("labelsTr", "labelsTs", "gt_segmentations")
"""Hold the references of nnU-Net; `dataset.json` is beside them."""
Values = Mapping[int, tuple[int, ...]]


@dataclass(frozen=True)
class FoundMasks:
    """The masks of a folder.

    Args:
        masks: exam -> what `read_mask` reads: a file, or a folder with one file a structure.
        faults: exam -> why none of its masks is taken.
    """

    masks: Mapping[str, Path]
    faults: Mapping[str, PedsegError]


def find_masks(folder: Path) -> FoundMasks:
    """The masks of a folder by the names of their exams.

    Args:
        folder: holds `<exam>.nii.gz` (.nii, .nrrd, .seg.nrrd, .mha, .dcm), `<exam>/labels.*`, `<exam>/` with one mask,
            or `<exam>/` with one file a structure; or it is an nnU-Net raw dataset, whose `labelsTr` is taken.

    Returns:
        The masks; among the faults are PS-A134, several masks for one exam, and PS-A99, a name that is not UTF-8.

    Raises:
        UsageError: PS-A03 no such folder.
        InputError: PS-A04 no mask in it.
    """
    if not folder.is_dir():
        raise UsageError("PS-A03", f"{folder} is no folder: name the folder that holds one mask an exam")
    if (folder / "labelsTr").is_dir():
        return find_masks(folder / "labelsTr")
    found: dict[str, Path] = {}
    faults: dict[str, PedsegError] = {}
    for path in sorted(p for p in folder.iterdir() if not p.name.startswith(".")):
        try:
            _take(path, found)
        except PedsegError as error:  # of this exam alone
            faults[one_line(_exam_of(path))] = error
    if not found and not faults:
        raise InputError("PS-A04", f"no mask in {folder}: put each there as <exam>.nii.gz or <exam>/labels.nii.gz")
    return FoundMasks({exam: path for exam, path in found.items() if exam not in faults}, faults)


def reference_domain(folder: Path, domain: Domain) -> Domain:
    """The domain with the values of a folder of references: those of an nnU-Net dataset are matched by name.

    As in planning, source values that the domain has itself go before those of `dataset.json`.

    Raises:
        UsageError: PS-A96 a structure has no label of its name in `dataset.json`.
    """
    dataset = folder.parent if folder.name in NNUNET_FOLDERS else folder
    if any(s.source_value for s in domain.structures) or not (dataset / "dataset.json").is_file():
        return domain
    return nnunet_domain(dataset, domain)


def read_mask(
    path: Path,
    domain: Domain,
    *,
    like: Geometry | None = None,
    values: Mapping[str, tuple[int, ...]] | None = None,
    where: str = "",
) -> Volume:
    """A mask as labels 0..n; it may be empty.

    Args:
        path: what `find_masks` gives for an exam.
        domain: its source values say what a value means, its names whose a segment or a file is; names in the
            header of an NRRD file go before values.
        like: the grid wanted; the voxels may be stored in another order, and a DICOM SEG may hold a part of it.
            Nothing is resampled. None: the mask's own grid.
        values: structure -> its values (segment numbers of a DICOM SEG) in another tool's masks, in place of the
            domain's; every other value, and a structure that is not named, is background.
        where: the exam's name, for messages; None: taken from the path.

    Returns:
        uint8 labels.

    Raises:
        GeometryError: PS-A69 the mask is on another grid.
        InputError: PS-A71, PS-A72, PS-A131, PS-A132, PS-A134, or what reading the file refuses.
        UsageError: PS-A120 `values` do not fit the domain or the layout.
    """
    where = where or (path.parent.name if path.name in LABEL_NAMES else _exam_of(path))
    meant = None if values is None else _by_label(values, domain)
    with _naming(where):
        mask = _read(path, domain, meant, where)
    return mask if like is None else place_mask(mask, path, like, where=where)


def place_mask(mask: Volume, path: Path, like: Geometry, *, where: str) -> Volume:
    """A mask that `read_mask` gave on its own grid, on another; see `like` there.

    Raises:
        GeometryError: PS-A69 the mask is on another grid.
    """
    place = onto_larger_grid if is_segmentation(path) else onto_grid
    with _naming(where):
        placed = place(mask.array, mask.geometry, like, where)
    axis = axis_on_grid(mask.slice_axis, mask.geometry, like)
    return replace(mask, array=placed, affine=like.affine, slice_axis=axis)


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """Whatever is refused inside names the exam."""
    try:
        yield
    except PedsegError as error:
        raise type(error)(error.code, f"{where}: {error.message.removeprefix(f'{where}: ')}") from error


def _take(path: Path, found: dict[str, Path]) -> None:
    """Put a file or a folder among the masks found, if it is one.

    Raises:
        UsageError: PS-A99. InputError: PS-A134.
    """
    mask = _mask_in(path) if path.is_dir() else path if _is_mask(path) else None
    if mask is None:
        return
    exam = _exam_of(path)
    if one_line(exam) != exam:
        name = one_line(path.name)
        raise UsageError("PS-A99", f"the file name {name!r} is not UTF-8, or holds control characters: rename it")
    if exam in found:
        raise _several(exam, found[exam], mask)
    found[exam] = mask


def _mask_in(folder: Path) -> Path | None:
    """The mask in an exam's own folder: `labels.*`, one DICOM SEG, or the folder for one or more image files."""
    for name in LABEL_NAMES:  # as in raw/: the first of them counts
        if (folder / name).is_file():
            return folder / name
    files = _files(folder)
    segmentations = [path for path in files if is_segmentation(path)]
    if segmentations and len(files) > 1:
        raise _several(folder.name, *files[:2])
    return segmentations[0] if segmentations else folder if files else None


def _files(folder: Path) -> list[Path]:
    """What may be a mask in an exam's folder."""
    visible = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return [path for path in visible if path.is_file() and _is_mask(path) and path.name not in IMAGE_NAMES]


def _is_mask(path: Path) -> bool:
    return path.name.lower().endswith(MASK_ENDINGS)


def _exam_of(path: Path) -> str:
    """The file's name without its ending; a folder's whole name."""
    endings = () if path.is_dir() else MASK_ENDINGS
    ending = next((e for e in endings if path.name.lower().endswith(e)), "")
    return path.name[: len(path.name) - len(ending)]


def _several(exam: str, one: Path, other: Path) -> InputError:
    names = " and ".join(one_line(f"{path.parent.name}/{path.name}") for path in (one, other))
    return InputError("PS-A134", f"{one_line(exam)}: {names} are both masks of the same: keep the one that is meant")


def _by_label(values: Mapping[str, tuple[int, ...]], domain: Domain) -> dict[int, tuple[int, ...]]:
    for name in values:
        if name not in domain.labels:
            raise UsageError("PS-A120", f"values: no structure {name!r}: {did_you_mean(name, domain.labels)}")
    given = [value for each in values.values() for value in each]
    if 0 in given or len(set(given)) < len(given):
        raise UsageError("PS-A120", f"values {dict(values)}: 0 is background, and a value means one structure")
    return {domain.labels[name]: tuple(each) for name, each in values.items()}


def _read(path: Path, domain: Domain, values: Values | None, where: str) -> Volume:
    """Labels on the grid of their file."""
    if path.is_dir():
        return _read_folder(path, domain, values, where)
    if is_segmentation(path):
        from pedseg.dicom.segmentation import read_segmentation

        return read_segmentation(path, domain, where=where, numbers=values)
    mask = read_image(path)
    named = named_values(path, domain, where) if values is None else None
    if named is not None:
        array = named_labels(mask.array, named, domain, where)
        return replace(mask, array=array, notices=mask.notices + named.notices)
    return mask.with_array(mask_labels(mask.array, domain, where, values=values))


def _read_folder(folder: Path, domain: Domain, values: Values | None, where: str) -> Volume:
    """One mask whatever its name, or one binary mask a structure, named as the structures are."""
    called = {path: (one_line(_exam_of(path)),) for path in _files(folder)}
    if len(called) == 1:
        (only,) = called
        try:
            matched, notices = match_structures(called, domain, where)
        except InputError:
            return _read(only, domain, values, where)
    else:
        matched, notices = match_structures(called, domain, where)
    if values is not None:
        raise UsageError("PS-A120", "values are for masks that hold several structures; these hold one a file")
    return _joined(matched, notices, where)


def _joined(matched: Mapping[int, tuple[Path, ...]], notices: tuple[Notice, ...], where: str) -> Volume:
    """The structures of several files in one array, on the grid of the first file.

    Raises:
        InputError: PS-A132 a voxel belongs to several structures, PS-A134 a structure has several files.
    """
    first: Volume | None = None
    overlapping = 0
    for label, (path, *others) in matched.items():
        if others:
            raise _several(where, path, others[0])
        part = read_image(path)
        name = f"{where}/{one_line(path.name)}"
        inside = binary_mask(part.array, name)
        first = first or part.with_array(np.zeros(part.shape, np.uint8))
        inside = _same_grid(inside, part, first, name)
        overlapping += int(np.count_nonzero(first.array[inside]))
        first.array[inside] = label
    if first is None:
        raise InputError("PS-A04", f"{where}: no mask in its folder")
    if overlapping:
        text = f"{where}: {overlapping} voxels belong to several structures"
        raise InputError("PS-A132", f"{text}: give each voxel to one")
    return Volume(first.array, first.affine, first.slice_axis, first.notices + notices, first.facts)


def _same_grid(inside: NDArray[np.bool_], part: Volume, first: Volume, where: str) -> NDArray[np.bool_]:
    return onto_grid(inside.view(np.uint8), part.geometry, first.geometry, where).view(np.bool_)
