"""Scores of exams as a tidy table: one row an exam, a structure and a metric."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pedseg.errors import InputError
from pedseg.workspace import write_text

UNION = "all"
"""The structure that stands for the union of an exam's bones (D)."""
MEAN = "mean"
"""In tables: the mean over an exam's bones (A, B, C). Never a row of scores.csv, for it follows from the others."""
COLUMNS = ("exam", "domain", "structure", "metric", "value", "unit")
SLICE_COLUMNS = ("exam", "domain", "structure", "slice", "metric", "value")
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a text for a formula; East Asian programs take the wide forms too."""
_RISKY = re.compile(rf"'*[\t\r{re.escape(''.join(FORMULA))}]")


@dataclass(frozen=True)
class Score:
    """One value of one structure of one exam.

    Args:
        exam: name, unique in its domain.
        domain: such as `knee`.
        structure: of the domain, or `all`.
        metric: such as `dice` or `assd_mm`; ratios are fractions.
        value: NaN where there is no answer (see `metrics`).
    """

    exam: str
    domain: str
    structure: str
    metric: str
    value: float

    @property
    def unit(self) -> str:
        """`mm`, `ml` or `fraction`."""
        return unit_of(self.metric)


@dataclass(frozen=True)
class SliceScore:
    """One value of one structure in one slice.

    Args:
        exam, domain, structure, metric, value: as in `Score`.
        slice: index along the exam's slicing axis.
    """

    exam: str
    domain: str
    structure: str
    slice: int
    metric: str
    value: float


@dataclass(frozen=True)
class Method:
    """Scores of one way to segment, such as a run or a folder of another tool's masks.

    Args:
        name: as tables call it.
        scores: in 3D.
        slices: in 2D, of slices where the reference holds a structure; may be empty.
    """

    name: str
    scores: tuple[Score, ...]
    slices: tuple[SliceScore, ...] = ()

    @property
    def domains(self) -> tuple[str, ...]:
        """In the order of the scores."""
        return tuple(dict.fromkeys(s.domain for s in self.scores))


def unit_of(metric: str) -> str:
    """`mm`, `ml` or `fraction`: distances and volumes end in their unit."""
    return next((unit for unit in ("mm", "ml") if metric.endswith(f"_{unit}")), "fraction")


def is_number(text: str) -> bool:
    """Whether a cell is a number as it stands."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_scores(scores: Iterable[Score], path: Path) -> None:
    """Write `scores.csv`; an empty value means that there is no answer.

    A name that a spreadsheet would run gets an apostrophe in front, here and in `slices.csv`; reading takes it away.
    """
    rows = ((s.exam, s.domain, s.structure, s.metric, _told(s.value), s.unit) for s in scores)
    write_text(path, _table(COLUMNS, rows))


def write_slice_scores(scores: Iterable[SliceScore], path: Path) -> None:
    """Write `slices.csv`."""
    rows = ((s.exam, s.domain, s.structure, s.slice, s.metric, _told(s.value)) for s in scores)
    write_text(path, _table(SLICE_COLUMNS, rows))


def read_scores(path: Path) -> tuple[Score, ...]:
    """Read `scores.csv`.

    Raises:
        InputError: PS-A121 not such a table.
    """
    return tuple(Score(r[0], r[1], r[2], r[3], _value(r[4], path)) for r in _rows(path, COLUMNS))


def read_slice_scores(path: Path) -> tuple[SliceScore, ...]:
    """Read `slices.csv`.

    Raises:
        InputError: PS-A121 not such a table.
    """
    rows = _rows(path, SLICE_COLUMNS)
    return tuple(SliceScore(r[0], r[1], r[2], int(_value(r[3], path)), r[4], _value(r[5], path)) for r in rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_harmless(str(cell)) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if _RISKY.match(text) and not is_number(text) else text


def _as_named(text: str) -> str:
    return text[1:] if text.startswith("'") and _RISKY.match(text) else text


def _told(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _rows(path: Path, columns: Sequence[str]) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            first, *rows = list(csv.reader(stream))
    except (OSError, ValueError) as error:
        raise InputError("PS-A121", f"{path.name} is not a table of scores: run pedseg_evaluate again") from error
    if tuple(first) != tuple(columns) or any(len(row) != len(columns) for row in rows):
        raise InputError("PS-A121", f"{path.name}: wanted columns {', '.join(columns)}, got {', '.join(first)[:200]}")
    return [[_as_named(cell) for cell in row] for row in rows]


def _value(text: str, path: Path) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError as error:
        raise InputError("PS-A121", f"{path.name}: {text[:20]!r} is not a number: run pedseg_evaluate again") from error
