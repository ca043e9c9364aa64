"""What a method scored, as values and as plain facts for `scores.json`."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pedseg import __version__
from pedseg.cli import DISCLAIMER
from pedseg.evaluation.scores import Method, Score
from pedseg.evaluation.summary import summarise
from pedseg.workers import Failure
from pedseg_evaluate.exam import Result, Task
from pedseg_evaluate.sources import Source, folder_name


@dataclass(frozen=True)
class Outcome:
    """A method after scoring.

    Args:
        source: what was to be scored.
        done: exams with their scores.
        failures: exams that could not be scored.
        faults: what else could not be made.
    """

    source: Source
    done: tuple[tuple[Task, Result], ...]
    failures: tuple[Failure, ...] = ()
    faults: tuple[str, ...] = ()

    @cached_property
    def method(self) -> Method:
        """Name and scores."""
        scores = tuple(score for _, result in self.done for score in result.scores)
        slices = tuple(score for _, result in self.done for score in result.slices)
        return Method(self.source.name, scores, slices)

    @property
    def folder(self) -> str:
        """The method's name as a folder's."""
        return folder_name(self.source.name)

    @property
    def has_references(self) -> bool:
        """Whether anything was compared."""
        return any(task.reference is not None for task, _ in self.done)

    @property
    def failed(self) -> dict[str, str]:
        """`domain/exam` -> why it could not be scored."""
        return {**self.source.failed, **{"/".join(f.key[1:]): str(f.error) for f in self.failures}}

    @property
    def gaps(self) -> tuple[str, ...]:
        """What a mean of this method does not cover, a line each."""
        name = self.source.name
        lines = [f"{name}, no prediction: {_some(self.source.missing)}."] if self.source.missing else []
        lines += [f"{name}, no reference: {_some(self.source.unscored)}."] if self.source.unscored else []
        lines += [f"{name}, could not be scored: {exam} ({why})." for exam, why in self.failed.items()]
        if unfinished := self.source.facts.get("unfinished"):
            lines.append(f"{name}, folds not finished: {', '.join(unfinished)}.")
        if self.source.untested:
            lines.append(f"{name}, in no fold a test exam: {_some(self.source.untested)}.")
        return tuple(lines)

    def record(self) -> dict[str, Any]:
        """What `scores.json` holds."""
        return {
            "schema": 1,
            "intended_use": DISCLAIMER,
            "method": self.source.name,
            "source": self.source.facts,
            "summary": _summary(self.method),
            "exams": _nested(self.method.scores),
            "missing": list(self.source.missing),
            "unscored": list(self.source.unscored),
            "untested": list(self.source.untested),
            "failed": self.failed,
            "notices": {"/".join(t.key[1:]): [str(n) for n in r.notices] for t, r in self.done if r.notices},
            "versions": versions(),
        }


def versions() -> dict[str, str]:
    """Versions that decide what comes out."""
    import scipy

    libraries = {"numpy": np.__version__, "scipy": scipy.__version__}
    return {"pedseg": __version__, "python": platform.python_version(), **libraries}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _summary(method: Method) -> dict[str, Any]:
    """Domain -> structure (and `mean` over an exam's bones) -> metric -> mean, std and n of exams with an answer."""
    nested: dict[str, Any] = {}
    for s in summarise([method]):
        values = {"mean": _plain(s.mean), "std": _plain(s.std), "n": s.n}
        nested.setdefault(s.domain, {}).setdefault(s.structure, {})[s.metric] = values
    return nested


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _nested(scores: tuple[Score, ...]) -> dict[str, Any]:
    """Domain -> exam -> structure -> metric -> value, null where there is no answer."""
    nested: dict[str, Any] = {}
    for s in scores:
        place = nested.setdefault(s.domain, {}).setdefault(s.exam, {}).setdefault(s.structure, {})
        place[s.metric] = _plain(s.value)
    return nested
