"""A row of the fault catalogue as data: a series that is built, and what reading it must come to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mr_series import GRID, Grid, place_error_mm

from pedseg.dicom import read_volume
from pedseg.errors import ERRORS, PedsegError
from pedseg.volumes import Volume

RIGHT_MM = 0.02
"""Largest error of place: the grey values of the series tell it to 0.01 mm; the catalogue's bar is 0.04 mm."""


@dataclass(frozen=True)
class DicomRow:
    """What a folder holds and what pedseg says of it.

    Args:
        id: number of the row in the catalogue, with a word behind a hyphen where a row has several: "36-two".
        fault: what is wrong, in a few words.
        build: writes the files; the folder exists and is empty.
        code: of the refusal; empty where the series must be read.
        says: a regular expression that the refusal's message must match.
        notices: codes of the warnings that come with the volume: these and no others.
        grid: where the voxels of the volume that is read lie; None: not checked here.
        choice: keywords of `read_volume`.
        within: what is read, a path inside the folder.
        extra: grey values stand this much above those of the grid.
        readable: the folder holds one recoverable volume, so that a refusal loses it. Rows that are refused
            since a person must choose are not lost: the message says how.
    """

    id: str
    fault: str
    build: Callable[[Path], object]
    code: str = ""
    says: str = ""
    notices: tuple[str, ...] = ()
    grid: Grid | None = GRID
    choice: dict[str, Any] = field(default_factory=dict)
    within: str = ""
    extra: int = 0
    readable: bool | None = None

    @property
    def exit_code(self) -> int:
        """What a command returns."""
        from pedseg import errors

        return int(getattr(errors, ERRORS[self.code][0]).exit_code) if self.code else 0

    def __str__(self) -> str:
        return self.id


def observe(row: DicomRow, folder: Path) -> Volume | PedsegError:
    """Build the row's folder and read it; anything but a volume or a typed refusal is a fault of pedseg."""
    folder.mkdir(exist_ok=True)
    row.build(folder)
    try:
        return read_volume(folder / row.within, **row.choice)
    except PedsegError as error:
        return error


def check(row: DicomRow, folder: Path) -> Volume | PedsegError:
    """Hold the row: the refusal with its code and words, or the volume at its place with its warnings.

    What is said is one line and names nobody: every text tag of the series holds ZZPHI.
    """
    seen = observe(row, folder)
    for text in [str(seen)] if isinstance(seen, PedsegError) else map(str, seen.notices):
        assert text.isprintable(), text
        assert "ZZPHI" not in text
    if row.code:
        assert isinstance(seen, PedsegError), f"{row.fault}: read, but {row.code} was wanted"
        assert (seen.code, int(seen.exit_code)) == (row.code, row.exit_code), str(seen)
        assert re.search(row.says, seen.message), seen.message
        return seen
    assert isinstance(seen, Volume), f"{row.fault}: refused with {seen}"
    assert sorted({notice.code for notice in seen.notices}) == sorted(row.notices)
    if row.grid is not None:
        assert seen.shape == (row.grid.columns, row.grid.rows, row.grid.n)
        np.testing.assert_allclose(seen.affine, row.grid.ras, atol=1e-4)
        assert place_error_mm(seen.with_array(seen.array.astype(float) - row.extra)) < RIGHT_MM
    return seen
