"""What the fuzzer calls: the functions with which pedseg's commands read files, each held to its promise.

A target writes the spoilt bytes where its command would find them and reads. It returns nothing: whatever it raises
that is no `PedsegError` is a fault.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.mutate import Mutator, spoil_bytes, spoil_header_text, spoil_json, spoil_nifti, spoil_zip
from benchmarks.mutate_dicom import spoil_dicom
from pedseg.archives import MAX_BYTES, Kind, unpacked
from pedseg.dicom import ReadOptions, read_volume
from pedseg.dicom.segmentation import read_segmentation
from pedseg.domains import load_domains
from pedseg.evaluation.scores import read_scores
from pedseg.networks.state_dicts import read_tensors
from pedseg.plan import load_plan
from pedseg.storage.cases import find_cases, nnunet_domain
from pedseg.storage.runs import fold_plan
from pedseg.volumes import Volume
from pedseg.volumes.nifti import read_image

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "fuzz" / "corpus"
SERIES = CORPUS / "dicom" / "series"
FOUND = CORPUS / "found"
GOOD = ("im1.dcm", "im2.dcm", "im4.dcm", "im5.dcm", "im6.dcm")
"""The slices beside the spoilt third."""
RIGHT_MM = 0.04


@dataclass(frozen=True)
class Target:
    """One way into pedseg.

    Args:
        kind: `dicom`, `nifti`, `plans` or `packed`.
        seeds: files of the corpus.
        spoil: makes a file of a seed.
        read: writes bytes into an empty folder and reads them; see the module.
        share: how often it is chosen, relative to others of its kind.
    """

    kind: str
    seeds: tuple[str, ...]
    spoil: Mutator
    read: Callable[[bytes, Path], None]
    share: float = 1.0

    def seed_bytes(self) -> Sequence[bytes]:
        """Contents of the seeds."""
        return [_content(name) for name in self.seeds]


@cache
def _content(name: str) -> bytes:
    return (CORPUS / name).read_bytes()


@cache
def _series() -> tuple[Volume, tuple[np.ndarray, ...]]:
    """The good slices as they must come back: the volume of all, and (columns, rows) planes by slice."""
    volume = read_volume(SERIES)
    return volume, tuple(volume.array[..., k] for k in range(volume.shape[2]))


class WrongError(Exception):
    """Something was read that is not what it must be."""


def one_slice(data: bytes, folder: Path) -> None:
    """The spoilt file alone."""
    (folder / "im3.dcm").write_bytes(data)
    _check(read_volume(folder, options=ReadOptions(min_slices=1)))


def among_good(data: bytes, folder: Path) -> None:
    """The spoilt file among the good slices of its series, which must keep their places and values."""
    for name in GOOD:
        shutil.copyfile(SERIES / name, folder / name)
    (folder / "im3.dcm").write_bytes(data)
    volume = read_volume(folder)
    _check(volume)
    wanted, planes = _series()
    if volume.shape[:2] != wanted.shape[:2]:
        raise WrongError(f"{volume.shape} voxels out of a series of {wanted.shape}")
    for k in (0, 1, 3, 4, 5):
        corners = wanted.geometry.to_mm([[0, 0, k], [volume.shape[0] - 1, volume.shape[1] - 1, k]])
        index = volume.geometry.to_index(corners)
        at = round(float(index[0, 2]))
        there = volume.geometry.to_mm([[0, 0, at], [volume.shape[0] - 1, volume.shape[1] - 1, at]])
        if not 0 <= at < volume.shape[2] or np.abs(there - corners).max() > RIGHT_MM:
            raise WrongError(f"slice {k + 1} is not at its place: {np.abs(there - corners).max():.3f} mm away")
        if not np.allclose(volume.array[..., at], planes[k]):
            raise WrongError(f"slice {k + 1} has other grey values")


def whole_exam(data: bytes, folder: Path) -> None:
    """A spoilt multi-frame file, named itself."""
    (folder / "exam.dcm").write_bytes(data)
    _check(read_volume(folder / "exam.dcm"))


def segmentation(data: bytes, folder: Path) -> None:
    """A spoilt DICOM SEG."""
    (folder / "labels.dcm").write_bytes(data)
    knee = load_domains(["knee"])[0]
    volume = read_segmentation(folder / "labels.dcm", knee)
    _check(volume)
    if int(volume.array.max()) > len(knee.labels):
        raise WrongError("a label beyond the domain's")


def image_file(ending: str) -> Callable[[bytes, Path], None]:
    """A spoilt image file of one ending."""

    def read(data: bytes, folder: Path) -> None:
        (folder / f"image{ending}").write_bytes(data)
        _check(read_image(folder / f"image{ending}"))

    return read


def plan_file(data: bytes, folder: Path) -> None:
    """A plan in one file; what it says must be whole and have a digest."""
    (folder / "plan.json").write_bytes(data)
    plan = load_plan(folder / "plan.json")
    _check_digest(plan.digest)


def split_plan(part: str) -> Callable[[bytes, Path], None]:
    """A plan of several files, one of them spoilt."""

    def read(data: bytes, folder: Path) -> None:
        for name in ("plan.json", "ankle.json", "knee.json"):
            (folder / name).write_bytes(_content(f"texts/split/{name}"))
        (folder / part).write_bytes(data)
        _check_digest(load_plan(folder).digest)

    return read


def domain_file(data: bytes, folder: Path) -> None:
    """A user's domain, YAML (of which JSON is a part)."""
    (folder / "domain.yaml").write_bytes(data)
    load_domains([folder])


def case_file(data: bytes, folder: Path) -> None:
    """What a user says of an exam."""
    exam = folder / "exam"
    exam.mkdir()
    shutil.copyfile(CORPUS / "images" / "one.nii.gz", exam / "image.nii.gz")
    (exam / "case.json").write_bytes(data)
    find_cases(folder)


def dataset_file(data: bytes, folder: Path) -> None:
    """An nnU-Net dataset.json."""
    (folder / "dataset.json").write_bytes(data)
    nnunet_domain(folder, load_domains(["ankle"])[0])


def fold_manifest(data: bytes, folder: Path) -> None:
    """The run.json of a fold."""
    (folder / "configs").mkdir()
    shutil.copyfile(CORPUS / "texts" / "plan.json", folder / "configs" / "plan.json")
    (folder / "run.json").write_bytes(data)
    fold_plan(folder)


def score_table(data: bytes, folder: Path) -> None:
    """A scores.csv."""
    (folder / "scores.csv").write_bytes(data)
    read_scores(folder / "scores.csv")


def zip_of(kind: Kind) -> Callable[[bytes, Path], None]:
    """A spoilt zip: what comes out of it lies below its own folder, and goes with it."""

    def read(data: bytes, folder: Path) -> None:
        (folder / "packed.zip").write_bytes(data)
        with unpacked(folder / "packed.zip", kind) as inside:
            out = [path for path in inside.rglob("*") if not path.resolve().is_relative_to(inside.resolve())]
            odd = [path for path in inside.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]
            size = sum(path.stat().st_size for path in inside.rglob("*") if path.is_file())
        if out or odd or size > MAX_BYTES or inside.exists():
            raise WrongError(f"{len(out)} files outside, {len(odd)} no files, {size} bytes")

    return read


def checkpoint(data: bytes, folder: Path) -> None:
    """Spoilt weights: plain values and tensors, none larger than its file explains."""
    (folder / "model.pt").write_bytes(data)
    read_tensors(folder / "model.pt")


def _names(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


_SLICES = ("explicit", "implicit", "big_endian", "deflated", "rle", "jpeg2000", "jpeg_ls")
_SLICE_SEEDS = _names("dicom/slice", *(f"{name}.dcm" for name in _SLICES))
_NIFTI = tuple(f"{name}.nii" for name in ("one", "two", "scaled"))
TARGETS: dict[str, Target] = {
    "slice alone": Target("dicom", _SLICE_SEEDS, spoil_dicom, one_slice),
    "slice among good": Target("dicom", _SLICE_SEEDS, spoil_dicom, among_good, 2),
    "multi-frame": Target("dicom", _names("dicom/whole", "enhanced.dcm", "enhanced_rle.dcm"), spoil_dicom, whole_exam),
    "segmentation": Target(
        "dicom", _names("dicom/seg", "binary.dcm", "labelmap.dcm", "fractional.dcm"), spoil_dicom, segmentation
    ),
    "nifti": Target("nifti", _names("images", *_NIFTI), spoil_nifti, image_file(".nii")),
    "nifti gz": Target("nifti", _names("images", *(f"{n}.gz" for n in _NIFTI)), spoil_nifti, image_file(".nii.gz")),
    "nrrd": Target("nifti", _names("images", "plain.nrrd", "packed.nrrd"), spoil_header_text, image_file(".nrrd"), 0.5),
    "mha": Target("nifti", _names("images", "plain.mha", "packed.mha"), spoil_header_text, image_file(".mha"), 0.5),
    "plan": Target("plans", _names("texts", "plan.json"), spoil_json, plan_file, 4),
    "plan in parts": Target("plans", _names("texts/split", "plan.json"), spoil_json, split_plan("plan.json")),
    "domain plan": Target("plans", _names("texts/split", "knee.json"), spoil_json, split_plan("knee.json"), 2),
    "domain": Target("plans", _names("texts", "domain.json"), spoil_json, domain_file),
    "domain yaml": Target("plans", _names("texts", "domain.yaml"), spoil_bytes, domain_file),
    "case": Target("plans", _names("texts", "case.json"), spoil_json, case_file),
    "dataset": Target("plans", _names("texts", "dataset.json"), spoil_json, dataset_file),
    "manifest": Target("plans", _names("texts", "run.json"), spoil_json, fold_manifest),
    "scores": Target("plans", _names("texts", "scores.csv"), spoil_bytes, score_table),
    "zipped exam": Target("packed", _names("packed", "exam.zip"), spoil_zip, zip_of("exam")),
    "zipped model": Target("packed", _names("packed", "model.zip"), spoil_zip, zip_of("model")),
    "checkpoint": Target("packed", _names("packed", "model.pt"), spoil_zip, checkpoint, 2),
}


def _check(volume: Volume) -> None:
    """What every volume that is read promises."""
    if not np.isfinite(volume.affine).all() or volume.array.ndim != 3 or volume.array.shape != volume.shape:
        raise WrongError(f"shape {volume.array.shape}, affine {volume.affine.tolist()}")
    if volume.array.dtype.kind not in "iuf":
        raise WrongError(f"values of {volume.array.dtype}")
    shown = [*map(str, volume.notices), *map(str, volume.facts.values())]
    if bad := [text for text in shown if not text.isprintable()]:
        raise WrongError(f"unprintable: {bad[0]!r}")


def _check_digest(text: str) -> None:
    if len(text) != 64:
        raise WrongError(f"digest {text!r}")
