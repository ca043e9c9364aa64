"""One file that needs nothing beside it, holds no one else's markup, and is read by everyone."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from pedseg.cli import DISCLAIMER
from pedseg.errors import OutputError
from pedseg.report.page import (
    Bullets,
    Details,
    Frame,
    Key,
    Page,
    Panel,
    Picture,
    Section,
    TableBlock,
    Text,
    Viewer,
    data_uri,
    write_page,
)
from pedseg.report.tables import Cell, Table

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>\'</style></title>'
VOID = {"meta", "link", "img", "input", "br", "hr"}


def png(value: int = 0, size: tuple[int, int] = (8, 6)) -> bytes:
    held = io.BytesIO()
    Image.new("L", size, value).save(held, "PNG")
    return held.getvalue()


def frame(i: int, name: str = "slice") -> Frame:
    return Frame(f"{name} {i}", png(i), png(10 + i), png(20 + i))


def page(word: str = "knee_000") -> Page:
    """Every block there is, all words alike."""
    marks = ("", "best", "second", "p05", "p01", "changed")
    table = Table(word, (word, *(["12.3"] * 5)), (tuple(Cell(word, m) for m in marks),), (word,))
    still = Viewer(word, (Panel("axial", "RLAP", (8, 6), (frame(0, word),)),), (Key(word, "#ff0000", outline=True),))
    slider = Viewer(word, (Panel("axial", "RLAP", (8, 6), tuple(frame(i, word) for i in range(3)), 1),))
    inner = Section(word, (Text(word), Bullets((word,), word, "warning"), still), hint=word, new_sheet=True)
    blocks = (inner, TableBlock(table), Picture(png(), word, word), Details(word, (slider,)), inner)
    return Page(word, (Section(word, blocks, listed=True), Section("second", (Text(word, "lead"),))), word)


class Outline(HTMLParser):
    """Tags with their attributes; fails where one is not closed or closed twice."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def written(word: str, tmp_path: Path) -> tuple[str, Outline]:
    path = tmp_path / "deep" / "report.html"
    write_page(page(word), path)
    text = path.read_text("utf-8")
    return text, Outline(text)


def test_tags_are_closed_and_names_given_once(tmp_path: Path) -> None:
    _, outline = written("knee_000", tmp_path)
    names = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(names) == len(set(names))
    targets = [a["href"][1:] for a in outline.all("a")]
    assert set(targets) <= set(names)
    assert {"s1", "s2", "s1-1", "s1-2"} <= set(targets)
    assert all(words.split()[0] in names for _, a in outline.tags if (words := a.get("aria-labelledby")))


def test_words_are_shown_and_never_become_markup(tmp_path: Path) -> None:
    _, plain = written("knee_000", tmp_path)
    text, outline = written(EVIL, tmp_path)
    assert [tag for tag, _ in outline.tags] == [tag for tag, _ in plain.tags]
    assert [sorted(a) for _, a in outline.tags] == [sorted(a) for _, a in plain.tags]
    assert "<script>alert" not in text
    assert "onerror=alert(2)>" not in text.replace("&gt;", "")
    assert ("h1", EVIL) in outline.texts
    assert any(a.get("alt") == f"{EVIL}, axial {EVIL} 0" for a in outline.all("img"))


def test_nothing_is_fetched_and_nothing_else_may_run(tmp_path: Path) -> None:
    text, outline = written("knee_000", tmp_path)
    addresses = [a[key] for _, a in outline.tags for key in ("src", "href", "srcset", "action") if key in a]
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not any(name.startswith("on") or name == "style" for _, a in outline.tags for name in a)
    assert not re.search(r"https?://|@import|url\(", text)
    (policy,) = (a["content"] for a in outline.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules["script-src"] == hashed("".join(d for tag, d in outline.texts if tag == "script" and "strict" in d))
    assert rules["style-src"] == hashed("".join(d for tag, d in outline.texts if tag == "style"))
    assert [a.get("type") for a in outline.all("script")] == ["application/json", None]


def hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_a_slider_has_its_frames_a_name_and_starts_where_it_is_told(tmp_path: Path) -> None:
    _, outline = written("knee", tmp_path)
    (slider,) = (a for a in outline.all("input") if a["type"] == "range")
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "2", "1")
    assert slider["aria-label"] == "knee: axial slice"
    assert slider["aria-valuetext"] == "knee 1"
    frames = json.loads(next(data for tag, data in outline.texts if tag == "script" and data.startswith("[[")))
    assert frames == [[f"knee {i}", data_uri(png(i)), data_uri(png(10 + i)), data_uri(png(20 + i))] for i in range(3)]
    sources = [a["src"] for a in outline.all("img")]
    assert data_uri(png(1)) in sources
    assert data_uri(png(2)) not in sources


def test_marked_cells_are_told_apart_without_colour(tmp_path: Path) -> None:
    text, _ = written("x", tmp_path)
    bold = "<strong>x</strong>"
    cells = re.findall(r"<td>(.*?)</td>", text)
    assert cells == [bold, "<u>x</u>", f"{bold}<sup>*</sup>", f"{bold}<sup>**</sup>", bold]
    assert "<li>x</li>" in text[text.index('class="notes"') :]


def test_an_interval_stands_above_and_below(tmp_path: Path) -> None:
    table = Table("t", ("a", "b"), ((Cell("x"), Cell("86.2 +10.8/-6.0", "best")),))
    write_page(Page("t", (Section("s", (TableBlock(table),)),)), tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text("utf-8")
    band = '<span class="band"><span>+10.8</span> <span>-6.0</span></span>'
    assert f'<td class="number"><strong>86.2{band}</strong></td>' in text


@pytest.mark.parametrize(
    ("texts", "right"),
    [(["94.3 ± 1.2", "5"], True), (["\u2013", "< 0.001"], True), (["-3.2", "12 %", "1e-5"], True),
     (["94.3", "knee_000"], False), (["86.2 +10.8/-6.0", "\u2013"], True), (["3D"], False)],
)  # fmt: skip
def test_columns_of_figures_stand_to_the_right(tmp_path: Path, texts: list[str], right: bool) -> None:
    rows = tuple((Cell(str(i)), Cell(text)) for i, text in enumerate(texts))
    write_page(Page("t", (Section("s", (TableBlock(Table("t", ("a", "b"), rows)),)),)), tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text("utf-8")
    assert ('<th scope="col" class="number">b</th>' in text) is right
    assert '<th scope="col">a</th>' in text


def test_every_picture_has_words_for_those_who_do_not_see_it(tmp_path: Path) -> None:
    text, outline = written("knee_000", tmp_path)
    assert all("alt" in a for a in outline.all("img"))
    assert sum(a["alt"] != "" for a in outline.all("img")) == 4
    assert text.count(DISCLAIMER) >= 3  # at the top, at the end, and on every printed page
    assert outline.all("html") == [{"lang": "en"}]


def test_the_same_page_gives_the_same_bytes_and_takes_the_place_of_the_last(tmp_path: Path) -> None:
    for name in ("a.html", "b.html", "a.html"):
        write_page(page(), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_a_page_that_cannot_be_made_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("before")
    broken = Page("t", (Section("s", (Picture(b"GIF89a", "no"),)),))
    with pytest.raises(ValueError, match="must be PNG, JPEG or SVG, got b'GIF89a'"):
        write_page(broken, path)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_page(page(), tmp_path / "file" / "r.html")


def test_only_details_that_are_all_sliders_stay_off_paper() -> None:
    still = Viewer("x", (Panel("axial", "RLAP", (8, 6), (frame(0),)),))
    slider = Viewer("x", (Panel("axial", "RLAP", (8, 6), (frame(0), frame(1))),))
    assert slider.moves
    assert not still.moves
    assert not Details("x", (slider,)).printed
    assert Details("x", (slider, Text("y"))).printed
    assert Details("x", (still,)).printed
