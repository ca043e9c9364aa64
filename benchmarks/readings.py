"""What a reader of DICOM folders gives: volumes, warnings, or an end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Reading:
    """A volume that a reader gave.

    Args:
        array: (I, J, K).
        affine: (4, 4), voxel-centre index to RAS+ mm.
    """

    array: np.ndarray
    affine: np.ndarray


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a folder.

    Args:
        readings: the volumes; none where the reader refused.
        warnings: Python warnings, pedseg's notices, an exit code that is not 0.
        printed: whether anything stood on stderr or, of a program, a warning on stdout.
        end: why there is no reading: the error, "crashed" or "late".
    """

    readings: tuple[Reading, ...] = ()
    warnings: tuple[str, ...] = ()
    printed: bool = False
    end: str = ""
