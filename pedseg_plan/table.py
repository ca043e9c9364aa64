"""Plain tables for the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

GAP = "  "
NARROWEST = 24


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None) -> str:
    """Rows in aligned columns; the last column is wrapped to the width.

    Args:
        header: names of the columns.
        rows: as many cells each.
        width: characters a line; else the terminal's.
    """
    lines = [list(header), *(list(row) for row in rows)]
    columns = [max(len(line[c]) for line in lines) for c in range(len(header) - 1)]
    left = sum(columns) + len(GAP) * len(columns)
    room = max(NARROWEST, (width or shutil.get_terminal_size((120, 24)).columns) - left)
    text: list[str] = []
    for line in lines:
        start = GAP.join(cell.ljust(size) for cell, size in zip(line, columns, strict=False))
        parts = textwrap.wrap(line[-1], room) or [""]
        text.append((start + GAP + parts[0] if columns else parts[0]).rstrip())
        text += [" " * left + part for part in parts[1:]]
    return "\n".join(text)
