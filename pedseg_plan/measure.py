"""Measure one exam: read it once, return facts or everything that is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import cc3d
import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.errors import InputError, PedsegError, did_you_mean
from pedseg.plan.fingerprint import ExamFacts, Intensity, StructureFacts
from pedseg.storage.cases import (
    CASE_FILE,
    NNUNET_IMAGES,
    Case,
    checked_labels,
    placed_labels,
    read_exam,
    read_labels,
    source_digest,
)
from pedseg.text_files import quoted
from pedseg.volumes import Volume
from pedseg.volumes.geometry import PLANES
from pedseg.volumes.intensity import ROBUST
from pedseg.volumes.nifti import check_image
from pedseg.volumes.slice_grid import choose_slice_axis
from pedseg_plan.placement import check_placement

MAX_COMPONENTS = 20
PART = 1 << 20
SIDES = {"L": "left", "R": "right"}
"""DICOM's laterality in words."""
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Measured:
    """What reading an exam gave: facts, or the reasons why there are none."""

    domain: str
    case: str
    facts: ExamFacts | None
    faults: tuple[PedsegError, ...]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Grey values in rising order, and how many voxels hold each."""

    values: NDArray[np.float64]
    counts: NDArray[np.int64]


def measure(case: Case, domain: Domain) -> Measured:
    """Read an exam once and measure it; no fault hides another.

    Args:
        case: where its files are.
        domain: the labels they should hold.
    """
    faults: list[PedsegError] = []
    image = _attempt(faults, read_exam, case)
    labels = _attempt(faults, read_labels, case, domain)
    grey = _attempt(faults, _checked_histogram, image) if image else None
    array = _attempt(faults, checked_labels, case, labels, domain) if labels else None
    if image and labels:
        # The grids are held against each other even where the label values are refused.
        stored = array if array is not None else np.zeros(labels.shape, np.uint8)
        array = _attempt(faults, placed_labels, case, stored, own=labels.geometry, wanted=image.geometry)
    if faults or image is None or labels is None or array is None or grey is None:
        return Measured(domain.name, case.name, None, tuple(faults))
    if fault := _undeclared(case, domain, array):
        return Measured(domain.name, case.name, None, (fault,))
    placement = check_placement(image.array, array, image.spacing_mm)
    notices = (*image.notices, *labels.notices, *((placement,) if placement else ()))
    noticed = tuple((n.code, n.text) for n in notices)
    facts = _facts(case, domain, image, array, grey).model_copy(update={"warnings": noticed})
    return Measured(domain.name, case.name, facts, ())


def histogram(array: NDArray[Any]) -> Histogram:
    """Distinct values and their counts."""
    flat = array.ravel(order="K")
    if array.dtype.kind in "iu" and array.size and int(array.max()) - int(array.min()) < 1 << 20:
        low = int(array.min())
        totals = np.zeros(int(array.max()) - low + 1, np.int64)
        # In parts: bincount makes an 8-byte copy of what it counts.
        for start in range(0, len(flat), PART):
            totals += np.bincount(flat[start : start + PART].astype(np.int64) - low, minlength=len(totals))
        found = np.flatnonzero(totals)
        return Histogram((found + low).astype(np.float64), totals[found])
    values, counts = np.unique(flat, return_counts=True)
    return Histogram(values.astype(np.float64), counts.astype(np.int64))


def intensity(grey: Histogram) -> Intensity:
    """Mean, standard deviation and percentiles, as numpy would give them for the voxels themselves."""
    total = int(grey.counts.sum())
    if not total:
        return Intensity(mean=0, std=0, p00_5=0, p50=0, p99_5=0)
    mean = float(grey.values @ grey.counts / total)
    variance = float((grey.values - mean) ** 2 @ grey.counts / total)
    low, middle, high = (_percentile(grey, q) for q in (0.5, 50, 99.5))
    return Intensity(mean=mean, std=variance**0.5, p00_5=low, p50=middle, p99_5=high)


def without(grey: Histogram, part: Histogram) -> Histogram:
    """The voxels of `grey` that are not in `part`."""
    counts = grey.counts.copy()
    counts[np.searchsorted(grey.values, part.values)] -= part.counts
    return Histogram(grey.values[counts > 0], counts[counts > 0])


def label_gaps(present: NDArray[np.bool_]) -> tuple[int, int]:
    """Slices without label between slices with one, and how many runs they form.

    Args:
        present: (N,) whether a slice holds a label.
    """
    steps = np.diff(np.flatnonzero(present))
    return int((steps - 1).sum()), int(np.count_nonzero(steps > 1))


def structure_facts(labels: NDArray[np.uint8], domain: Domain, voxel_mm3: float) -> dict[str, StructureFacts]:
    """Volumes and 26-connected components of the structures present.

    Args:
        labels: (I, J, K) labels of the domain.
        domain: names them.
        voxel_mm3: volume of one voxel.
    """
    box = tuple(slice(f[0], f[-1] + 1) for f in map(np.flatnonzero, _presence(labels)))
    cut = np.ascontiguousarray(labels[box])
    components = cc3d.connected_components(cut, connectivity=26)
    sizes = np.bincount(components.ravel())
    owner = np.zeros(len(sizes), np.uint8)
    owner[components.ravel()] = cut.ravel()
    facts = {}
    for name, label in domain.labels.items():
        own = np.sort(sizes[1:][owner[1:] == label])[::-1]
        if len(own):
            volumes = tuple(round(float(n * voxel_mm3), 3) for n in own[:MAX_COMPONENTS])
            total = float(own.sum() * voxel_mm3 / 1000)
            facts[name] = StructureFacts(volume_ml=total, components_mm3=volumes, n_components=len(own))
    return facts


def _facts(case: Case, domain: Domain, image: Volume, labels: NDArray[np.uint8], grey: Histogram) -> ExamFacts:
    inside = histogram(image.array[labels > 0])
    presence = _presence(labels)
    gaps = [label_gaps(p) for p in presence]
    axis_for = {plane: choose_slice_axis(image, plane)[0] for plane in PLANES}
    # An exam whose axis does not depend on the plane asked for shows the one it was acquired along.
    acquired = next(iter(axis_for.values())) if len(set(axis_for.values())) == 1 else None
    structures = structure_facts(labels, domain, image.geometry.voxel_mm3)
    return ExamFacts.model_validate(
        {
            "patient": case.patient,
            "side": case.side or SIDES.get(str(image.facts.get("laterality", "")), ""),
            "source": source_digest(case),
            "content": _content(grey, image.shape),
            "shape": image.shape,
            "spacing_mm": image.spacing_mm,
            "slice_axis": acquired,
            "plane": None if acquired is None else image.geometry.plane_of(acquired),
            "axis_for": axis_for,
            "slices_with_bone": [int(np.count_nonzero(p)) for p in presence],
            "gaps": [n for n, _ in gaps],
            "gap_runs": [n for _, n in gaps],
            "inside": intensity(inside),
            "outside": intensity(without(grey, inside)),
            "structures": structures,
            "missing": tuple(name for name in domain.labels if name not in structures),
        }
    )


def _undeclared(case: Case, domain: Domain, labels: NDArray[np.uint8]) -> InputError | None:
    """A structure without a voxel may be there and not be labelled: learning it as background would be wrong."""
    present = {name for name, label in domain.labels.items() if (labels == label).any()}
    if unknown := sorted(set(case.absent) - set(domain.labels)):
        text = f"no structure is called {quoted(unknown[0])}; {did_you_mean(unknown[0], domain.labels)}"
        return InputError("PS-A74", f"absent of {case.name} names what the domain has not: {text}")
    if both := sorted(present.intersection(case.absent)):
        return InputError("PS-A74", f"{', '.join(both)} is declared absent and has voxels: correct one of the two")
    if missing := [name for name in domain.labels if name not in present and name not in case.absent]:
        advice = f"label it, or, where it is not in the image, put {_declaration(case, missing)}"
        return InputError("PS-A74", f"no voxel of {', '.join(missing)}: {advice}")
    return None


def _declaration(case: Case, missing: list[str]) -> str:
    names = ",".join(f'"{name}"' for name in missing)
    if case.image.parent.name == NNUNET_IMAGES:
        return f'"absent":{{"{case.name}":[{names}]}} into dataset.json'
    return f'"absent":[{names}] into {CASE_FILE}'


def _attempt(faults: list[PedsegError], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    try:
        return function(*args, **kwargs)
    except PedsegError as error:
        faults.append(error)
        return None


def _checked_histogram(image: Volume) -> Histogram:
    check_image(image)
    grey = histogram(image.array)
    low, high = (_percentile(grey, q) for q in ROBUST)
    if not low < high:
        raise InputError("PS-A65", f"the image is constant ({low:g}) but for a few voxels: export it again")
    return grey


def _presence(labels: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], ...]:
    """For each axis, (N,) whether a slice holds a label."""
    return tuple(np.asarray(labels.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))


def _percentile(grey: Histogram, percent: float) -> float:
    """Linear interpolation between order statistics."""
    ends = np.cumsum(grey.counts)
    place = percent / 100 * (int(ends[-1]) - 1)
    low, high = (grey.values[np.searchsorted(ends, n, side="right")] for n in (np.floor(place), np.ceil(place)))
    return float(low + (high - low) * (place - np.floor(place)))


def _content(grey: Histogram, shape: tuple[int, ...]) -> str:
    """Equal for one image however its axes are ordered or flipped, and in whatever type it is stored."""
    value = hashlib.sha256(repr(sorted(shape)).encode())
    value.update(grey.values.tobytes())
    value.update(grey.counts.tobytes())
    return value.hexdigest()
