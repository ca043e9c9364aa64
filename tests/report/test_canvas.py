"""Figures repeat byte for byte and take any name."""

from __future__ import annotations

import warnings

from matplotlib import rcParams

from pedseg.report.canvas import new_figure, plain_style, png_of, svg_of


def drawn(title: str) -> tuple[bytes, bytes]:
    with plain_style():
        figure = new_figure(2, 1)
        figure.subplots().set_title(title)
        return svg_of(figure), png_of(figure)


def test_the_same_figure_gives_the_same_bytes_without_a_date() -> None:
    svg, png = drawn("knee")
    assert drawn("knee") == (svg, png)
    assert drawn("hip") != (svg, png)
    assert svg.startswith(b"<?xml")
    assert b"dc:date" not in svg
    assert b"Matplotlib v" not in svg
    assert png.startswith(b"\x89PNG")
    assert b"Software" not in png


def test_no_name_is_a_formula_and_no_letter_stops_the_drawing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        formula, letters = drawn(r"$\undefined{"), drawn("膝関節")
    assert formula != letters != drawn("knee")


def test_settings_of_others_stay_as_they_are() -> None:
    before = dict(rcParams)
    drawn("knee")
    assert dict(rcParams) == before
