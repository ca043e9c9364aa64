"""Slice cache: what training reads, one entry an exam, memory-mappable, checked, written whole.

`<case>.image.npy` (R, W, W) float16 and `<case>.labels.npy` (R, d W, d W) uint8, R = slices times windows,
windows of a slice side by side, d labels along each side of a pixel; `<case>.json` tells what they are and is
written last.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pedseg.domains.domain import Name
from pedseg.errors import InputError, Notice, OutputError
from pedseg.partials import sync
from pedseg.workspace import atomic_set, file_digest, put_bytes

ARRAYS = ("image", "labels")
ADVICE = "run pedseg_preprocess again"
SEAL = "digest"
"""Key of a manifest's own checksum: sha256 of the file with this value empty."""


class ArrayFile(BaseModel):
    """What one array file must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What an entry holds and what it was made from.

    Args:
        schema_: of the files, and of the code that makes slices: entries of a former one are made again.
        plan_digest: of the decisions the entry depends on.
        source_digest: of the exam's files.
        grid: the `SliceGrid` as plain values.
        left_right_axis: image axis along the patient's left-right: 0, 1 or None.
        rows_with: structure name -> rows of the arrays that show it.
        ceiling: structure name -> Dice of these labels back on the exam's own grid; None where absent.
        notices: codes and texts met on the way.
        files: of the two arrays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Annotated[Literal[2], Field(alias="schema")] = 2
    domain: Name
    case: Name
    plan_digest: str
    source_digest: str
    grid: dict[str, Any]
    left_right_axis: Literal[0, 1] | None
    rows_with: dict[str, tuple[int, ...]]
    ceiling: dict[str, float | None]
    notices: tuple[tuple[str, str], ...] = ()
    files: dict[str, ArrayFile] = {}


@dataclass(frozen=True, eq=False)
class CacheEntry:
    """An exam's slices, memory-mapped.

    Args:
        manifest: what they are.
        images: (R, W, W) float16, normalised.
        labels: (R, d W, d W) uint8.
    """

    manifest: Manifest
    images: NDArray[np.float16]
    labels: NDArray[np.uint8]

    @property
    def plan_digest(self) -> str:
        """Of the decisions the entry was made under."""
        return self.manifest.plan_digest

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Warnings met when it was made."""
        return tuple(Notice(code, text) for code, text in self.manifest.notices)


def write_entry(folder: Path, manifest: Manifest, images: NDArray[Any], labels: NDArray[np.uint8]) -> Manifest:
    """Write an entry: both arrays and the manifest that vouches for them, all of them or nothing.

    Args:
        folder: the domain's cache folder; made when missing.
        manifest: without `files`, which are filled in here.
        images: (R, W, W), stored as float16.
        labels: (R, d W, d W) uint8, d = 1, 2, ...

    Raises:
        OutputError: PS-A105 not writable, PS-A106 disk full.
    """
    if not _fit(images, labels):
        raise ValueError(f"images (R, W, W) and labels (R, d W, d W) are needed, got {images.shape}, {labels.shape}")
    arrays: dict[str, NDArray[Any]] = {"image": images.astype(np.float16, copy=False), "labels": labels}
    targets = [_array_path(folder, manifest.case, kind) for kind in arrays]
    with atomic_set(*targets, _manifest_path(folder, manifest.case)) as (*places, vouching):
        files = {k: _put_array(place, array) for place, (k, array) in zip(places, arrays.items(), strict=True)}
        complete = manifest.model_copy(update={"files": files})
        put_bytes(vouching, _sealed(complete.model_dump(mode="json", by_alias=True)).encode())
    return complete


def read_manifest(folder: Path, case: str) -> Manifest:
    """What the entry of a case says it is.

    Raises:
        InputError: PS-A85 missing, damaged, of a former version or of another case.
    """
    path = _manifest_path(folder, case)
    try:
        manifest = Manifest.model_validate(_unsealed(path.read_bytes().decode()))
    except FileNotFoundError as error:
        raise InputError("PS-A85", f"{case} is not in the slice cache {folder.name}: run pedseg_preprocess") from error
    except OSError as error:
        raise InputError("PS-A85", f"{path.name} cannot be read ({error.strerror}): {ADVICE}") from error
    except ValidationError as error:
        place = ".".join(str(p) for p in error.errors()[0]["loc"]) or "file"
        raise InputError("PS-A85", f"{path.name} is not a cache manifest ({place}): {ADVICE}") from error
    except (ValueError, RecursionError) as error:
        raise InputError("PS-A85", f"{path.name} is not a cache manifest as it was written: {ADVICE}") from error
    if manifest.case != case:
        raise InputError("PS-A85", f"{path.name} is of {manifest.case}: {ADVICE}")
    return manifest


def read_entry(folder: Path, case: str, *, verify: bool = False) -> CacheEntry:
    """Map the arrays of a case; sizes are always checked.

    Args:
        folder: the domain's cache folder.
        case: the exam.
        verify: also check both checksums (reads every byte).

    Raises:
        InputError: PS-A85 an entry that is missing, damaged or half written.
    """
    manifest = read_manifest(folder, case)
    images, labels = (_map(_array_path(folder, case, kind), manifest.files.get(kind), verify) for kind in ARRAYS)
    if not _fit(images, labels) or images.dtype != np.dtype(np.float16) or labels.dtype != np.dtype(np.uint8):
        raise InputError("PS-A85", f"{case}: arrays are not slices ({images.shape}, {labels.shape}): {ADVICE}")
    return CacheEntry(manifest, images, labels)


def _sealed(values: dict[str, Any]) -> str:
    text = json.dumps({**values, SEAL: ""}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.replace(_seal(""), _seal(hashlib.sha256(text.encode()).hexdigest()))


def _unsealed(text: str) -> dict[str, Any]:
    """What a manifest says; ValueError where it is not what was written."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    digest = values.pop(SEAL, None)
    if digest is None:  # a former version, or nothing of ours: the model says so
        return {**values, "schema": 1}
    if hashlib.sha256(text.replace(_seal(digest), _seal("")).encode()).hexdigest() != digest:
        raise ValueError("its checksum is another")
    return values


def _seal(digest: str) -> str:
    return f'"{SEAL}": "{digest}"'


def _fit(images: NDArray[Any], labels: NDArray[Any]) -> bool:
    if images.ndim != 3 or labels.ndim != 3 or not images.shape[1]:
        return False
    detail = labels.shape[1] // images.shape[1]
    return labels.shape == (images.shape[0], detail * images.shape[1], detail * images.shape[2]) and detail > 0


def entry_bytes(manifest: Manifest) -> int:
    """Size of both arrays on disk."""
    return sum(file.bytes for file in manifest.files.values())


def _put_array(path: Path, array: NDArray[Any]) -> ArrayFile:
    whole = np.ascontiguousarray(array)
    with path.open("wb") as stream:
        # Not np.save: of a full disk it says only how much was written, not why no more was.
        header = np.lib.format.header_data_from_array_1_0(whole)
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(whole.data)
    sync(path)
    file = ArrayFile(bytes=path.stat().st_size, sha256=file_digest(path))
    if not np.array_equal(np.load(path, mmap_mode="r", allow_pickle=False).view(np.uint8), whole.view(np.uint8)):
        raise OutputError("PS-A164", f"{path.name} does not read back as it was written: the disk may be failing")
    return file


def _map(path: Path, expected: ArrayFile | None, verify: bool) -> NDArray[Any]:
    size = path.stat().st_size if path.is_file() else None
    if expected is None or size != expected.bytes:
        wanted = f"{expected.bytes} bytes" if expected else "an entry in the manifest"
        raise InputError("PS-A85", f"{path.name}: wanted {wanted}, got {size or 'no'} bytes: {ADVICE}")
    if verify and file_digest(path) != expected.sha256:
        raise InputError("PS-A85", f"{path.name}: its checksum is not the one it was written with: {ADVICE}")
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError("PS-A85", f"{path.name} is not a numpy array: {ADVICE}") from error
    return array


def _array_path(folder: Path, case: str, kind: str) -> Path:
    return folder / f"{case}.{kind}.npy"


def _manifest_path(folder: Path, case: str) -> Path:
    return folder / f"{case}.json"
