"""Find and read the exams of a domain: a workspace's raw folder or an nnU-Net raw dataset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from pedseg.domains import Domain
from pedseg.errors import InputError, UsageError
from pedseg.json_files import line_in, read_json
from pedseg.plan import DomainPlan
from pedseg.schema import parse
from pedseg.storage.labels import onto_grid, onto_larger_grid, refuse_empty, remap_labels
from pedseg.storage.segment_names import named_labels, named_values
from pedseg.text_files import quoted
from pedseg.volumes import Geometry, Volume
from pedseg.volumes.nifti import read_image
from pedseg.workspace import NAME, Workspace, digest_of

IMAGE_NAMES = ("image.nii.gz", "image.nii", "image.nrrd", "image.mha")
LABEL_NAMES = ("labels.nii.gz", "labels.nii", "labels.nrrd", "labels.seg.nrrd", "labels.mha", "labels.dcm")
CASE_FILE = "case.json"
NNUNET_IMAGES = "imagesTr"
MISSPELT = 0.8
"""Likeness of two keys, of 1, from which on one is taken for the other misspelt."""


@dataclass(frozen=True)
class Case:
    """One exam on disk.

    Args:
        name: unique in its domain.
        image: a DICOM folder or an image file.
        labels: a label file on the same grid; None where the exam is not annotated.
        patient: exams with equal `patient` stay on one side of every split.
        side: "left", "right" or "" where nobody said.
        series: which series of the DICOM folder, where it holds several.
        echo: which echo, where the series holds several.
        phase: which phase, where the series holds several.
        absent: structures that somebody says are not in the image; any other without a voxel is refused.
    """

    name: str
    image: Path
    labels: Path | None
    patient: str
    side: str = ""
    series: int | str | None = None
    echo: int | None = None
    phase: int | None = None
    absent: tuple[str, ...] = ()


class CaseFile(BaseModel):
    """What `case.json` may say about an exam; further keys are the user's own."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)

    patient: str | None = None
    side: Literal["left", "right", ""] | None = None
    series: int | str | None = None
    echo: int | None = None
    phase: int | None = None
    absent: tuple[str, ...] = ()


class DatasetFile(BaseModel):
    """What pedseg reads of an nnU-Net `dataset.json`; `absent` is pedseg's own: exam -> structures."""

    model_config = ConfigDict(frozen=True)

    absent: dict[str, tuple[str, ...]] = {}


def exam_folder(workspace: Workspace, plan: DomainPlan) -> Path:
    """Where the exams of a planned domain are: its `source`, else the workspace's raw folder."""
    return workspace.root / plan.source if plan.source else workspace.raw(plan.domain.name)


def planned_case(workspace: Workspace, plan: DomainPlan, name: str) -> Case:
    """An exam of a planned domain by its name; what else lies beside it is not looked at.

    Raises:
        InputError: PS-A135 it is not there any more, PS-A122 it has a second channel.
        UsageError: PS-A125 no such folder, PS-A96 a damaged `case.json`.
    """
    folder = _present(exam_folder(workspace, plan))
    if not NAME.match(name):
        case = None
    elif (folder / "dataset.json").is_file():
        case = next(iter(_nnunet_cases(folder, name)), None)
    else:
        case = _raw_case(folder / name)
    if case is None:
        raise InputError("PS-A135", f"exam {name} of the plan is not in {folder}: put it back, or plan again")
    return case


def find_cases(folder: Path) -> tuple[Case, ...]:
    """Cases of one domain, by name.

    Args:
        folder: `raw/<domain>/` of a workspace (one folder a case), or an nnU-Net raw dataset.

    Raises:
        UsageError: PS-A125 no such folder, PS-A99 a case name that is not allowed.
        InputError: PS-A122 a folder without any exam.
    """
    _present(folder)
    cases = _nnunet_cases(folder) if (folder / "dataset.json").is_file() else _raw_cases(folder)
    if not cases:
        wanted = "<case>/dicom/ or <case>/image.nii.gz, and <case>/labels.nii.gz"
        raise InputError("PS-A122", f"no exam in {folder}: put each there as {wanted}")
    _check_names(cases)
    return tuple(sorted(cases, key=lambda c: c.name))


def read_case(case: Case, domain: Domain) -> tuple[Volume, Volume]:
    """Image and labels of a case on one grid, labels 0..n uint8 in the domain's order.

    Raises:
        GeometryError: PS-A69 grids differ (more than 0.1 mm or a quarter voxel at a corner).
        InputError: PS-A71 unexpected label values, PS-A72 labels that are not whole, PS-A73 empty or no labels.
    """
    image = read_exam(case)
    labels = read_labels(case, domain)
    array = checked_labels(case, labels, domain)
    placed = placed_labels(case, array, own=labels.geometry, wanted=image.geometry)
    return image, Volume(placed, image.affine, image.slice_axis)


def read_exam(case: Case) -> Volume:
    """The image of a case."""
    if case.image.is_dir():
        from pedseg.dicom import read_volume

        return read_volume(case.image, series=case.series, echo=case.echo, phase=case.phase)
    return read_image(case.image)


def read_labels(case: Case, domain: Domain) -> Volume:
    """The label file of a case: values as stored, or the labels of `domain` out of a DICOM SEG.

    Raises:
        InputError: PS-A73 the exam has none.
    """
    if case.labels is None:
        raise InputError("PS-A73", f"{case.name}: no label file: add {LABEL_NAMES[0]} beside the image")
    if is_segmentation(case.labels):
        from pedseg.dicom.segmentation import read_segmentation

        return read_segmentation(case.labels, domain, where=case.name)
    labels = read_image(case.labels)
    named = named_values(case.labels, domain, case.name)
    return replace(labels, notices=labels.notices + named.notices) if named else labels


def checked_labels(case: Case, labels: Volume, domain: Domain) -> NDArray[np.uint8]:
    """What `read_labels` gave as labels 0..n, of which there is one at least."""
    if case.labels and is_segmentation(case.labels):
        refuse_empty(labels.array, case.name)
        return labels.array
    if case.labels and (named := named_values(case.labels, domain, case.name)):
        array = named_labels(labels.array, named, domain, case.name)
        refuse_empty(array, case.name)
        return array
    return remap_labels(labels.array, domain, case.name)


def placed_labels(case: Case, array: NDArray[np.uint8], *, own: Geometry, wanted: Geometry) -> NDArray[np.uint8]:
    """Labels on the image's grid; a DICOM SEG may hold a part of it."""
    place = onto_larger_grid if case.labels and is_segmentation(case.labels) else onto_grid
    return place(array, own, wanted, case.name)


def is_segmentation(path: Path) -> bool:
    """Whether a mask is a DICOM SEG, by its name."""
    return path.name.lower().endswith(".dcm")


def source_digest(case: Case) -> str:
    """Digest of names, sizes and times of a case's files: changes when somebody touches them."""
    files = sorted(case.image.rglob("*")) if case.image.is_dir() else [case.image]
    files += [case.labels] if case.labels else []
    files.append(case.image.parent / CASE_FILE)
    seen = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file()]
    return digest_of([seen, list(case.absent)] if case.absent else seen)


def _present(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError("PS-A125", f"{folder} is missing: put exams there, or run pedseg_phantom for synthetic ones")
    return folder


def _check_names(cases: list[Case]) -> None:
    known: dict[str, Case] = {}
    for case in cases:
        if not NAME.match(case.name):
            raise UsageError("PS-A99", f"case name {case.name!r} is not allowed: use letters, digits, '.', '_', '-'")
        first = known.setdefault(case.name.casefold(), case)
        if first.name != case.name:
            text = f"case names {first.name} and {case.name} differ in capitals only"
            raise UsageError("PS-A99", f"{text}, which many disks do not tell apart: rename one")
        if first is not case:
            text = f"{case.name} has two images, {first.image.name} and {case.image.name}"
            raise InputError("PS-A81", f"{text}: keep the one that is meant")


def _raw_cases(folder: Path) -> list[Case]:
    visible = (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("."))
    return [case for path in visible if (case := _raw_case(path))]


def _raw_case(folder: Path) -> Case | None:
    image = folder / "dicom" if (folder / "dicom").is_dir() else _first_file(folder, IMAGE_NAMES)
    if image is None:
        return None
    said = _said(folder / CASE_FILE)
    return Case(
        name=folder.name,
        image=image,
        labels=_first_file(folder, LABEL_NAMES),
        patient=said.patient or folder.name,
        side=said.side or "",
        series=said.series,
        echo=said.echo,
        phase=said.phase,
        absent=said.absent,
    )


def _first_file(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((path for name in names if (path := folder / name).is_file()), None)


def _said(path: Path) -> CaseFile:
    if not path.is_file():
        return CaseFile()
    where = f"{path.parent.name}/{path.name}"
    try:
        values = read_json(path, "correct or remove it")
        _check_keys(values)
    except UsageError as error:
        raise UsageError(error.code, f"{where}: {error.message}") from error
    return parse(CaseFile, values, where, advice="correct or remove it", line_of=line_in(path))


def _check_keys(values: Any) -> None:
    """Keys of the user's own are welcome, but one that nearly is ours would be passed over without a word."""
    known = list(CaseFile.model_fields)
    for key in values if isinstance(values, dict) else ():
        near = get_close_matches(key.casefold(), known, n=1, cutoff=MISSPELT)
        if near and key != near[0]:
            raise UsageError("PS-A96", f"no key {quoted(key)!r} is read, did you mean {near[0]!r}? rename it")


def _nnunet_cases(folder: Path, wanted: str = "*") -> list[Case]:
    """imagesTr/CASE_0000.* beside labelsTr/CASE.* of an nnU-Net raw dataset, of all cases or of one."""
    cases, path = [], folder / "dataset.json"
    said = parse(DatasetFile, read_json(path, "correct it"), path.name, advice="correct it", line_of=line_in(path))
    if second := next((folder / NNUNET_IMAGES).glob(f"{wanted}_0001.*"), None):
        text = f"{NNUNET_IMAGES}/{second.name} is a second channel"
        raise InputError("PS-A122", f"{text}: pedseg reads one, keep only *_0000.*")
    for image in sorted((folder / NNUNET_IMAGES).glob(f"{wanted}_0000.*")):
        name, _, ending = image.name.rpartition("_0000")
        labels = folder / "labelsTr" / f"{name}{ending}"
        cases.append(Case(name, image, labels if labels.is_file() else None, name, absent=said.absent.get(name, ())))
    return cases


def nnunet_domain(folder: Path, domain: Domain) -> Domain:
    """The domain with the source values of an nnU-Net dataset, matched by name.

    Raises:
        UsageError: PS-A96 when a structure has no label of its name there.
    """
    path = folder / "dataset.json"
    try:
        labels = {str(k).lower(): v for k, v in read_json(path, "correct it")["labels"].items()}
        structures = [s.model_copy(update={"source_value": (int(labels[s.name.lower()]),)}) for s in domain.structures]
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise UsageError("PS-A96", f"{path.name}: wanted 'labels' as name: number: correct it") from error
    except KeyError as error:
        raise UsageError("PS-A96", f"{path.name}: no label is named {error}: rename it there") from error
    values = {**domain.model_dump(), "structures": [s.model_dump() for s in structures]}
    return parse(Domain, values, path.name, advice="correct it")
