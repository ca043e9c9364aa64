"""Plots hold what they are given."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from pedseg.domains import load_domains
from pedseg.evaluation.scores import UNION, Method, Score
from pedseg.report.canvas import OKABE_ITO
from pedseg.report.plots import MARKERS, box_plot, short, spider_plot, training_plot

(SHOULDER,) = load_domains(["shoulder"])


def method(name: str, values: Mapping[str, list[float]], metric: str = "dice") -> Method:
    rows = [
        Score(f"e{i}", "shoulder", bone, metric, v) for bone, listed in values.items() for i, v in enumerate(listed)
    ]
    return Method(name, (*rows, Score("e0", "knee", "patella", metric, 0.1)))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What is drawn: kind, then the values."""
    told: list[tuple[str, Any]] = []

    def listen(kind: str, take: Any) -> None:
        inner = getattr(Axes, kind)

        def outer(self: Axes, *places: Any, **names: Any) -> Any:
            told.append((kind, take(*places, **names)))
            return inner(self, *places, **names)

        monkeypatch.setattr(Axes, kind, outer)

    listen("scatter", lambda x, y, **kw: (np.round(x, 6).tolist(), np.round(y, 6).tolist(), kw["marker"], kw["color"]))
    listen("boxplot", lambda values, **_: np.round(values[0], 6).tolist())
    listen("hlines", lambda y, *_, **__: round(float(y), 6))
    return told


def test_exams_are_points_and_a_box_from_five_on(calls: list[tuple[str, Any]]) -> None:
    nan = math.nan
    box_plot([method("a", {"humerus": [0.9, 0.5, 0.7, 0.8, 0.6, nan], "scapula": [0.4, 0.6, nan]})], SHOULDER)
    assert [kind for kind, _ in calls] == ["boxplot", "scatter", "hlines", "scatter"]
    assert calls[0][1] == [50, 60, 70, 80, 90]
    assert calls[1][1][1] == [50, 60, 70, 80, 90]
    assert calls[1][1][2:] == ("o", "#d11ec2")
    assert all(abs(x - 0) < 0.4 for x in calls[1][1][0])
    assert calls[2][1] == 50
    assert calls[3][1][1] == [40, 60]
    assert all(abs(x - 1) < 0.4 for x in calls[3][1][0])


def test_methods_stand_side_by_side_and_differ_in_colour_and_shape(calls: list[tuple[str, Any]]) -> None:
    one, two = method("a", {UNION: [1.0, 2.0]}, "assd_mm"), method("b", {UNION: [3.0]}, "assd_mm")
    svg = box_plot([one, two], SHOULDER, metrics=("dice", "assd_mm"))
    (x_one, y_one, *look_one), (x_two, y_two, *look_two) = (value for kind, value in calls if kind == "scatter")
    assert (y_one, y_two) == ([1.0, 2.0], [3.0])  # millimetres as they are; no panel for Dice, which nobody has
    assert max(x_one) < min(x_two)
    assert all(a != b for a, b in zip(look_one, look_two, strict=True))
    assert svg.count(b'id="axes_') == 1


def test_a_union_alone_is_drawn_once(calls: list[tuple[str, Any]]) -> None:
    box_plot([method("a", {UNION: [0.9, 0.8]})], SHOULDER.union)
    assert [value[1] for kind, value in calls if kind == "scatter"] == [[80, 90]]


def test_spider_plots_give_each_patient_a_radar_of_its_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[list[float], list[float]]] = []
    inner = Axes.plot

    def outer(self: Axes, x: Any, y: Any, *rest: Any, **names: Any) -> Any:
        drawn.append((np.degrees(x).round(3).tolist(), list(y)))
        return inner(self, x, y, *rest, **names)

    monkeypatch.setattr(Axes, "plot", outer)
    scores = {"dice": 80.0, "assd_mm": 50.0, "ravd": math.nan, "mssd_mm": 100.0}
    svg = spider_plot({"one": {"a": scores, "b": scores}, "two $x": {"b": scores}})
    assert drawn == [([0, 90, 180, 270, 0], [80, 50, 0, 100, 80])] * 3
    assert svg.count(b'id="axes_') == 2


@pytest.mark.parametrize("n", [1, 3])
def test_colours_of_methods_are_their_own_whoever_is_missing(n: int) -> None:
    """The second method keeps its colour in the radar of a patient that the first has not."""
    scores = {"dice": 80.0, "assd_mm": 50.0, "ravd": 20.0}
    patients = {f"p{i}": {"a": scores} for i in range(n)} | {"last": {"b": scores}}
    assert spider_plot(patients).count(b"d55e00") > 0


def test_training_curves_come_as_bytes() -> None:
    rows = [{"epoch": e, "loss": 1 / e, "dice": 0.3 * e, "seconds": 1.0} for e in (1, 2)]
    assert training_plot(rows).startswith(b"\x89PNG")
    assert training_plot(rows) == training_plot(rows) != training_plot(rows[:1])


def test_nothing_to_show_is_an_empty_picture() -> None:
    assert box_plot([method("a", {})], SHOULDER).startswith(b"<?xml")
    assert spider_plot({}).startswith(b"<?xml")


def test_long_names_lose_their_middle() -> None:
    assert short("knee_000") == "knee_000"
    assert short("a" * 20 + "b" * 20, 11) == "aaaaa…bbbbb"


def test_colours_are_hexadecimal_and_differ() -> None:
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in OKABE_ITO)
    assert len(set(OKABE_ITO)) == len(MARKERS) == 7
