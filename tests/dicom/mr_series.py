"""Builds DICOM series whose grey values tell where each voxel lies, whole or with a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

from pedseg.volumes import Volume

SLOPES = np.array([20.0, 31.0, 43.0])
"""Grey values per mm along L, P, S: one unit is 0.02 to 0.05 mm."""
BASE = 9000.0
TURN = np.radians(8)


@dataclass(frozen=True)
class Grid:
    """A sagittal-oblique stack, turned by 8 degrees, with unequal spacing along all three axes."""

    rows: int = 48
    columns: int = 40
    n: int = 16
    row_spacing: float = 0.30
    column_spacing: float = 0.25
    step: float = 0.8
    along_row: tuple[float, float, float] = (float(np.sin(TURN)), float(np.cos(TURN)), 0.0)
    along_column: tuple[float, float, float] = (0.0, 0.0, -1.0)
    origin: tuple[float, float, float] = (11.0, -23.0, 37.0)
    shear: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def lps(self) -> np.ndarray:
        """(4, 4): (column, row, slice) to LPS mm, written out from the DICOM standard's equation."""
        normal = np.cross(self.along_row, self.along_column)
        affine = np.eye(4)
        affine[:3, 0] = np.array(self.along_row) * self.column_spacing
        affine[:3, 1] = np.array(self.along_column) * self.row_spacing
        affine[:3, 2] = normal * self.step + np.array(self.shear)
        affine[:3, 3] = self.origin
        return affine

    @property
    def ras(self) -> np.ndarray:
        """(4, 4): the same to RAS mm."""
        return np.diag([-1, -1, 1, 1]) @ self.lps

    def plane(self, k: float) -> np.ndarray:
        """(rows, columns) grey values of the slice at place k."""
        j, i = np.mgrid[: self.rows, : self.columns]
        points = np.stack([i, j, np.full(i.shape, k), np.ones(i.shape)], axis=-1) @ self.lps.T
        return np.rint(points[..., :3] @ SLOPES + BASE)


GRID = Grid()
Change = Callable[[int, Dataset], "Dataset | Iterable[Dataset] | None"]


def image(grid: Grid, k: float, **tags: object) -> Dataset:
    """Slice k of the grid as a classic MR image; `tags` replace or (None) remove its values."""
    ds = Dataset()
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = uid("image", k, *(f"{key}{value}" for key, value in tags.items()))
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    ds.Modality, ds.Manufacturer = "MR", "Acme"
    ds.PatientName, ds.PatientID = "ZZPHI^CANARY", "ZZPHI-1"
    ds.StudyDescription = ds.SeriesDescription = "ZZPHI description"
    ds.StudyDate, ds.BodyPartExamined = "20200102", "KNEE"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid("study"), uid("series")
    ds.FrameOfReferenceUID = uid("frame")
    ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber = 4, 1, round(k) + 1
    ds.EchoTime, ds.EchoNumbers, ds.RepetitionTime, ds.MagneticFieldStrength = "4.4", 1, "13", "3"
    position = grid.lps @ [0, 0, k, 1]
    ds.ImagePositionPatient = [decimal(v) for v in position[:3]]
    ds.ImageOrientationPatient = [decimal(v) for v in (*grid.along_row, *grid.along_column)]
    ds.PixelSpacing = [f"{grid.row_spacing:g}", f"{grid.column_spacing:g}"]
    ds.SliceThickness, ds.PatientPosition = "0.8", "FFS"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = grid.rows, grid.columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelData = grid.plane(k).astype("<u2").tobytes()
    for key, value in tags.items():
        if value is None:
            delattr(ds, key)
        else:
            setattr(ds, key, value)
    return ds


def raw(ds: Dataset, keyword: str, vr: str, value: bytes) -> Dataset:
    """Set a value that pydicom itself would refuse to write."""
    tag = Tag(tag_for_keyword(keyword))
    ds[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return ds


def write_series(
    folder: Path, change: Change | None = None, *, grid: Grid = GRID, prefix: str = "im", **tags: object
) -> Path:
    """Write the grid's slices as files; `change` may alter a slice, replace it by several, or drop it."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(grid.n):
        ds = image(grid, k, **tags)
        made = change(k, ds) if change else ds
        for extra, each in enumerate([made] if isinstance(made, Dataset) else made or ()):
            save(each, folder / f"{prefix}{k + 1:04d}{'abcdefgh'[extra - 1] if extra else ''}")
    return folder


def save(ds: Dataset, path: Path, syntax: UID | None = None) -> Path:
    """Write a file; words are swapped for big endian."""
    if not hasattr(ds, "file_meta"):
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = syntax or ExplicitVRLittleEndian
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.save_as(path, enforce_file_format=True)
    return path


def decimal(value: float) -> str:
    """A number in the 16 characters of a DICOM decimal string."""
    return str(format_number_as_ds(float(value)))


def uid(*parts: object) -> str:
    """The same UID for the same parts."""
    return generate_uid(entropy_srcs=["pedseg tests", "|".join(map(str, parts))])


def place_error_mm(volume: Volume) -> float:
    """Largest distance (mm) between where the volume puts a voxel and where its grey value says it lies.

    One grey value fixes one coordinate only, so this is a lower bound; rounding adds up to 0.01 mm.
    """
    index = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), axis=-1)
    lps = volume.geometry.to_mm(index) * [-1, -1, 1]
    return float(np.abs(lps @ SLOPES + BASE - volume.array).max() / np.linalg.norm(SLOPES))
