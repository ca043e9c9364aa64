"""What a number of exams can show at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pedseg.evaluation.gather import POOLED, higher_is_better
from pedseg.evaluation.scores import Method

LEVEL, POWER = 0.05, 0.80
EFFICIENCY = 3 / math.pi
"""Of the signed-rank test beside the paired t-test, for many normal differences (Hodges and Lehmann 1956)."""
COUNTED = {
    6: 1.79, 7: 1.33, 8: 1.25, 9: 1.15, 10: 1.02, 11: 0.99, 12: 0.94, 13: 0.87,
    14: 0.83, 15: 0.80, 16: 0.78, 17: 0.75, 18: 0.72, 19: 0.69, 20: 0.68,
}  # fmt: skip
"""Standardised differences found with 80 % power by the exact test: 10^5 draws of normal differences each, for the
approximation promises up to a third too much below twenty exams. tests/evaluation/test_power.py draws them again."""


@dataclass(frozen=True)
class Power:
    """What a two-sided Wilcoxon signed-rank test can find at p < 0.05.

    Args:
        domain: such as `knee`, or `all domains`.
        n: exams where every method has an answer that is compared.
    """

    domain: str
    n: int

    @property
    def smallest_p(self) -> float:
        """2 / 2^n: every difference has one sign."""
        return min(1.0, 2.0 ** (1 - self.n))

    @property
    def enough(self) -> bool:
        """Whether any difference could reach p < 0.05."""
        return self.smallest_p < LEVEL

    @property
    def detectable(self) -> float:
        """Smallest paired difference found with 80 % power, in its standard deviations; NaN where none is.

        Counted up to 20 exams; then (z_0.975 + z_0.8) / sqrt(n 3 / pi): what the paired t-test finds, in its normal
        approximation, with as many exams as the signed-rank test is worth.
        """
        from scipy.special import ndtri

        if not self.enough:
            return float("nan")
        if self.n in COUNTED:
            return COUNTED[self.n]
        return float((ndtri(1 - LEVEL / 2) + ndtri(POWER)) / math.sqrt(self.n * EFFICIENCY))

    @property
    def sentence(self) -> str:
        """For a reader."""
        exams = "1 exam" if self.n == 1 else f"{self.n} exams"
        if not self.enough:
            return (
                f"n = {exams}: no difference, however large, can reach p < {LEVEL:g} "
                f"(smallest possible p {short_p(self.smallest_p)})"
            )
        return (
            f"n = {exams}: a mean difference of {self.detectable:.2f} standard deviations of the paired differences is "
            f"found with {100 * POWER:g} % power at p < {LEVEL:g}; a smaller one may be missed "
            f"(smallest possible p {short_p(self.smallest_p)})"
        )


def powers(methods: Sequence[Method]) -> tuple[Power, ...]:
    """Per domain, and with several domains put together."""
    shared = [dict.fromkeys(_compared(m)) for m in methods]
    common = [exam for exam in shared[0] if all(exam in other for other in shared)] if shared else []
    domains = dict.fromkeys(domain for m in methods for domain in m.domains)
    rows = tuple(Power(name, sum(domain == name for domain, _ in common)) for name in domains)
    return (*rows, Power(POOLED, len(common))) if len(rows) > 1 else rows


def short_p(p: float) -> str:
    """Such as 0.0625 or 3.1e-5."""
    return f"{p:.3g}" if p >= 0.001 else f"{p:.1e}".replace("e-0", "e-")


def _compared(method: Method) -> Iterator[tuple[str, str]]:
    """Domain and exam of every answer that a test can use."""
    for score in method.scores:
        if higher_is_better(score.metric) is not None and not math.isnan(score.value):
            yield score.domain, score.exam
