"""How far folds agree on an exam, and how little agreement is to be expected of an exam none of them has seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.errors import ModelError
from pedseg.evaluation.overlap import dice
from pedseg.plan.files import read_json
from pedseg.storage.runs import KeptPrediction, kept_predictions, run_plan, weights_of
from pedseg.volumes.nifti import read_nifti
from pedseg.workspace import write_json

FILE = "agreement.json"
LEAST_PAIRS = 3
"""Below, a spread is not worth a limit."""
CONFIDENCE = 0.95


def mean_pairwise_dice(labels: Sequence[NDArray[np.uint8]], domain: Domain) -> dict[str, float]:
    """Structure -> mean Dice over every two label maps of one exam; without structures that none of them shows.

    Args:
        labels: of at least two folds, all of one shape, 0..n of the domain.
        domain: names the labels.
    """
    scores = np.array([dice(a, b, domain.n_classes) for a, b in combinations(labels, 2)])
    pairs = dict(zip(domain.labels, scores.T, strict=True))
    return {name: float(np.nanmean(column)) for name, column in pairs.items() if not np.isnan(column).all()}


def calibrate_agreement(run: Path) -> dict[str, Any] | None:
    """What `agreement.json` holds; None where no structure has `LEAST_PAIRS` honest pairs.

    In leave-one-out an exam tests one fold and validates another: neither network has trained on it, which makes
    their two predictions an honest pair, as any two folds are in front of a new exam. (The one of which it was a
    validation exam has chosen its epoch by it.)

    Args:
        run: its finished folds keep the predictions of their test and validation exams.

    Raises:
        ModelError: PS-A123, PS-A87 see `find_test_predictions`.
    """
    plan, _ = run_plan(run)
    pairs = _honest_pairs(run)
    folds = {kept.fold for pair in pairs for kept in pair}
    domains: dict[str, dict[str, Any]] = {}
    for name in plan.domain_names:
        domain = plan.predicted(name).domain
        between = [s for pair in pairs if pair[0].domain == name and (s := _between(pair, domain)) is not None]
        domains[name] = {bone: _calibrated([s[bone] for s in between if bone in s]) for bone in domain.labels}
    if not any(bone["limit"] is not None for bones in domains.values() for bone in bones.values()):
        return None
    weights = {key: value for fold in sorted(folds, key=int) for key, value in weights_of(run / f"fold_{fold}").items()}
    return {"schema": 1, "plan": plan.digest, "folds": weights, "confidence": CONFIDENCE, "domains": domains}


def write_agreement(run: Path) -> Path | None:
    """Write the run's `agreement.json`, or remove one that nothing supports any more.

    Raises:
        ModelError: see `calibrate_agreement`.
        OutputError: PS-A105, PS-A106 it cannot be written.
    """
    path = run / FILE
    record = calibrate_agreement(run)
    if record is None:
        path.unlink(missing_ok=True)
        return None
    write_json(path, record)
    return path


def agreement_limits(run: Path) -> dict[str, dict[str, float | None]]:
    """Domain -> structure -> the mean pairwise Dice below which folds disagree more than they should.

    None where it could not be calibrated; nothing at all where the run has no `agreement.json`, or has other weights
    by now than it names.

    Args:
        run: `runs/<plan>/<run>/`.

    Raises:
        UsageError: PS-A96 the file is not JSON.
    """
    path = run / FILE
    if not path.is_file():
        return {}
    record = read_json(path, "run pedseg_train every again")
    try:
        present = {k: v for fold in record["folds"] for k, v in weights_of(run / fold).items()}
        if present != record["folds"]:
            return {}
        return {d: {name: bone["limit"] for name, bone in bones.items()} for d, bones in record["domains"].items()}
    except (ModelError, KeyError, TypeError, AttributeError):
        return {}


def lower_limit(scores: Sequence[float]) -> float | None:
    """One-sided 95 % prediction bound for one more score: mean - t_{0.95, n-1} s sqrt(1 + 1/n), at least 0.

    Of n normal scores with standard deviation s (n - 1 in the denominator); None of fewer than `LEAST_PAIRS`.
    """
    n = len(scores)
    if n < LEAST_PAIRS:
        return None
    from scipy.special import stdtrit  # Student's t quantile; scipy.stats takes a second to import

    reach = float(stdtrit(n - 1, CONFIDENCE)) * float(np.std(scores, ddof=1)) * sqrt(1 + 1 / n)
    return max(0.0, float(np.mean(scores)) - reach)


def _honest_pairs(run: Path) -> list[tuple[KeptPrediction, KeptPrediction]]:
    validated = kept_predictions(run, "validation")
    return [
        (tested, other)
        for tested in kept_predictions(run, "test")
        for other in validated
        if (other.domain, other.exam) == (tested.domain, tested.exam)
    ]


def _between(pair: tuple[KeptPrediction, KeptPrediction], domain: Domain) -> dict[str, float] | None:
    """None where the exam's image has changed its size between the two."""
    one, other = (np.asarray(read_nifti(kept.labels).array, np.uint8) for kept in pair)
    return mean_pairwise_dice([one, other], domain) if one.shape == other.shape else None


def _calibrated(scores: Sequence[float]) -> dict[str, Any]:
    n, limit = len(scores), lower_limit(scores)
    return {
        "dice": [round(score, 6) for score in scores],
        "n": n,
        "mean": round(float(np.mean(scores)), 6) if n else None,
        "std": round(float(np.std(scores, ddof=1)), 6) if n > 1 else None,
        "limit": None if limit is None else round(limit, 6),
    }
