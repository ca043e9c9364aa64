"""Who is scanned: the facts of a synthetic child, drawn apart from what is made of them."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pedseg.errors import UsageError

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Cohort:
    """Who is in a domain's cohort (METHODS section 1).

    Args:
        ages: youngest and oldest, years.
        deformed: share of deformed joints.
    """

    ages: tuple[float, float]
    deformed: float


COHORTS: dict[str, Cohort] = {
    "ankle": Cohort((7.0, 13.0), 7 / 17),
    "knee": Cohort((13.0, 17.0), 0.0),
    "shoulder": Cohort((5.0, 17.0), 7 / 15),
}


@dataclass(frozen=True)
class Patient:
    """A synthetic child with one joint to be scanned.

    Args:
        domain: ankle, knee or shoulder.
        age: years.
        side: of the body.
        deformed: equinus (ankle) or obstetrical brachial plexus palsy (shoulder).
        seed: of the cohort.
        index: within the cohort, from 0.
    """

    domain: str
    age: float
    side: Side
    deformed: bool
    seed: int
    index: int

    @property
    def name(self) -> str:
        """Case name, such as ankle_000."""
        return f"{self.domain}_{self.index:03d}"

    def rng(self, stream: str) -> np.random.Generator:
        """A generator of this patient's own for one purpose: no other draw shifts it."""
        return _rng(self.seed, self.domain, self.index, stream)


def draw_patient(domain: str, seed: int, index: int) -> Patient:
    """Draw the patient `index` of the cohort that starts from `seed`.

    Ages and deformed joints are spread evenly over any run of indices, so that a small cohort holds
    both young and old, healthy and deformed; the rest is left to chance.

    Raises:
        UsageError: PS-A100, the domain has no phantom; PS-A120, a negative index.
    """
    if domain not in COHORTS:
        raise UsageError("PS-A100", f"no phantom of domain {domain!r}: choose from {', '.join(sorted(COHORTS))}")
    if index < 0:
        raise UsageError("PS-A120", f"patients are counted from 0, got {index}")
    cohort = COHORTS[domain]
    start_age, start_deformed = _rng(seed, domain, 0, "cohort").uniform(0, 1, 2)
    low, high = cohort.ages
    age = low + (high - low) * ((start_age + index * 0.6180339887498949) % 1)
    count = start_deformed + index * cohort.deformed
    deformed = math.floor(count + cohort.deformed) > math.floor(count)
    side: Side = "left" if _rng(seed, domain, index, "side").random() < 0.5 else "right"
    return Patient(domain, round(float(age), 1), side, deformed, seed, index)


def _rng(seed: int, domain: str, index: int, stream: str) -> np.random.Generator:
    words = [seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF, zlib.crc32(domain.encode()), index]
    return np.random.default_rng([*words, zlib.crc32(stream.encode())])
