"""D'Agostino and Pearson's test, and where it cannot be made."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pedseg.evaluation.normality import normality
from pedseg.evaluation.scores import UNION, Method, SliceScore


def method(values: list[float]) -> Method:
    return Method("a", (), tuple(SliceScore("e", "knee", UNION, k, "dice", v) for k, v in enumerate(values)))


def test_skewed_scores_are_not_normal() -> None:
    values = list(np.random.default_rng(0).beta(9, 1, 300))
    (row,) = normality([method(values)])
    assert row.verdict == "not normal"
    # The statistic is skew's and kurtosis' z, squared and added; chi-squared with two degrees of freedom.
    squared = stats.skewtest(values).statistic ** 2 + stats.kurtosistest(values).statistic ** 2
    assert row.statistic == pytest.approx(squared)
    assert row.p == pytest.approx(math.exp(-squared / 2))
    z = (np.array(values) - np.mean(values)) / np.std(values)
    assert (row.skewness, row.kurtosis) == (pytest.approx(np.mean(z**3)), pytest.approx(np.mean(z**4) - 3))
    assert row.skewness < -1


def test_normal_scores_are_not_refuted() -> None:
    (row,) = normality([method(list(stats.norm.ppf(np.arange(1, 100) / 100)))])
    assert row.verdict == "not refuted"


@pytest.mark.parametrize(
    ("values", "verdict"), [([0.1 * k for k in range(19)], "too few"), ([0.5] * 30, "all equal"), ([], None)]
)
def test_where_the_test_cannot_be_made_it_says_so(values: list[float], verdict: str | None) -> None:
    rows = normality([method([*values, math.nan] if values else [])])
    assert [row.verdict for row in rows] == ([verdict] if verdict else [])
    assert all(math.isnan(row.p) and math.isnan(row.skewness) and row.n == len(values) for row in rows)
