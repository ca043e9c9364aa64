"""Tables in three formats: read back, escaped, marked and harmless."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pedseg.report.tables import NOTHING, Cell, Table, to_csv, to_latex, to_markdown

TABLE = Table(
    "Dice & more",
    ("Method", "Dice (%) ↑", "p"),
    (
        (Cell("att_unet"), Cell("93.8 ± 1.2", "best"), Cell("0.03", "p05")),
        (Cell("50 % | a*b"), Cell("91.0 ± 2.1", "second"), Cell("1.5e-15", "p01")),
        (Cell("c"), Cell("86.2 +10.8/-6.0"), Cell(NOTHING)),
        (Cell("d"), Cell("2", "changed"), Cell("0.210")),
    ),
    ("p < 0.05 is marked *.",),
)
HOSTILE = ("=cmd()", "+cmd", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1+1", "\r\n=1", "\uff1d1+1", "-2+3")


def test_markdown_as_a_reader_sees_it() -> None:
    assert to_markdown(TABLE) == (
        "**Dice & more**\n\n"
        "| Method       |        Dice (%) ↑ |                p |\n"
        "| ------------ | ----------------: | ---------------: |\n"
        "| att_unet     |    **93.8 ± 1.2** |      **0.03** \\* |\n"
        "| 50 % \\| a\\*b | <u>91.0 ± 2.1</u> | **1.5e-15** \\*\\* |\n"
        "| c            |   86.2 +10.8/-6.0 |                \u2013 |\n"
        "| d            |             **2** |            0.210 |\n\n"
        "- p < 0.05 is marked \\*.\n"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a_b", "a_b"), ("_a_", "\\_a\\_"), ("<script>", "\\<script>"), ("p < 1", "p < 1"), ("[x](y)", "\\[x\\](y)"),
     ("&lt;", "\\&lt;"), ("a\nb", "a b"), ("`x`", "\\`x\\`"), ("a\\", "a\\\\")],
)  # fmt: skip
def test_markdown_shows_a_text_as_it_is(text: str, shown: str) -> None:
    assert f"| {shown} " in to_markdown(Table("t", ("x",), ((Cell(text),),)))


def test_csv_is_plain_and_empty_where_nothing_is() -> None:
    head, *rows = csv.reader(io.StringIO(to_csv(TABLE)))
    assert head == ["Method", "Dice (%) ↑", "p"]
    assert rows[0] == ["att_unet", "93.8 ± 1.2", "0.03"]
    assert rows[2] == ["c", "86.2 +10.8/-6.0", ""]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    rows = list(csv.reader(io.StringIO(to_csv(Table("t", (text,), ((Cell(text),),))))))
    assert rows == [[f"'{text.strip()}"], [f"'{text.strip()}"]]


@pytest.mark.parametrize("text", ["-1.5", "+0.2", "-3e-5", "a=b", "1-2", "-6.44 to -6.36"])
def test_numbers_and_plain_texts_stay(text: str) -> None:
    assert to_csv(Table("t", ("x",), ((Cell(text),),))) == f"x\n{text}\n"


def test_latex_as_it_is_typeset() -> None:
    lines = to_latex(TABLE).splitlines()
    assert lines[2:4] == [r"\caption{Dice \& more}", r"\begin{tabular}{lrr}"]
    assert lines[5] == r"Method & Dice (\%) $\uparrow$ & p \\"
    assert lines[7:11] == [
        r"att\_unet & \textbf{93.8 $\pm$ 1.2} & \textbf{0.03}* \\",
        r"50 \% $|$ a{*}b & \underline{91.0 $\pm$ 2.1} & \textbf{1.5$\times$10$^{-15}$}** \\",
        r"c & 86.2$^{+10.8}_{-6.0}$ & -- \\",
        r"d & \textbf{2} & 0.210 \\",
    ]


@pytest.mark.parametrize(
    ("text", "typeset"),
    [("< 1e-300", "$<$ 10$^{-300}$"), ("1.2e+5", r"1.2$\times$10$^{5}$"), ("-4.3", "$-$4.3"), ("a-3", "a-3"),
     (r"\input{x}", r"\textbackslash{}input\{x\}"), ("~^#$&_", r"\textasciitilde{}\textasciicircum{}\#\$\&\_")],
)  # fmt: skip
def test_latex_escapes(text: str, typeset: str) -> None:
    assert f"\n{typeset} \\\\\n" in to_latex(Table("t", ("x",), ((Cell(text),),)))


def test_every_special_letter_is_escaped_and_every_brace_closed() -> None:
    nasty = "".join(map(chr, range(32, 127))) + f"±↑↓τ≤≥²{NOTHING}"
    text = to_latex(Table(nasty, (nasty,), ((Cell(nasty, "best"), ),), (nasty,)))  # fmt: skip
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert re.findall(r"(?<!\\)[%#]", text) == []
    assert text.isascii()


@pytest.mark.skipif(not (shutil.which("pdflatex") or shutil.which("tectonic")), reason="no LaTeX here")
def test_latex_compiles_without_packages(tmp_path: Path) -> None:
    names = tuple(Cell(text, "second") for text in (*HOSTILE[:3], "".join(map(chr, range(32, 127))), "*[x]"))
    tables = (TABLE, Table("h", ("x",), tuple((cell,) for cell in names)))
    body = "".join(map(to_latex, tables))
    path = tmp_path / "t.tex"
    path.write_text(f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\\end{{document}}\n", "utf-8")
    program = shutil.which("pdflatex") or shutil.which("tectonic")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if str(program).endswith("pdflatex") else []
    order = [str(program), *options, path.name]
    done = subprocess.run(order, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_an_empty_table_and_an_uneven_one() -> None:
    empty = Table("t", ("a", "b"), ())
    assert to_markdown(empty) == "**t**\n\n| a   | b   |\n| --- | --- |\n"
    assert to_csv(empty) == "a,b\n"
    assert r"\begin{tabular}{ll}" in to_latex(empty)
    with pytest.raises(ValueError, match="2 columns, got a row of 1"):
        Table("t", ("a", "b"), ((Cell("x"),),))
