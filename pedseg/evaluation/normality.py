"""Whether 2D scores are distributed normally (B section 3.4, D section S1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedseg.evaluation.gather import Quantity, by_name, quantities
from pedseg.evaluation.scores import MEAN, UNION, Method

FEWEST = 20
"""Values below which the test's approximation of the kurtosis does not hold (scipy.stats.kurtosistest)."""


@dataclass(frozen=True)
class Normality:
    """D'Agostino and Pearson's test of one method's 2D scores.

    Args:
        domain, structure, metric, method: as in `SliceSummary`.
        n: slices with an answer.
        statistic: skew and kurtosis together; NaN where the test cannot be made.
        p: of scores at least as far from normal, were they normal; NaN likewise.
        skewness: third standardised moment, 0 of a normal distribution; NaN likewise.
        kurtosis: fourth standardised moment less 3, 0 of a normal distribution; NaN likewise.
    """

    domain: str
    structure: str
    metric: str
    method: str
    n: int
    statistic: float = float("nan")
    p: float = float("nan")
    skewness: float = float("nan")
    kurtosis: float = float("nan")

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.n < FEWEST:
            return "too few"
        if np.isnan(self.p):
            return "all equal"
        return "not normal" if self.p < 0.05 else "not refuted"


def normality(methods: Sequence[Method]) -> tuple[Normality, ...]:
    """The test for every method, domain and metric of `mean` and `all`; of several domains also put together.

    Raises:
        ValueError: two methods of one name, or two values for one slice.
    """
    gathered = by_name(methods, slices=True)
    wanted = [q for q in quantities(gathered) if q.structure in {MEAN, UNION}]
    return tuple(
        _tested(quantity, name, np.array([v for v in values[quantity].values() if not np.isnan(v)]))
        for quantity in wanted
        for name, values in gathered.items()
        if quantity in values
    )


def _tested(quantity: Quantity, name: str, known: NDArray[np.float64]) -> Normality:
    from scipy.stats import kurtosis, normaltest, skew

    if len(known) < FEWEST or np.ptp(known) == 0:
        return Normality(*quantity, name, len(known))
    found = normaltest(known)
    shape = (float(skew(known)), float(kurtosis(known)))
    return Normality(*quantity, name, len(known), float(found.statistic), float(found.pvalue), *shape)
