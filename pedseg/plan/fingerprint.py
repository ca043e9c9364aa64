"""Facts of a dataset: `fingerprint.json`. No decision stands here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from pedseg.domains.domain import Name
from pedseg.errors import UsageError
from pedseg.plan.files import parse, read_json
from pedseg.plan.spec import Plane
from pedseg.plan.values import Frozen
from pedseg.workspace import digest_of, write_json

Three = tuple[float, float, float]
Counts = tuple[int, int, int]


class Intensity(Frozen):
    """Grey values of one region of an exam."""

    mean: float
    std: float
    p00_5: float
    p50: float
    p99_5: float


class StructureFacts(Frozen):
    """One structure in one exam.

    Args:
        volume_ml: labelled volume.
        components_mm3: volumes of its 26-connected components, largest first, at most `MAX_COMPONENTS`.
        n_components: of them, however many.
    """

    volume_ml: float
    components_mm3: tuple[float, ...]
    n_components: int


class ExamFacts(Frozen):
    """One exam, measured.

    Args:
        patient: whom it belongs to.
        side: "left", "right" or "" where nobody said.
        source: digest of names, sizes and times of its files.
        content: digest of its grey values, whatever their order in memory.
        shape: voxels along (I, J, K).
        spacing_mm: along (I, J, K).
        slice_axis: array axis of the acquired slices; None where nothing tells.
        plane: their anatomical plane.
        axis_for: for each plane, the array axis the exam is sliced along in a domain of that plane.
        slices_with_bone: along each array axis, slices that hold any label.
        gaps: along each array axis, unlabelled slices between labelled ones.
        gap_runs: along each array axis, how many runs of such slices there are.
        inside: grey values of labelled voxels.
        outside: grey values of all others.
        structures: those present, by name.
        missing: structures of the domain without a voxel.
        warnings: code and text of what the reader noticed.
    """

    patient: str
    side: str
    source: str
    content: str
    shape: Counts
    spacing_mm: Three
    slice_axis: int | None
    plane: Plane | None
    axis_for: dict[Plane, int]
    slices_with_bone: Counts
    gaps: Counts
    gap_runs: Counts
    inside: Intensity
    outside: Intensity
    structures: dict[str, StructureFacts]
    missing: tuple[str, ...]
    warnings: tuple[tuple[str, str], ...] = ()

    @property
    def size_mm(self) -> Three:
        """Shape times spacing."""
        i, j, k = (n * s for n, s in zip(self.shape, self.spacing_mm, strict=True))
        return i, j, k

    def fov_mm(self, plane: Plane) -> float:
        """The larger in-plane field of view when sliced in a domain of that plane."""
        return max(size for axis, size in enumerate(self.size_mm) if axis != self.axis_for[plane])

    def n_slices(self, plane: Plane) -> int:
        """Slices when sliced in a domain of that plane."""
        return self.shape[self.axis_for[plane]]


class Spread(Frozen):
    """Smallest, median and largest over the exams of a domain."""

    min: float
    median: float
    max: float


class DomainSummary(Frozen):
    """The exams of a domain together.

    Args:
        planes: how many exams were acquired in each; "unknown" where nothing tells.
        sides: how many exams are of each.
        spacing_mm: along (I, J, K).
        size_mm: along (I, J, K).
        fov_mm: larger in-plane field of view of the acquired slices (axial ones where unknown).
        slices: of them, and `slices_with_bone` those that hold a label.
        volume_ml: of every structure, over the exams that hold it.
    """

    exams: int
    patients: int
    planes: dict[str, int]
    sides: dict[str, int]
    spacing_mm: tuple[Spread, Spread, Spread]
    size_mm: tuple[Spread, Spread, Spread]
    fov_mm: Spread
    slices: Spread
    slices_with_bone: Spread
    inside_mean: Spread
    outside_mean: Spread
    volume_ml: dict[str, Spread]


class DomainFacts(Frozen):
    """One domain: its exams and what they have in common."""

    labels: str
    """Digest of the structures and their source values the exams were read with."""
    exams: dict[Name, ExamFacts]
    summary: DomainSummary


class Fingerprint(Frozen):
    """Facts of all domains."""

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    domains: dict[Name, DomainFacts]

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    @property
    def digest(self) -> str:
        """sha256 of the facts; the times of files are not among them."""
        return digest_of(_without_sources(self.model_dump(mode="json", by_alias=True)))


def save_fingerprint(fingerprint: Fingerprint, path: Path) -> None:
    """Write the facts with their digest, atomically."""
    write_json(path, fingerprint_values(fingerprint))


def fingerprint_values(fingerprint: Fingerprint) -> dict[str, Any]:
    """The facts with their digest, as the file holds them."""
    return {"digest": fingerprint.digest, **fingerprint.model_dump(mode="json", by_alias=True)}


def load_fingerprint(path: Path) -> Fingerprint:
    """Read facts; they are measured, never edited.

    Raises:
        UsageError: PS-A125 no such file, PS-A96 not valid or changed since it was written.
    """
    values = read_json(path, "run pedseg_plan first")
    digest = values.pop("digest", "") if isinstance(values, dict) else ""
    fingerprint = parse(Fingerprint, values, path.name)
    if digest != fingerprint.digest:
        raise UsageError("PS-A96", f"{path.name} was changed after it was measured: run pedseg_plan again")
    return fingerprint


def _without_sources(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_sources(v) for k, v in value.items() if k != "source"}
    return value
