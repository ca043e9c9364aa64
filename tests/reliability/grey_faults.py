"""Writers of small series with odd grey values, and the values that must be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dicom_rows import DicomRow, check
from mr_series import Change, Grid, write_series
from numpy.typing import ArrayLike, NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from pedseg.volumes import Volume

SMALL = Grid(rows=6, columns=5, n=5)
Plane = Callable[[int], NDArray[np.generic]]


@dataclass(frozen=True)
class GreyRow:
    """A series that must be read, and its grey values.

    Args:
        id, fault: as in `DicomRow`.
        change: alters a slice of the series.
        wanted: slice number -> (rows, columns) grey values.
        dtype: of the values read.
        facts: what the volume must tell beside.
        within: largest difference: half a unit in the last place of float32.
        notices: as in `DicomRow`.
    """

    id: str
    fault: str
    change: Change
    wanted: Callable[[int], ArrayLike]
    dtype: type[np.generic] = np.uint16
    facts: tuple[tuple[str, object], ...] = ()
    within: float = 0.0
    notices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.id

    def hold(self, folder: Path) -> None:
        """Build, read, compare."""
        volume = check(DicomRow(self.id, self.fault, self._write, grid=None, notices=self.notices), folder)
        assert isinstance(volume, Volume)
        assert volume.array.dtype == self.dtype
        assert np.abs(volume.array - stacked(self.wanted(k) for k in range(SMALL.n))).max() <= self.within
        assert {key: volume.facts.get(key) for key, _ in self.facts} == dict(self.facts)

    def _write(self, folder: Path) -> None:
        write_series(folder, self.change, grid=SMALL)



def words(k: int, dtype: str = "<u2") -> NDArray[np.generic]:
    """(rows, columns) random words of slice k."""
    info = np.iinfo(dtype)
    shape = (SMALL.rows, SMALL.columns)
    rng = np.random.default_rng(k)
    drawn: NDArray[np.generic] = rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    return drawn


def signed(k: int) -> NDArray[np.generic]:
    return words(k, "<i2")


def stacked(planes: Iterable[ArrayLike]) -> NDArray[np.float64]:
    """(rows, columns) planes -> (I, J, K), by loops."""
    out = np.zeros((SMALL.columns, SMALL.rows, SMALL.n))
    for k, plane in enumerate(planes):
        for j in range(SMALL.rows):
            for i in range(SMALL.columns):
                out[i, j, k] = np.asarray(plane)[j][i]
    return out


def holding(stored: Plane, **tags: object) -> Change:
    """Slices of these stored values, with these tags; a tag may be a function of the slice number."""

    def change(k: int, ds: Dataset) -> Dataset:
        ds.PixelData = stored(k).tobytes()
        for key, value in tags.items():
            setattr(ds, key, value(k) if callable(value) else value)
        return ds

    return change


def scaled_from(first: int) -> Change:
    """A slope of 2 from this slice on, none before."""
    return lambda k, ds: holding(words, **({"RescaleSlope": "2"} if k >= first else {}))(k, ds)


def lut(k: int, ds: Dataset) -> Dataset:
    """Bytes through a table that differs from slice to slice."""
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [256, 0, 16], "US"
    table.LUTData = [(7 * v + k) % 65536 for v in range(256)]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    ds.ModalityLUTSequence = Sequence([table])
    ds.PixelData = (words(k) % 256).astype("<u2").tobytes()
    return ds


def real_world(k: int, ds: Dataset) -> Dataset:
    """A Real World Value Mapping that would double everything."""
    mapping = Dataset()
    mapping.LUTLabel, mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = "double", 2.0, 0.0
    ds.RealWorldValueMappingSequence = Sequence([mapping])
    ds.PixelData = words(k).tobytes()
    return ds


def scale_slope(value: Callable[[int], float]) -> Change:
    """Philips' private Scale Slope beside the Rescale Slope."""

    def change(k: int, ds: Dataset) -> Dataset:
        block = ds.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
        block.add_new(0x0E, "FL", value(k))
        return holding(words, RescaleSlope="0.5", RescaleIntercept="0")(k, ds)  # type: ignore[return-value]

    return change


def bits(stored: int, *, sign: bool) -> tuple[Change, Plane]:
    """Words whose upper bits are another's, and what their lower bits mean."""

    def wanted(k: int) -> NDArray[np.generic]:
        low = words(k).astype(int) % 2**stored
        return np.where(low >= 2 ** (stored - 1), low - 2**stored, low) if sign else low

    return holding(words, BitsStored=stored, HighBit=stored - 1, PixelRepresentation=int(sign)), wanted


def overlaid(k: int, ds: Dataset) -> Dataset:
    """Twelve bits, and the bits 12 to 15 are overlays that the header tells of."""
    for n in range(4):
        group = 0x6000 + 2 * n
        ds.add_new((group, 0x0010), "US", SMALL.rows)
        ds.add_new((group, 0x0011), "US", SMALL.columns)
        ds.add_new((group, 0x0040), "CS", "G")
        ds.add_new((group, 0x0050), "SS", [1, 1])
        ds.add_new((group, 0x0100), "US", 16)
        ds.add_new((group, 0x0102), "US", 12 + n)
    return holding(words, BitsStored=12, HighBit=11)(k, ds)  # type: ignore[return-value]


def float_pixels(_: int, ds: Dataset) -> Dataset:
    """Float Pixel Data in place of Pixel Data, one value NaN."""
    values = np.ones((SMALL.rows, SMALL.columns), np.float32)
    values[0, 0] = np.nan
    del ds.PixelData
    ds.FloatPixelData, ds.BitsAllocated = values.tobytes(), 32
    return ds


def compressed_and_absurd(folder: Path) -> None:
    """Compressed slices whose headers claim 65535 x 65535 pixels: 160 GiB from a few bytes."""
    for path in write_series(folder, grid=SMALL).iterdir():
        ds = dcmread(path)
        ds.compress(RLELossless, generate_instance_uid=False)
        ds.Rows = ds.Columns = 65535
        ds.save_as(path, enforce_file_format=True)
