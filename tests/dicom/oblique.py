"""Series of any orientation, spacing, transfer syntax and form, and where their voxels lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path

import numpy as np
from jpeg_lossless import encode
from mr_series import Grid, image, save, uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    LegacyConvertedEnhancedMRImageStorage,
    RLELossless,
)

from pedseg.volumes import Volume
from pedseg.volumes.geometry import Geometry

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
LOSSLESS = (RLELossless, JPEG2000Lossless, JPEGLSLossless, JPEGLossless, JPEGLosslessSV1)
SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big-endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg2000": JPEG2000Lossless,
    "jpegls": JPEGLSLossless,
    "jpeg": JPEGLossless,
    "jpeg-sv1": JPEGLosslessSV1,
}
"""All transfer syntaxes without loss that a volume of 16 bits can have and pedseg reads."""
FORMS = {"single": None, "enhanced": EnhancedMRImageStorage, "legacy": LegacyConvertedEnhancedMRImageStorage}
"""An image a file, or all in one file of this SOP class."""
ORIENTATIONS = tuple(
    np.eye(3)[:, list(order)] * signs for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
)
"""The 48 (3, 3) permutations and flips of axes."""


@dataclass(frozen=True, eq=False)
class Exam:
    """A series as it is meant: its grid, and the stored words.

    Args:
        grid: where slices lie; its step may be negative.
        words: (n, rows, columns) uint16.
    """

    grid: Grid
    words: np.ndarray

    def volume(self) -> Volume:
        """(columns, rows, slices), slices counted along the normal: written out apart from the reader."""
        array, affine = self.words.transpose(2, 1, 0), self.grid.ras
        if self.grid.step > 0:
            return Volume(array, affine)
        last = affine @ [0, 0, self.grid.n - 1, 1]
        return Volume(array[..., ::-1], np.column_stack([affine[:, 0], affine[:, 1], -affine[:, 2], last]))


def exam(grid: Grid, seed: int = 0) -> Exam:
    """The grid filled with noise of 12 bits about a grey value of each slice's own, from 0 to 65535."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 4096, (grid.n, grid.rows, grid.columns)) + rng.integers(0, 61440, (grid.n, 1, 1))
    words[0, 0, 0], words[-1, -1, -1] = 0, 65535
    return Exam(grid, words.astype(np.uint16))


def turned(axes: np.ndarray, **values: object) -> Grid:
    """A grid whose rows run along the first column of `axes` (3, 3), columns along the second, slices along the third.

    `step` is the distance between slices; it changes its sign where the axes are left-handed.
    """
    handed = float(np.sign(np.linalg.det(axes)))
    step = handed * float(values.pop("step", 1.3))  # type: ignore[arg-type]
    along_row, along_column = (tuple(float(v) for v in axes[:, n]) for n in (0, 1))
    return Grid(along_row=along_row, along_column=along_column, step=step, **values)  # type: ignore[arg-type]


def rotation(quaternion: Sequence[float]) -> np.ndarray:
    """(3, 3) of four numbers that are not all zero."""
    w, x, y, z = np.asarray(quaternion, float) / np.linalg.norm(quaternion)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def write(
    exam: Exam, folder: Path, *, form: str = "single", syntax: str = "explicit", order: Sequence[int] | None = None
) -> Path:
    """Write an exam; `order` is that of file names and Instance Numbers, or of frames."""
    folder.mkdir(parents=True, exist_ok=True)
    order = range(exam.grid.n) if order is None else order
    if FORMS[form] is not None:
        write_file(enhanced(exam, order, UID(FORMS[form])), exam.words[list(order)], folder / "file", SYNTAXES[syntax])
        return folder
    for number, k in enumerate(order, start=1):
        ds = image(exam.grid, k, InstanceNumber=number)
        write_file(ds, exam.words[k : k + 1], folder / f"im{number:03}", SYNTAXES[syntax])
    return folder


def write_file(ds: Dataset, frames: np.ndarray, path: Path, syntax: UID) -> None:
    """Write (frames, rows, columns) words under a header in any syntax."""
    ds.PixelData = frames.astype("<u2").tobytes()
    if syntax in NATIVE:
        save(ds, path, syntax)
        return
    save(ds, path)
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        ds.PixelData = encapsulate([encode(frame) for frame in frames])
        ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = syntax
    else:
        ds.compress(syntax, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)


def enhanced(exam: Exam, order: Sequence[int], sop_class: UID) -> Dataset:
    """The header of a multi-frame file whose frames come in this order."""
    grid = exam.grid
    ds = image(grid, 0, SOPClassUID=sop_class, SOPInstanceUID=uid("enhanced", sop_class))
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=ds.PixelSpacing, SliceThickness="5")],
        PlaneOrientationSequence=[item(ImageOrientationPatient=ds.ImageOrientationPatient)],
        MRImageFrameTypeSequence=[item(FrameType=["ORIGINAL", "PRIMARY", "M", "NONE"])],
    )
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "EchoTime", "EchoNumbers"):
        delattr(ds, keyword)
    ds.NumberOfFrames = grid.n
    ds.SharedFunctionalGroupsSequence = Items([shared])
    ds.PerFrameFunctionalGroupsSequence = Items([frame_groups(grid, k) for k in order])
    pointers = [item(DimensionIndexPointer=tag, FunctionalGroupPointer=0x00209111) for tag in (0x00209056, 0x00209057)]
    ds.DimensionIndexSequence = Items(pointers)
    return ds


def frame_groups(grid: Grid, k: int) -> Dataset:
    """What differs from frame to frame."""
    content = item(StackID="1", InStackPositionNumber=k + 1, DimensionIndexValues=[1, k + 1])
    content.FrameAcquisitionDateTime = content.FrameReferenceDateTime = "20200102030405"
    content.FrameAcquisitionDuration, content.TemporalPositionIndex = 1.0, 1
    place = image(grid, k).ImagePositionPatient
    return item(
        FrameContentSequence=[content],
        PlanePositionSequence=[item(ImagePositionPatient=place)],
        MREchoSequence=[item(EffectiveEchoTime=4.4)],
        PixelValueTransformationSequence=[item(RescaleSlope="1", RescaleIntercept="0", RescaleType="US")],
    )


def item(**tags: object) -> Dataset:
    """An item of a sequence."""
    ds = Dataset()
    for key, value in tags.items():
        setattr(ds, key, value)
    return ds


def assert_same_voxels(ours: Volume, theirs: np.ndarray, ras: np.ndarray, *, within_mm: float) -> None:
    """Another reader's array lies where ours does, whatever the order of its axes, and holds the same values."""
    other = Geometry(theirs.shape, ras)
    assert sorted(theirs.shape) == sorted(ours.shape)
    corners = ours.geometry.to_index(other.corners_mm())
    whole = np.rint(corners)
    assert np.linalg.norm(ours.geometry.to_mm(whole) - other.corners_mm(), axis=1).max() <= within_mm
    index = ours.geometry.to_index(other.to_mm(np.argwhere(np.ones(theirs.shape, bool))))
    i, j, k = np.rint(index).astype(int).T
    assert min(i.min(), j.min(), k.min()) == 0
    assert np.array_equal(ours.array[i, j, k], theirs.reshape(-1))
