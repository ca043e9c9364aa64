"""Slices of a fold's exams from the slice cache: some drawn by a seed, and those that show most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pedseg.errors import InputError
from pedseg.plan import Fold, Plan, cache_digest
from pedseg.plan.files import parse, read_json
from pedseg.storage.cache import CacheEntry, read_entry
from pedseg.storage.runs import check_file

FOLD = Path("configs/fold.json")
Rows = tuple[NDArray[np.intp], ...]
"""Rows of the arrays of each exam."""


@dataclass(frozen=True, eq=False)
class Exams:
    """Cached exams of one domain.

    Args:
        name: of the domain.
        entries: the exams.
    """

    name: str
    entries: tuple[CacheEntry, ...]

    def images(self, rows: Rows) -> NDArray[np.float32]:
        """(N, W, W) of rows of every exam, one exam behind the other."""
        pairs = zip(self.entries, rows, strict=True)
        return np.concatenate([entry.images[own].astype(np.float32) for entry, own in pairs])

    def labels(self, rows: Rows) -> NDArray[np.uint8]:
        """(N, d W, d W), as `images`."""
        return np.concatenate([entry.labels[own] for entry, own in zip(self.entries, rows, strict=True)])

    def places(self, rows: Rows) -> tuple[str, ...]:
        """Such as `ankle_07, slice 31`, as `images`; slices count from 1."""
        named = zip(self.entries, rows, strict=True)
        return tuple(
            f"{entry.manifest.case}, slice {row // len(entry.manifest.grid['offsets']) + 1}"
            for entry, own in named
            for row in own
        )

    def draw(self, count: int, random: np.random.Generator, *, with_bone: bool = False) -> tuple[Rows, int]:
        """Rows drawn without return, in their order, and how many they were drawn from.

        Args:
            count: at most as many.
            random: draws.
            with_bone: of slices that show a structure only.
        """
        pool = [self._shown(entry) if with_bone else np.arange(len(entry.labels)) for entry in self.entries]
        total = sum(map(len, pool))
        chosen = np.zeros(total, bool)
        chosen[random.permutation(total)[:count]] = True
        parts = np.split(chosen, np.cumsum([len(rows) for rows in pool])[:-1])
        return tuple(rows[part] for rows, part in zip(pool, parts, strict=True)), total

    def telling(self, count: int) -> Rows:
        """Of the first exams that show bone one row each: with most structures, then most of it covered."""
        rows: list[NDArray[np.intp]] = []
        for entry in self.entries:
            shown = self._shown(entry)
            wanted = len(shown) > 0 and sum(map(len, rows)) < count
            rows.append(_fullest(entry, shown) if wanted else shown[:0])
        return tuple(rows)

    @staticmethod
    def _shown(entry: CacheEntry) -> NDArray[np.intp]:
        return np.array(sorted({row for rows in entry.manifest.rows_with.values() for row in rows}), np.intp)


def learned_exams(fold: Path) -> dict[str, tuple[str, ...]]:
    """Domain -> the exams a fold's training has seen: validation first, then training (B, section 3.5).

    Raises:
        ModelError: PS-A86, PS-A123 the fold is not whole.
    """
    check_file(fold, FOLD)
    values = read_json(fold / FOLD, "copy the fold again")
    parts = parse(Fold, {k: v for k, v in values.items() if k in Fold.model_fields}, FOLD.name)
    names = dict.fromkeys([*parts.train, *parts.validation])
    seen = {name: (*parts.validation.get(name, ()), *parts.train.get(name, ())) for name in names}
    return {name: tuple(dict.fromkeys(cases)) for name, cases in seen.items()}


def read_exams(plan: Plan, cache: Path, exams: Mapping[str, Sequence[str]]) -> list[Exams]:
    """Cached exams of every domain that has any, in the plan's order.

    Args:
        plan: the cache must have been made under its decisions.
        cache: holds a folder a domain.
        exams: domain -> cases.

    Raises:
        InputError: PS-A85 an entry is missing, damaged or of another plan.
    """
    named = [(name, exams[name]) for name in plan.domain_names if exams.get(name)]
    return [Exams(name, tuple(_entry(plan, cache, name, case) for case in cases)) for name, cases in named]


def _entry(plan: Plan, cache: Path, domain: str, case: str) -> CacheEntry:
    entry = read_entry(cache / domain, case)
    wanted = cache_digest(plan.domain_plan(domain))
    if entry.plan_digest != wanted:
        made = f"{domain}/{case} was cached for plan {entry.plan_digest[:8]}, the model's is {wanted[:8]}"
        raise InputError("PS-A85", f"{made}: run pedseg_preprocess with that plan")
    return entry


def _fullest(entry: CacheEntry, shown: NDArray[np.intp]) -> NDArray[np.intp]:
    counts = np.array([sum(row in rows for rows in entry.manifest.rows_with.values()) for row in shown])
    most: NDArray[np.intp] = shown[counts == counts.max()]
    covered = [np.count_nonzero(entry.labels[row]) for row in most]
    best = int(np.argmax(covered))
    return most[best : best + 1]
