"""Where figures are drawn: no screen, no settings from outside, no date in the file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,
    "svg.hashsalt": "pedseg",
    "svg.fonttype": "path",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "font.size": 9,
    "legend.frameon": False,
    "patch.linewidth": 1.0,
}
"""Names of exams and methods are shown as they are: a dollar sign starts no formula."""


OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b5b5b")
"""Colours that the colour-blind tell apart too (Okabe and Ito), for methods and domains."""


def new_figure(width: float, height: float, *, dpi: int = 110) -> Figure:
    """An empty figure of a size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


@contextmanager
def plain_style() -> Iterator[None]:
    """The look of the report's plots; characters that the font lacks are drawn as boxes without a word."""
    from matplotlib import rc_context

    with rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from font")
        yield


def svg_of(figure: Figure) -> bytes:
    """The same bytes for the same figure."""
    held = io.BytesIO()
    figure.savefig(held, format="svg", metadata={"Date": None, "Creator": None})
    return held.getvalue()


def png_of(figure: Figure) -> bytes:
    """The same bytes for the same figure."""
    held = io.BytesIO()
    figure.savefig(held, format="png", metadata={"Software": None})
    return held.getvalue()
