"""Records of images as a header would give them, without files: one a slice, 1 mm apart, to be changed by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian

from pedseg.dicom.frame import Frame, PixelData, SeriesKey
from pedseg.dicom.series import Series

PIXELS = PixelData(ExplicitVRLittleEndian, 0, 60, 16, 16, 15, False, "MONOCHROME2")
MATRIX = (6, 5)


def frame(n: float = 0, **values: Any) -> Frame:
    """The image n mm along S; `series` in short: patient, study, UID, frame of reference, number."""
    key = SeriesKey(*values.pop("series", ("p", "s", "u", "f", "1")))
    place = {"position": (0.0, 0.0, float(n)), "orientation": (1.0, 0, 0, 0, 1, 0), "spacing_mm": (1.0, 1.0)}
    known = {"path": Path(f"{n}"), "name": f"{n}", "number": 0, "uid": f"i{n}", "series": key, "sop_class": ""}
    return Frame(**{**known, **place, "matrix": MATRIX, **values})


def candidate(frames: Sequence[Frame], **values: Any) -> Series:
    """The frames as one candidate volume."""
    first = (*frames, *values.get("damaged", ()))[0]
    return Series(**{"index": 1, "key": first.series, **values}, frames=tuple(frames))


def stored(folder: Path, image: Frame, grey: int) -> Frame:
    """The image with 30 pixels in a file: `grey` and the numbers after it."""
    path = folder / image.name
    path.write_bytes(np.arange(grey, grey + 30, dtype="<u2").tobytes())
    return replace(image, path=path, pixels=PIXELS)
