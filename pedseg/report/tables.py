"""Tables of plain cells, written as Markdown, CSV or LaTeX."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from pedseg.evaluation.scores import FORMULA, is_number

NOTHING = "\u2013"
"""The text of a cell that has no value."""
STARS = {"p05": "*", "p01": "**"}
LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": r"$|$", '"': "''",
    "[": "{[}", "]": "{]}", "*": "{*}", "±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "τ": r"$\tau$",
    "≤": r"$\leq$", "≥": r"$\geq$", "²": "$^2$", "\u00d7": r"$\times$", "\u2212": "$-$", NOTHING: "--",
}  # fmt: skip
"""A bracket or a star at the start of a row would be taken for an option of the line before."""
_BAND = re.compile(r"^(-?[\d.]+) ([+-][\d.]+)/([+-][\d.]+)$")
_RANGE = re.compile(r"^[+-]?[\d.]+ to [+-]?[\d.]+$")
"""An interval, which no spreadsheet can work out."""
_POWER_OF_TEN = re.compile(r"^((?:[<>] )?)([\d.]+)e([+-]?)0*(\d+)$")


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        text: plain, on one line; `86.2 +10.8/-6.0` is a mean with the distances to the ends of an interval.
        mark: `best`, `second`, `p05`, `p01`, `changed` or nothing.
    """

    text: str
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table that any format can show.

    Args:
        title: of one line.
        columns: heads.
        rows: as many cells each as there are columns.
        notes: what a reader must know, below the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if wrong := [len(row) for row in self.rows if len(row) != len(self.columns)]:
            raise ValueError(f"{self.title}: {len(self.columns)} columns, got a row of {wrong[0]}")


def to_markdown(table: Table) -> str:
    """A title, a table and its notes: best in bold, second best underlined, p-values below 0.05 bold with stars."""
    shown = [[_markdown_cell(cell) for cell in row] for row in table.rows]
    head = [_markdown(name) for name in table.columns]
    widths = [max(len(text) for text in (column, "---", *below)) for column, *below in zip(head, *shown, strict=True)]
    right = [bool(table.rows) and all(is_value(row[i].text) for row in table.rows) for i in range(len(head))]
    rule = ["-" * (width - end) + ":" * end for width, end in zip(widths, right, strict=True)]
    lines = [_line(row, widths, right) for row in (head, *shown)]
    notes = [f"- {_markdown(note)}" for note in table.notes]
    parts = [f"**{_markdown(table.title)}**", "\n".join([lines[0], _line(rule, widths, right), *lines[1:]])]
    return "\n\n".join([*parts, "\n".join(notes)] if notes else parts) + "\n"


def to_csv(table: Table) -> str:
    """Heads and cells without marks, title and notes; a text that a spreadsheet would run gets an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_harmless(name) for name in table.columns])
    writer.writerows(["" if cell.text == NOTHING else _harmless(cell.text) for cell in row] for row in table.rows)
    return text.getvalue()


def to_latex(table: Table) -> str:
    """A `table` with a plain `tabular`, which needs no package; names in other than Latin letters need xelatex."""
    left = [not table.rows or not all(is_value(row[i].text) for row in table.rows) for i in range(len(table.columns))]
    rows = [" & ".join(_latex_cell(cell) for cell in row) + r" \\" for row in table.rows]
    notes = [rf"\par\smallskip\footnotesize {_latex(note)}" for note in table.notes]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_latex(table.title)}}}",
        rf"\begin{{tabular}}{{{''.join('l' if is_left else 'r' for is_left in left)}}}",
        r"\hline",
        " & ".join(_latex(name) for name in table.columns) + r" \\",
        r"\hline",
        *rows,
        r"\hline",
        r"\end{tabular}",
        *notes,
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def is_value(text: str) -> bool:
    """Whether a column of such cells stands right: numbers, intervals, p-values, or nothing."""
    return text in {NOTHING, ""} or bool(re.match(r"^(?:[<>] )?[+-]?\d[\d.,]*(?:e[+-]?\d+)?(?:$|[ (])", text))


def band_of(text: str) -> tuple[str, str, str] | None:
    """The mean and the distances to the ends of its interval, of a cell such as `86.2 +10.8/-6.0`."""
    found = _BAND.match(text)
    return (found[1], found[2], found[3]) if found else None


def _line(cells: list[str], widths: list[int], right: list[bool]) -> str:
    padded = [
        text.rjust(width) if end else text.ljust(width) for text, width, end in zip(cells, widths, right, strict=True)
    ]
    return f"| {' | '.join(padded)} |"


def _markdown_cell(cell: Cell) -> str:
    text = _markdown(cell.text)
    if cell.mark == "second":
        return f"<u>{text}</u>"
    stars = STARS.get(cell.mark, "").replace("*", r"\*")
    return f"**{text}**{f' {stars}' if stars else ''}" if cell.mark else text


def _markdown(text: str) -> str:
    """One line that means itself: an underscore inside a word does."""
    text = re.sub(r"([\\`*|\[\]])", r"\\\1", _one_line(text))
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    return re.sub(r"<(?=[\w/!?])|&(?=#?\w+;)", r"\\\g<0>", text)


def _latex_cell(cell: Cell) -> str:
    text = _latex(cell.text)
    if cell.mark == "second":
        return rf"\underline{{{text}}}"
    return rf"\textbf{{{text}}}{STARS.get(cell.mark, '')}" if cell.mark else text


def _latex(text: str) -> str:
    """Special characters escaped; an interval as indices, `1.2e-4` as a power of ten."""
    text = _one_line(text)
    if band := band_of(text):
        return f"{band[0]}$^{{{band[1]}}}_{{{band[2]}}}$"
    if power := _POWER_OF_TEN.match(text):
        factor = rf"{power[2]}$\times$" if power[2] != "1" else ""
        return f"{_escaped(power[1])}{factor}10$^{{{power[3].replace('+', '')}{power[4]}}}$"
    return _escaped(text)


def _escaped(text: str) -> str:
    escaped = "".join(LATEX.get(letter, letter) for letter in text)
    return re.sub(r"(?<![\w-])-(?=\d)", "$-$", escaped)


def _harmless(text: str) -> str:
    text = _one_line(text)
    return f"'{text}" if text.startswith(FORMULA) and not (is_number(text) or _RANGE.match(text)) else text


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())
