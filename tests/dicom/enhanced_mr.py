"""Builds enhanced multi-frame files of the series of `mr_series`."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy

import numpy as np
from mr_series import GRID, Grid, image, uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage


def item(**tags: object) -> Dataset:
    """An item of a sequence."""
    ds = Dataset()
    for key, value in tags.items():
        setattr(ds, key, value)
    return ds


def frame_groups(
    k: float, *, grid: Grid = GRID, temporal: int = 1, stack: str = "1", echo: float = 4.4, offset: float = 0.0
) -> Dataset:
    """The functional groups of one frame at place k; its grey values are `offset` above the stored ones."""
    source = image(grid, k)
    content = item(StackID=stack, InStackPositionNumber=int(k) + 1, TemporalPositionIndex=temporal)
    content.DimensionIndexValues = [1, temporal, int(k) + 1]
    return item(
        FrameContentSequence=[content],
        PlanePositionSequence=[item(ImagePositionPatient=source.ImagePositionPatient)],
        MREchoSequence=[item(EffectiveEchoTime=echo)],
        PixelValueTransformationSequence=[item(RescaleSlope="1", RescaleIntercept=f"{offset:g}", RescaleType="US")],
    )


def enhanced(frames: Iterable[tuple[float, Dataset]], *, grid: Grid = GRID) -> Dataset:
    """An Enhanced MR file of (place, groups); orientation and spacing are shared."""
    frames = list(frames)
    name = "|".join(f"{k:g}" for k, _ in frames)
    ds = image(grid, 0, SOPClassUID=EnhancedMRImageStorage, SOPInstanceUID=uid("enhanced", name))
    source = deepcopy(ds)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "EchoTime", "EchoNumbers"):
        delattr(ds, keyword)
    ds.NumberOfFrames = len(frames)
    measures = item(PixelSpacing=source.PixelSpacing, SliceThickness="5", SpacingBetweenSlices="-7")
    shared = item(
        PixelMeasuresSequence=[measures],
        PlaneOrientationSequence=[item(ImageOrientationPatient=source.ImageOrientationPatient)],
        MRImageFrameTypeSequence=[item(FrameType=["ORIGINAL", "PRIMARY", "M", "NONE"])],
    )
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence([groups for _, groups in frames])
    pointers = (0x00209056, 0x00209128, 0x00209057)
    content = 0x00209111
    dimensions = [item(DimensionIndexPointer=p, FunctionalGroupPointer=content) for p in pointers]
    ds.DimensionIndexSequence = Sequence(dimensions)
    ds.PixelData = b"".join(grid.plane(k).astype("<u2").tobytes() for k, _ in frames)
    return ds


def order() -> list[int]:
    """The slices of the grid in no order."""
    return [int(k) for k in np.random.default_rng(0).permutation(GRID.n)]
