"""What hostile names and texts become in everything that a command prints or writes."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hostile_files import ESCAPES, preamble, with_values
from masks import boxes, write_masks

from pedseg.errors import harmless
from pedseg.workspace import NAME
from pedseg_evaluate.__main__ import main as evaluate
from pedseg_predict.__main__ import main as predict

FORMULAS = ("=1+1", "+1-1", "@SUM(A1)", "\uff1d1+1")
MARKUP = ("<img src=x onerror=alert(1)>", "\"><svg onload=alert(2)>", "{{7*7}}")
TURNED = "gnp\u202etest"
RISKY = re.compile("\\s*[-=+@\t\r\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e-?\d+)?( to .*)?$")


def everything(folder: Path) -> Iterator[bytes]:
    """Names and contents of files, gzip opened."""
    for path in folder.rglob("*"):
        yield path.name.encode()
        if path.is_file():
            data = path.read_bytes()
            yield data
            if path.suffix == ".gz":
                yield gzip.decompress(data)


def test_no_output_carries_the_preamble_or_steers_a_terminal(
    tiny_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in"
    for name, build in (
        ("=cmd|' /C calc'!A0".replace("/", ""), preamble(b"MZ\x90\0")),
        (f"x{ESCAPES}", with_values("Manufacturer", "PatientName", "BodyPartExamined", "StudyID", name=ESCAPES)),
        ("broken", with_values("ImagePositionPatient", name=ESCAPES)),
    ):
        (source / name).mkdir(parents=True)
        build(source / name)
    out = tmp_path / "out"
    flags = ["-m", str(tiny_run), "-d", "knee", "--device", "cpu", "--each"]
    assert predict(["-i", str(source), "-o", str(out), *flags]) == 7
    said = capfd.readouterr()
    assert harmless(said.out + said.err) == said.out + said.err
    assert "begin like a program" in said.err
    written = [path for path in out.iterdir() if path.is_dir()]
    assert len(written) == 2
    assert all(NAME.match(path.name) for path in out.iterdir())
    for data in everything(out):
        assert b"HOSTILE PREAMBLE" not in data
        assert b"\x1b[2J" not in data
        assert b"\x1b]0;" not in data


class Tags(HTMLParser):
    """Elements of a page with what they may run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods of hostile names on exams of hostile names."""
    root = tmp_path_factory.mktemp("names")
    exams = {name: boxes() for name in (*FORMULAS, *MARKUP, "plain")}
    moved = {name: boxes(shift=1) for name in exams}
    truth = write_masks(root / "truth", **exams)
    methods = [write_masks(root / name, **masks) for name, masks in (("=1+1", exams), (MARKUP[0], moved))]
    flags = ["--predictions", *map(str, methods), "--references", str(truth)]
    assert evaluate([*flags, "-d", "ankle", "-o", str(root / "out"), "-j", "1", "--no-pictures"]) == 0
    return root / "out"


def test_no_table_holds_a_formula(evaluated: Path) -> None:
    tables = sorted(evaluated.rglob("*.csv"))
    assert {path.name for path in tables} >= {"scores.csv", "slices.csv"}
    cells = 0
    for path in tables:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.reader(stream):
                cells += len(row)
                assert [cell for cell in row if RISKY.match(cell) and not NUMBER.match(cell)] == [], path.name
    assert cells > 500


def test_the_formulas_are_there_as_text(evaluated: Path) -> None:
    """Neutralised, not dropped."""
    text = next(evaluated.rglob("scores.csv")).read_text("utf-8")
    assert all(f"'{name}" in text for name in FORMULAS)


def test_no_markup_of_a_name_is_an_element(evaluated: Path) -> None:
    page = (evaluated / "report.html").read_text("utf-8")
    tags = Tags()
    tags.feed(page)
    assert [a for _, a in tags.found if any(name.startswith("on") for name in a)] == []
    assert [a for tag, a in tags.found if tag == "img" and not str(a.get("src", "")).startswith("data:image/")] == []
    assert "49" not in re.findall(r">\s*(49)\s*<", page)  # no template was worked out
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_name_with_control_characters_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    names = (f"a{ESCAPES}", "\t=1+1", "a\n=1+1", TURNED)
    masks = write_masks(tmp_path / "ours", plain=boxes(), **{name: boxes() for name in names})
    out = tmp_path / "out"
    assert evaluate(["--predictions", str(masks), "-d", "ankle", "-o", str(out), "-j", "1", "--no-pictures"]) == 7
    said = capfd.readouterr()
    assert harmless(said.out + said.err) == said.out + said.err
    assert said.err.count("PS-A99") == len(names)
    rows = (out / "scores.csv").read_text("utf-8").splitlines()[1:]
    assert {row.partition(",")[0] for row in rows} == {"plain"}
