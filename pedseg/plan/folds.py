"""Folds: which exams train, choose and test, and that no patient stands on two sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field

from pedseg.plan.values import Frozen

Patients = Mapping[str, Mapping[str, str]]
"""domain -> exam -> patient; an exam that is not named is a patient of its own."""


class Fold(Frozen):
    """Exams of one fold: domain name -> case names."""

    test: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    validation: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    train: dict[str, tuple[str, ...]]


def shared_patient(folds: Sequence[Fold], patients: Patients) -> str:
    """What is wrong with folds that show a network a patient it is judged on; empty where nothing is.

    Training exams that stand in for validation are no fault: where scores count they are left out by name. Another
    exam of the same patient is one, since no name tells it.
    """
    for number, fold in enumerate(folds):
        for domain, names in fold.train.items():
            of = patients.get(domain, {})
            sides = {"train": set(names)}
            for part in ("validation", "test"):
                sides[part] = set(getattr(fold, part).get(domain, ())) - sides["train"]
            for one, two in _meeting(sides, of):
                return f"fold {number}: {domain}/{one} and {domain}/{two} are of one patient: keep them on one side"
    return ""


def _meeting(sides: Mapping[str, set[str]], patients: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Exams of one patient on two sides, each with its side."""
    first: dict[str, tuple[str, str]] = {}
    for part, names in sides.items():
        for name in sorted(names):
            side, other = first.setdefault(patients.get(name, name), (part, name))
            if side != part:
                yield f"{other} ({side})", f"{name} ({part})"
