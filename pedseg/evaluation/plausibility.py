"""Whether a bone looks like those of training, told without a reference: measures, their limits, verdicts.

Four measures of each bone of an exam, all from labels alone: how far its auto-encoder code lies from those of
training, how well the auto-encoder draws it again, its share of the volume of all bones, and how far centres jump from
slice to slice. A limit is a one-sided prediction bound: what the next good exam passes with probability 1 - level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Floats = NDArray[np.floating]
Word = Literal["looks like a training bone", "look again", "not judged"]
LOOKS_LIKE: Word = "looks like a training bone"
LOOK_AGAIN: Word = "look again"
NOT_JUDGED: Word = "not judged"
LEAST = 4
"""Exams that limits can be drawn from: three neighbours of the one left out."""
NEIGHBOURS = 3
CODE_LEVEL, RECONSTRUCTION_LEVEL, SHARE_LEVEL, JUMP_LEVEL = 0.975, 0.995, 0.99, 0.975
"""Of the bounds; the share has two. Together one good bone in some fifteen passes one of them."""
LEAST_SPREAD = 0.05
"""Standard deviation of a logarithm that no handful of exams may fall below; of a Dice, 0.02."""
LEAST_DICE_SPREAD = 0.02
LEAST_SCALE = 0.1
"""Of a feature: no less than this part of the root mean square over features, for one that hardly varies is noise."""
DRAWN = 0.5
"""Mean Dice below which an auto-encoder draws a bone too badly for its drawing to tell anything."""
AGREEMENT_SLACK = 0.01
"""Limits are of post-processed labels on the exam's grid, what is held against them of single networks' on slices."""
STILL_MM = 0.05
"""Added to jumps before their logarithm."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """What is measured of one bone of one exam.

    Args:
        exam: name; measures of one exam, reference or prediction, are never neighbours of each other.
        code: (C,) the auto-encoder's code averaged over the bone.
        reconstruction_dice: between the bone and what the auto-encoder makes of it, over the whole exam.
        volume_share: of the volume of all bones, 0..1.
        jump_mm: of the exam, see `jump_of`.
    """

    exam: str
    code: Floats
    reconstruction_dice: float
    volume_share: float
    jump_mm: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """What bones of training look like, and how far from it the next good one may be.

    Args:
        codes: (n, C) of the references that hold the bone.
        exams: references there were in all.
        code_limit: greatest distance. Of fewer than `LEAST` codes no limit means anything, and none is asked.
        reconstruction_limit: least Dice; None where the auto-encoder draws the bone too badly to tell.
        share_limits: least and greatest share of the volume.
        jump_limit_mm: greatest jump.
    """

    codes: Floats
    exams: int
    code_limit: float
    reconstruction_limit: float | None
    share_limits: tuple[float, float]
    jump_limit_mm: float

    @property
    def limits(self) -> dict[str, Any]:
        """All but the codes, as plain values."""
        return {
            "exams": self.exams,
            "code_limit": self.code_limit,
            "reconstruction_limit": self.reconstruction_limit,
            "share_limits": list(self.share_limits),
            "jump_limit_mm": self.jump_limit_mm,
        }

    @classmethod
    def of_limits(cls, limits: Mapping[str, Any], codes: Floats) -> Calibration:
        """What `limits` gave, with the codes again."""
        low, high = limits["share_limits"]
        return cls(
            codes,
            int(limits["exams"]),
            float(limits["code_limit"]),
            limits["reconstruction_limit"],
            (float(low), float(high)),
            float(limits["jump_limit_mm"]),
        )


@dataclass(frozen=True)
class Verdict:
    """What is said of one bone.

    Args:
        verdict: one of three.
        reasons: what passed its limit, or why nothing was judged, in words.
        values: measures and their limits.
    """

    verdict: Word
    reasons: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def as_plain(self) -> dict[str, Any]:
        """As `prediction.json` holds it."""
        reasons = {"reasons": list(self.reasons)} if self.reasons else {}
        return {"verdict": self.verdict, **reasons, **self.values}


def jump_of(tracks: Iterable[Floats]) -> float:
    """Median way in mm, row and column added, from a bone's centre in a slice to midway between its neighbours'.

    Bones that the patient or a failing network has torn into steps jump; how slanted or curved they are tells little.

    Args:
        tracks: (n, 2) centres in mm in successive slices, a track a bone.

    Returns:
        0 where no track has three slices.
    """
    steps = [np.abs(t[1:-1] - (t[:-2] + t[2:]) / 2).sum(axis=1) for t in tracks if len(t) > 2]
    return float(np.median(np.concatenate(steps))) if steps else 0.0


def code_distance(code: Floats, codes: Floats) -> float:
    """Mean distance to the nearest three codes, each feature in standard deviations of the codes.

    Args:
        code: (C,).
        codes: (n, C) of other exams, three at least.
    """
    points = codes.astype(np.float64)
    deviations = points.std(axis=0, ddof=1)
    least = LEAST_SCALE * math.sqrt(float((deviations**2).mean()))
    scale = np.maximum(deviations, max(least, np.finfo(np.float64).tiny))
    distances = np.sqrt((((points - code) / scale) ** 2).mean(axis=1))
    return float(np.sort(distances)[:NEIGHBOURS].mean())


def upper_bound(values: Sequence[float], level: float, *, least_spread: float) -> float:
    """What the next value stays below with probability `level`, were all normal: mean + t s sqrt(1 + 1 / n)."""
    n = len(values)
    spread = max(float(np.std(values, ddof=1)), least_spread)
    return float(np.mean(values)) + _quantile(n, level) * spread * math.sqrt(1 + 1 / n)


def calibrate(references: Sequence[Appearance], predicted: Sequence[Appearance] = (), *, exams: int) -> Calibration:
    """Limits of one bone.

    Args:
        references: training and validation exams as they were outlined, each measured as if it were not among them.
        predicted: validation exams as the network outlines them.
        exams: references there are, with those that lack the bone.
    """
    codes = np.stack([a.code for a in references]).astype(np.float32) if references else np.zeros((0, 0), np.float32)
    if len(references) < LEAST:
        return Calibration(codes, exams, 0.0, None, (0.0, 1.0), 0.0)
    known = (*references, *predicted)
    distances = [_log(code_distance(a.code, _without(references, a.exam)), 1e-9) for a in known]
    shares, jumps = [_log(a.volume_share, 1e-9) for a in known], [_log(a.jump_mm, STILL_MM) for a in known]
    low = math.exp(-upper_bound([-s for s in shares], SHARE_LEVEL, least_spread=LEAST_SPREAD))
    high = math.exp(upper_bound(shares, SHARE_LEVEL, least_spread=LEAST_SPREAD))
    return Calibration(
        codes,
        exams,
        math.exp(upper_bound(distances, CODE_LEVEL, least_spread=LEAST_SPREAD)),
        _least_dice(references, predicted),
        (low, high),
        math.exp(upper_bound(jumps, JUMP_LEVEL, least_spread=LEAST_SPREAD)) - STILL_MM,
    )


def judge_bone(appearance: Appearance | None, known: Calibration) -> Verdict:
    """The verdict on one bone; None is one that is not there."""
    if len(known.codes) < LEAST:
        return Verdict(NOT_JUDGED, (f"{len(known.codes)} exams of training are too few, {LEAST} are needed",))
    if appearance is None:
        absent = known.exams - len(known.codes)
        word = LOOKS_LIKE if absent else LOOK_AGAIN
        return Verdict(word, (f"not found; {absent} of {known.exams} exams of training are without it",))
    distance = code_distance(appearance.code, known.codes)
    values = {
        "code_distance": _rounded(distance),
        "code_limit": _rounded(known.code_limit),
        "reconstruction_dice": _rounded(appearance.reconstruction_dice),
        "reconstruction_limit": None if known.reconstruction_limit is None else _rounded(known.reconstruction_limit),
        "volume_share": _rounded(appearance.volume_share),
        "volume_share_limits": [_rounded(v) for v in known.share_limits],
        "jump_mm": _rounded(appearance.jump_mm),
        "jump_limit_mm": _rounded(known.jump_limit_mm),
    }
    reasons = _passed(appearance, distance, known)
    return Verdict(LOOK_AGAIN if reasons else LOOKS_LIKE, reasons, values)


def heed_agreement(verdict: Verdict, agreement: float, limit: float | None) -> Verdict:
    """A verdict that also asks for another look where folds agree less than they should.

    Args:
        verdict: on the bone.
        agreement: mean Dice between every two folds' own labels.
        limit: the least to be expected; None where it was not calibrated.
    """
    told = {"agreement": _rounded(agreement), "agreement_limit": None if limit is None else _rounded(limit)}
    values = {**verdict.values, **told}
    if limit is None or agreement >= limit - AGREEMENT_SLACK:
        return replace(verdict, values=values)
    return Verdict(LOOK_AGAIN, (*_of_looks(verdict), "folds disagree"), values)


def _of_looks(verdict: Verdict) -> tuple[str, ...]:
    """Reasons to look again, not those for which nothing was judged."""
    return verdict.reasons if verdict.verdict == LOOK_AGAIN else ()


def _passed(seen: Appearance, distance: float, known: Calibration) -> tuple[str, ...]:
    """Every limit that is passed, in words."""
    low, high = known.share_limits
    drawn = known.reconstruction_limit is None or seen.reconstruction_dice >= known.reconstruction_limit
    found = {
        "unlike the shapes of training": distance > known.code_limit,
        "drawn badly by the auto-encoder": not drawn,
        "small beside the other bones": seen.volume_share < low,
        "large beside the other bones": seen.volume_share > high,
        "outlines jump from slice to slice": seen.jump_mm > known.jump_limit_mm,
    }
    return tuple(text for text, passed in found.items() if passed)


def _least_dice(references: Sequence[Appearance], predicted: Sequence[Appearance]) -> float | None:
    """Spread of all, about the mean of exams the auto-encoder has not learned: those it has it draws too well."""
    new = {a.exam for a in predicted}
    every = [a.reconstruction_dice for a in (*references, *predicted)]
    unseen = [a.reconstruction_dice for a in (*references, *predicted) if a.exam in new] or every
    centre = float(np.mean(unseen))
    if centre < DRAWN:
        return None
    spread = max(float(np.std(every, ddof=1)), LEAST_DICE_SPREAD)
    return centre - _quantile(len(every), RECONSTRUCTION_LEVEL) * spread * math.sqrt(1 + 1 / len(unseen))


def _quantile(n: int, level: float) -> float:
    """Of Student's t with n - 1 degrees of freedom."""
    return float(stdtrit(n - 1, level))


def _without(references: Sequence[Appearance], exam: str) -> Floats:
    return np.stack([a.code for a in references if a.exam != exam])


def _log(value: float, added: float) -> float:
    return math.log(value + added)


def _rounded(value: float) -> float:
    return round(float(value), 4)
