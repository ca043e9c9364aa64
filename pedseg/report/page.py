"""A page as blocks of plain values, written as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from pedseg.cli import DISCLAIMER
from pedseg.report.tables import STARS, Table, band_of, is_value
from pedseg.workspace import write_text

if TYPE_CHECKING:
    from jinja2 import Environment

_MEDIA = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"<?xml": "image/svg+xml"}
"""First bytes of a picture -> what it is."""


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Args:
        text: plain.
        style: `lead` in larger type, `note` in smaller, `warning` in a box.
    """

    text: str
    style: Literal["", "lead", "note", "warning"] = ""


@dataclass(frozen=True)
class Bullets:
    """A list.

    Args:
        items: plain lines.
        title: above them.
        style: `warning` puts them in a box.
    """

    items: tuple[str, ...]
    title: str = ""
    style: Literal["", "warning"] = ""


@dataclass(frozen=True)
class TableBlock:
    """A table."""

    table: Table


@dataclass(frozen=True)
class Picture:
    """A picture.

    Args:
        data: PNG, JPEG or SVG.
        alt: what it shows, for those who cannot see it.
        caption: below it.
    """

    data: bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Frame:
    """A slice as layers of one size.

    Args:
        place: which slice, such as `slice 12 of 60`.
        image: grey values, without transparency.
        bones: what was segmented, transparent elsewhere.
        reference: its outline, transparent elsewhere; None where there is none.
    """

    place: str
    image: bytes
    bones: bytes
    reference: bytes | None = None


@dataclass(frozen=True)
class Panel:
    """Slices of one plane, all of one size.

    Args:
        plane: such as `sagittal`.
        edges: letters at the left, right, top and bottom, such as `APSI`.
        size: width and height, CSS pixels.
        frames: in order; several have a slider.
        start: the one shown first.
    """

    plane: str
    edges: str
    size: tuple[int, int]
    frames: tuple[Frame, ...]
    start: int = 0


@dataclass(frozen=True)
class Key:
    """A line of a legend: a name and its colour (`#rrggbb`), filled or as an outline."""

    name: str
    colour: str
    outline: bool = False


@dataclass(frozen=True)
class Viewer:
    """Slices in some planes, side by side.

    Args:
        name: what is shown, such as the exam.
        panels: one a plane.
        legend: what the colours mean.
    """

    name: str
    panels: tuple[Panel, ...]
    legend: tuple[Key, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether there is a slider: then nothing of it is printed."""
        return any(len(panel.frames) > 1 for panel in self.panels)


@dataclass(frozen=True)
class Details:
    """Blocks that open on demand; open on paper.

    Args:
        summary: the line that opens them.
        blocks: inside.
    """

    summary: str
    blocks: tuple[Block, ...]

    @property
    def printed(self) -> bool:
        """Whether it holds more than sliders."""
        return not all(isinstance(block, Viewer) and block.moves for block in self.blocks)


@dataclass(frozen=True)
class Section:
    """Blocks under a heading.

    Args:
        title: the heading.
        blocks: in order; sections among them lie a level lower.
        hint: a few words beside the title where it is listed.
        new_sheet: on paper it starts a new page.
        listed: its own sections are listed at its top.
    """

    title: str
    blocks: tuple[Block, ...]
    hint: str = ""
    new_sheet: bool = False
    listed: bool = False


Block: TypeAlias = Text | Bullets | TableBlock | Picture | Viewer | Details | Section


@dataclass(frozen=True)
class Page:
    """A page.

    Args:
        title: its name.
        sections: in order; the bar at the top leads to them.
        subtitle: below the title.
    """

    title: str
    sections: tuple[Section, ...]
    subtitle: str = ""


def write_page(page: Page, path: Path) -> None:
    """Write one HTML file, atomically: no network, no file beside it, the same bytes for the same page.

    Raises:
        ValueError: a picture that is neither PNG, JPEG nor SVG.
        OutputError: PS-A105, PS-A106 it cannot be written.
    """
    style, script = _inlined("page.css"), _inlined("page.js")
    parts = _environment().get_template("page.html").generate(
        page=page, style=style, script=script, policy=_policy(style, script), disclaimer=DISCLAIMER
    )
    write_text(path, "".join(parts))


def data_uri(data: bytes) -> str:
    """A picture as an address that holds it.

    Raises:
        ValueError: neither PNG, JPEG nor SVG.
    """
    media = next((media for start, media in _MEDIA.items() if data.startswith(start)), None)
    if media is None:
        raise ValueError(f"a picture must be PNG, JPEG or SVG, got {data[:8]!r}")
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


def _policy(style: str, script: str) -> str:
    """Content-Security-Policy: this style sheet, this script and pictures in the file; nothing else."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pedseg.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "data_uri": data_uri,
        "kind": lambda block: type(block).__name__,
        "frames": _frames,
        "figures": _figures,
        "band": band_of,
    }
    environment.globals["stars"] = STARS
    environment.tests["section"] = lambda block: isinstance(block, Section)
    return environment


def _inlined(name: str) -> str:
    """A file of ours that goes between tags as it is."""
    return _environment().get_template(name).render(disclaimer=DISCLAIMER)


def _frames(panel: Panel) -> str:
    """What the script reads: a place and the addresses of its layers, a frame."""
    from jinja2.utils import htmlsafe_json_dumps

    layers = ((f.place, f.image, f.bones, f.reference) for f in panel.frames)
    rows = [[place, *(data_uri(data) for data in pictures if data)] for place, *pictures in layers]
    return htmlsafe_json_dumps(rows)


def _figures(table: Table) -> list[bool]:
    """For each column, whether it holds figures only: those stand to the right."""
    return [i > 0 and all(is_value(row[i].text) for row in table.rows) for i in range(len(table.columns))]
