"""Tables of plain cells, for every way to write them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A cell.

    Args:
        text: as shown.
        mark: `best`, `second`, `p05`, `p01`, `changed`, or none.
    """

    text: str
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first column names the rows.

    Args:
        title: what it shows.
        columns: their heads.
        rows: as many cells each as there are columns.
        notes: lines below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
