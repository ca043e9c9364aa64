"""Folds by patient, the same draw on every machine."""

from __future__ import annotations

from collections.abc import Mapping

from pedseg.errors import UsageError
from pedseg.plan import Fold

Patients = list[tuple[str, ...]]
"""Exams of each patient of a domain."""


def leave_one_out(cases: Mapping[str, Mapping[str, str]]) -> tuple[Fold, ...]:
    """Leave-one-out over all domains at once (METHODS, section 8).

    Fold i takes patient i of every domain as test and patient i + 1 (cyclic) as validation; the rest
    train. As many folds as the smallest domain has patients. A domain of two patients trains on
    the one that is not tested and validates on it; one of a single patient trains and validates on it.

    Args:
        cases: domain -> case -> patient.
    """
    groups = {domain: _by_patient(members) for domain, members in cases.items()}
    return tuple(_one_fold(groups, i) for i in range(min(len(g) for g in groups.values())))


def k_fold(cases: Mapping[str, Mapping[str, str]], folds: int) -> tuple[Fold, ...]:
    """`folds` folds: every patient is tested once, the next patient after the tested ones validates.

    Raises:
        UsageError: PS-A89 when a domain has fewer patients than folds.
    """
    groups = {domain: _by_patient(members) for domain, members in cases.items()}
    smallest = min(groups, key=lambda d: len(groups[d]))
    if folds > len(groups[smallest]):
        count = len(groups[smallest])
        raise UsageError("PS-A89", f"{folds} folds asked, {smallest} has {count} patients: ask for at most {count}")
    return tuple(_block_fold(groups, i, folds) for i in range(folds))


def everything(cases: Mapping[str, Mapping[str, str]]) -> Fold:
    """Fold `all`: every exam trains; training exams stand in for validation."""
    names = {domain: tuple(sorted(members)) for domain, members in cases.items()}
    return Fold(test={}, validation={d: n[:1] for d, n in names.items()}, train=names)


def _by_patient(members: Mapping[str, str]) -> Patients:
    patients: dict[str, list[str]] = {}
    for case in sorted(members):
        patients.setdefault(members[case], []).append(case)
    return [tuple(group) for _, group in sorted(patients.items())]


def _one_fold(groups: Mapping[str, Patients], i: int) -> Fold:
    """Patient i tests, the next one validates."""
    return _make({domain: (group, {i}, (i + 1) % len(group)) for domain, group in groups.items()})


def _block_fold(groups: Mapping[str, Patients], i: int, folds: int) -> Fold:
    """Patients i, i + folds, ... test; the next patient after the last of them validates."""
    drawn = {}
    for domain, group in groups.items():
        tested = set(range(i, len(group), folds))
        drawn[domain] = (group, tested, _first_after(max(tested), tested, len(group)))
    return _make(drawn)


def _first_after(last: int, tested: set[int], count: int) -> int:
    """Cyclically the first patient after `last` that is not tested; the next one where all are."""
    following = [k % count for k in range(last + 1, last + 1 + count)]
    return next((k for k in following if k not in tested), following[0])


def _make(drawn: Mapping[str, tuple[Patients, set[int], int]]) -> Fold:
    test, validation, train = {}, {}, {}
    for domain, (group, tested, validated) in drawn.items():
        untested = [k for k in range(len(group)) if k not in tested]
        kept = [k for k in untested if k != validated] or untested or [validated]
        test[domain] = _flat(group, sorted(tested) if len(group) > 1 else [])
        validation[domain] = _flat(group, [validated])
        train[domain] = _flat(group, kept)
    return Fold(test=test, validation=validation, train=train)


def _flat(group: Patients, picked: list[int]) -> tuple[str, ...]:
    return tuple(case for k in picked for case in group[k])
