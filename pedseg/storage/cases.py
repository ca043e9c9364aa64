"""Find and read the exams of a domain: a workspace's raw folder or an nnU-Net raw dataset."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.errors import GeometryError, InputError, UsageError
from pedseg.volumes import Volume
from pedseg.volumes.geometry import Geometry
from pedseg.volumes.nifti import read_image
from pedseg.workspace import NAME, digest_of

IMAGE_NAMES = ("image.nii.gz", "image.nii", "image.nrrd", "image.mha")
LABEL_NAMES = ("labels.nii.gz", "labels.nii", "labels.nrrd", "labels.mha")
GRID_TOLERANCE_MM = 0.1
GRID_TOLERANCE_VOXELS = 0.25
ROUNDING = 1e-3


@dataclass(frozen=True)
class Case:
    """One exam on disk.

    Args:
        name: unique in its domain.
        image: a DICOM folder or an image file.
        labels: a label file on the same grid; None where the exam is not annotated.
        patient: exams with equal `patient` stay on one side of every split.
        side: "left", "right" or "" where nobody said.
    """

    name: str
    image: Path
    labels: Path | None
    patient: str
    side: str = ""


def find_cases(folder: Path) -> tuple[Case, ...]:
    """Cases of one domain, by name.

    Args:
        folder: `raw/<domain>/` of a workspace (one folder a case), or an nnU-Net raw dataset.

    Raises:
        UsageError: PS-A125 no such folder, PS-A99 a case name that is not allowed.
        InputError: PS-A122 a folder without any exam.
    """
    if not folder.is_dir():
        raise UsageError("PS-A125", f"{folder} is missing: put exams there, or run pedseg_phantom for synthetic ones")
    cases = _nnunet_cases(folder) if (folder / "dataset.json").is_file() else _raw_cases(folder)
    if not cases:
        raise InputError("PS-A122", f"no exam in {folder}: wanted <case>/dicom/ or <case>/image.nii.gz and labels.nii.gz")
    for case in cases:
        if not NAME.match(case.name):
            raise UsageError("PS-A99", f"case name {case.name!r} is not allowed: use letters, digits, '.', '_', '-'")
    return tuple(sorted(cases, key=lambda c: c.name))


def read_case(case: Case, domain: Domain) -> tuple[Volume, Volume]:
    """Image and labels of a case on one grid, labels 0..n uint8 in the domain's order.

    Raises:
        GeometryError: PS-A69 grids differ (more than 0.1 mm or a quarter voxel at a corner).
        InputError: PS-A71 unexpected label values, PS-A72 labels that are not whole, PS-A73 empty or no labels.
    """
    if case.labels is None:
        raise InputError("PS-A73", f"{case.name} has no labels: add {LABEL_NAMES[0]} beside the image")
    image = read_exam(case)
    labels = read_image(case.labels)
    array = remap_labels(labels.array, domain, case.name)
    return image, Volume(_onto_grid(array, labels.geometry, image.geometry, case.name), image.affine, image.slice_axis)


def read_exam(case: Case) -> Volume:
    """The image of a case."""
    if case.image.is_dir():
        from pedseg.dicom import read_volume

        return read_volume(case.image)
    return read_image(case.image)


def remap_labels(array: NDArray[Any], domain: Domain, where: str) -> NDArray[np.uint8]:
    """Values of a user's label file -> labels 0..n.

    Raises:
        InputError: PS-A71, PS-A72, PS-A73.
    """
    values, counts = _counts(array, where)
    lookup = {source: label for label, sources in domain.source_values.items() for source in sources}
    foreign = [f"{v} ({n} voxels)" for v, n in zip(values, counts, strict=True) if v != 0 and v not in lookup]
    if foreign:
        wanted = ", ".join(str(v) for v in sorted(lookup))
        raise InputError(
            "PS-A71",
            f"{where}: labels {', '.join(foreign[:8])} are not of {domain.name} ({wanted}): "
            "correct the mask, or name them in source_value of a domain.yaml",
        )
    result = np.zeros(array.shape, np.uint8)
    rounded = np.rint(array) if array.dtype.kind == "f" else array
    for source, label in lookup.items():
        result[rounded == source] = label
    if not result.any():
        raise InputError("PS-A73", f"{where}: no voxel is labelled: annotate the exam or leave it out")
    return result


def source_digest(case: Case) -> str:
    """Digest of names, sizes and times of a case's files: changes when somebody touches them."""
    files = sorted(case.image.rglob("*")) if case.image.is_dir() else [case.image]
    files += [case.labels] if case.labels else []
    return digest_of([(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file()])


def _counts(array: NDArray[Any], where: str) -> tuple[list[int], list[int]]:
    if array.dtype.kind in "iu" and array.size and array.min() >= 0 and array.max() < 1 << 16:
        counts = np.bincount(array.ravel())
        values = np.flatnonzero(counts)
        return values.tolist(), counts[values].tolist()
    values, counts = np.unique(array, return_counts=True)
    if not np.isfinite(values).all() or np.abs(values - np.rint(values)).max() > ROUNDING:
        raise InputError("PS-A72", f"{where}: labels are not whole numbers (an interpolated mask?): export the mask again")
    return np.rint(values).astype(int).tolist(), counts.tolist()


def _onto_grid(array: NDArray[np.uint8], own: Geometry, wanted: Geometry, where: str) -> NDArray[np.uint8]:
    """Labels in the image's storage order, where both grids hold the same voxels."""
    order = np.linalg.inv(own.affine[:3, :3]) @ wanted.affine[:3, :3]
    axes = np.abs(order).argmax(axis=0)
    if sorted(axes) == [0, 1, 2]:
        flips = [bool(order[a, k] < 0) for k, a in enumerate(axes)]
        shape = tuple(own.shape[a] for a in axes)
        to_own = np.zeros((4, 4))
        to_own[3, 3] = 1
        for k, a in enumerate(axes):
            to_own[a, k] = -1 if flips[k] else 1
            to_own[a, 3] = own.shape[a] - 1 if flips[k] else 0
        moved = Geometry(shape, own.affine @ to_own)  # type: ignore[arg-type]
        distance = moved.corner_distance_mm(wanted)
        if distance <= min(GRID_TOLERANCE_MM, GRID_TOLERANCE_VOXELS * min(wanted.spacing_mm)):
            turned = array.transpose(axes)
            return np.ascontiguousarray(turned[tuple(slice(None, None, -1 if f else 1) for f in flips)])
        detail = f"corners {distance:.2f} mm apart" if np.isfinite(distance) else f"{own.shape} against {wanted.shape}"
    else:
        detail = "axes do not match"
    raise GeometryError("PS-A69", f"{where}: labels are not on the image's grid ({detail}): draw or resample them on it")


def _raw_cases(folder: Path) -> list[Case]:
    return [case for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".") for case in _raw_case(path)]


def _raw_case(folder: Path) -> list[Case]:
    images = [folder / "dicom"] if (folder / "dicom").is_dir() else [p for n in IMAGE_NAMES if (p := folder / n).is_file()]
    if not images:
        return []
    labels = [p for n in LABEL_NAMES if (p := folder / n).is_file()]
    facts = _facts(folder / "case.json")
    return [Case(folder.name, images[0], labels[0] if labels else None, facts.get("patient") or folder.name, facts.get("side", ""))]


def _facts(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text("utf-8"))
        return {k: str(values.get(k) or "") for k in ("patient", "side")}
    except (ValueError, AttributeError) as error:
        raise UsageError("PS-A96", f"{path.parent.name}/case.json is not valid JSON: correct or remove it") from error


def _nnunet_cases(folder: Path) -> list[Case]:
    """imagesTr/CASE_0000.* beside labelsTr/CASE.* of an nnU-Net raw dataset."""
    cases = []
    for image in sorted((folder / "imagesTr").glob("*_0000.*")):
        name, _, ending = image.name.rpartition("_0000")
        labels = folder / "labelsTr" / f"{name}{ending}"
        cases.append(Case(name, image, labels if labels.is_file() else None, name))
    return cases


def nnunet_domain(folder: Path, domain: Domain) -> Domain:
    """The domain with the source values of an nnU-Net dataset, matched by name.

    Raises:
        UsageError: PS-A96 when a structure has no label of its name there.
    """
    path = folder / "dataset.json"
    try:
        labels = {str(k).lower(): v for k, v in json.loads(path.read_text("utf-8"))["labels"].items()}
        structures = [s.model_copy(update={"source_value": (int(labels[s.name.lower()]),)}) for s in domain.structures]
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError("PS-A96", f"{path.name}: wanted 'labels' as name: number: correct it") from error
    except KeyError as error:
        raise UsageError("PS-A96", f"{path.name} has no label named {error} of {domain.name}: rename it there") from error
    return Domain.model_validate({**domain.model_dump(), "structures": [s.model_dump() for s in structures]})
