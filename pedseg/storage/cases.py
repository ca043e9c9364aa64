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
from pedseg.plan import DomainPlan
from pedseg.volumes import Volume
from pedseg.volumes.geometry import Geometry
from pedseg.volumes.nifti import read_image
from pedseg.workspace import NAME, Workspace, digest_of

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


def exam_folder(workspace: Workspace, plan: DomainPlan) -> Path:
    """Where the exams of a planned domain are: its `source`, else the workspace's raw folder."""
    return workspace.root / plan.source if plan.source else workspace.raw(plan.domain.name)


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
        wanted = "<case>/dicom/ or <case>/image.nii.gz, and <case>/labels.nii.gz"
        raise InputError("PS-A122", f"no exam in {folder}: put each there as {wanted}")
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
    image = read_exam(case)
    labels = read_labels(case)
    array = remap_labels(labels.array, domain, case.name)
    placed = onto_grid(array, labels.geometry, image.geometry, case.name)
    return image, Volume(placed, image.affine, image.slice_axis)


def read_exam(case: Case) -> Volume:
    """The image of a case."""
    if case.image.is_dir():
        from pedseg.dicom import read_volume

        return read_volume(case.image)
    return read_image(case.image)


def read_labels(case: Case) -> Volume:
    """The label file of a case as it is.

    Raises:
        InputError: PS-A73 the exam has none.
    """
    if case.labels is None:
        raise InputError("PS-A73", f"{case.name}: no label file: add {LABEL_NAMES[0]} beside the image")
    return read_image(case.labels)


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
    result = _looked_up(array, lookup)
    if not result.any():
        raise InputError("PS-A73", f"{where}: no voxel is labelled: annotate the exam or leave it out")
    return result


def onto_grid(array: NDArray[np.uint8], own: Geometry, wanted: Geometry, where: str) -> NDArray[np.uint8]:
    """Labels in the image's storage order, where both grids hold the same voxels.

    Args:
        array: (I, J, K) labels on the grid `own`.
        own: grid of the label file.
        wanted: grid of the image.
        where: the exam's name, for the message.

    Raises:
        GeometryError: PS-A69 no order of axes brings the corners together.
    """
    axes, flips = _storage_order(own, wanted)
    detail = "the axes point elsewhere"
    if sorted(axes) == [0, 1, 2]:
        distance = _reordered(own, axes, flips).corner_distance_mm(wanted)
        if distance <= min(GRID_TOLERANCE_MM, GRID_TOLERANCE_VOXELS * min(wanted.spacing_mm)):
            turned = array.transpose(axes)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
            return np.ascontiguousarray(turned)
        detail = f"corners {distance:.2f} mm apart" if np.isfinite(distance) else f"{own.shape} against {wanted.shape}"
    raise GeometryError("PS-A69", f"{where}: labels are not on the image's grid ({detail}): resample them onto it")


def source_digest(case: Case) -> str:
    """Digest of names, sizes and times of a case's files: changes when somebody touches them."""
    files = sorted(case.image.rglob("*")) if case.image.is_dir() else [case.image]
    files += [case.labels] if case.labels else []
    return digest_of([(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file()])


def _counts(array: NDArray[Any], where: str) -> tuple[list[int], list[int]]:
    if _small_integers(array):
        # Slab by slab: bincount makes an 8-byte copy of what it counts.
        totals = np.zeros(int(array.max()) + 1, np.int64)
        for slab in array:
            totals += np.bincount(slab.ravel(), minlength=len(totals))
        found = np.flatnonzero(totals)
        return found.tolist(), totals[found].tolist()
    values, counts = np.unique(array, return_counts=True)
    if not np.isfinite(values).all() or np.abs(values - np.rint(values)).max() > ROUNDING:
        raise InputError("PS-A72", f"{where}: labels are not whole numbers (an interpolated mask?): export it again")
    return np.rint(values).astype(int).tolist(), counts.tolist()


def _looked_up(array: NDArray[Any], lookup: dict[int, int]) -> NDArray[np.uint8]:
    if _small_integers(array):
        table = np.zeros(int(array.max()) + 1, np.uint8)
        for source, label in lookup.items():
            if 0 <= source < len(table):
                table[source] = label
        looked_up: NDArray[np.uint8] = table[array]
        return looked_up
    result = np.zeros(array.shape, np.uint8)
    rounded = np.rint(array)
    for source, label in lookup.items():
        result[rounded == source] = label
    return result


def _small_integers(array: NDArray[Any]) -> bool:
    return bool(array.dtype.kind in "iu" and array.size and array.min() >= 0 and array.max() < 1 << 16)


def _storage_order(own: Geometry, wanted: Geometry) -> tuple[list[int], list[bool]]:
    """For each axis of `wanted`: the axis of `own` that runs along it, and whether it runs against it."""
    steps = np.linalg.inv(own.affine[:3, :3]) @ wanted.affine[:3, :3]
    axes = [int(a) for a in np.abs(steps).argmax(axis=0)]
    return axes, [bool(steps[axis, k] < 0) for k, axis in enumerate(axes)]


def _reordered(own: Geometry, axes: list[int], flips: list[bool]) -> Geometry:
    """The same voxels stored in another order."""
    to_own = np.zeros((4, 4))
    to_own[3, 3] = 1
    for k, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        to_own[axis, k] = -1 if flip else 1
        to_own[axis, 3] = own.shape[axis] - 1 if flip else 0
    i, j, k = (own.shape[axis] for axis in axes)
    return Geometry((i, j, k), own.affine @ to_own)


def _raw_cases(folder: Path) -> list[Case]:
    visible = (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("."))
    return [case for path in visible if (case := _raw_case(path))]


def _raw_case(folder: Path) -> Case | None:
    image = folder / "dicom" if (folder / "dicom").is_dir() else _first_file(folder, IMAGE_NAMES)
    if image is None:
        return None
    facts = _facts(folder / "case.json")
    patient = facts.get("patient") or folder.name
    return Case(folder.name, image, _first_file(folder, LABEL_NAMES), patient, facts.get("side", ""))


def _first_file(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((path for name in names if (path := folder / name).is_file()), None)


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
        raise UsageError("PS-A96", f"{path.name}: no label is named {error}: rename it there") from error
    return Domain.model_validate({**domain.model_dump(), "structures": [s.model_dump() for s in structures]})
