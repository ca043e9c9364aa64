"""What the ablation benchmark says of its results."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.ablation import METHODS, Result, report, unparted
from pedseg.evaluation.representation import CosineTable


def result(within: float, between: float) -> Result:
    mean = np.full((3, 3), between) + (within - between) * np.eye(3)
    cosines = CosineTable(mean, np.zeros((3, 3)))
    return Result((0.9, 0.8, 0.7), cosines, {"ce": 0.5}, {"knee": 0.6}, seconds=12)


def test_it_holds_every_step_of_the_papers() -> None:
    assert [(m.scheme, m.objective) for m in METHODS] == [
        ("individual", "ce"), ("shared", "ce"), ("dsl", "ce"), ("dsl", "msc"), ("dsl", "msc+mjap"), ("dsl", "msc+mjap")
    ]  # fmt: skip
    assert [m.reduction for m in METHODS[-2:]] == ["mean", "sum"]


@pytest.mark.parametrize(
    ("without", "with_it", "faults"),
    [
        ((0.8, 0.79), (1.0, 0.3), []),
        ((0.8, 0.79), (0.85, 0.3), ["within a joint are 0.85"]),
        ((0.8, 0.79), (1.0, 0.55), ["between joints are 0.55"]),
        ((0.8, 0.4), (1.0, 0.3), ["between joints fall from 0.40"]),
    ],
)
def test_what_contrast_did_not_reach_is_said(
    without: tuple[float, float], with_it: tuple[float, float], faults: list[str]
) -> None:
    said = unparted({"dsl": result(*without), "dsl_msc": result(*with_it)})
    assert len(said) == len(faults)
    assert all(text in line for text, line in zip(faults, said, strict=True))


def test_the_table_has_a_row_a_method_with_its_mean_and_cosines(capsys: pytest.CaptureFixture[str]) -> None:
    report({"dsl": result(0.8, 0.79)})
    out = capsys.readouterr().out
    (row, gradients) = [line for line in out.splitlines() if line.startswith("dsl")]
    assert row.split() == ["dsl", "0.900", "0.800", "0.700", "0.800", "0.80", "±", "0.00", "0.79", "±", "0.00", "12"]
    assert "ce 0.5" in gradients
    assert "masks reconstructed: knee 0.600" in out
