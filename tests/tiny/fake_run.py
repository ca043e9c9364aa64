"""A run of leave-one-out as files alone: nothing in it was trained, nothing loads torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pedseg.domains import load_domains
from pedseg.plan import DomainPlan, Plan, embed_plan
from pedseg.storage.splits import leave_one_out
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti
from pedseg.workspace import file_digest

JOINTS = ("ankle", "shoulder")


def make_plan(n: int = 4, **changes: Any) -> Plan:
    """Two joints of n patients, one exam each, in n folds."""
    parts = tuple(DomainPlan(domain=d, plane="axial", spacing_mm=2.0, window=32) for d in load_domains(JOINTS))
    exams = {d: {f"{d}_{i}": str(i) for i in range(n)} for d in JOINTS}
    return Plan(domains=parts, folds=leave_one_out(exams), **changes)


def finish(run: Path, plan: Plan, number: object, *, weights: str = "") -> Path:
    """A fold that says it is finished; its weights are text."""
    fold = run / f"fold_{number}"
    embed_plan(plan, fold / "configs/plan.json")
    (fold / "models").mkdir(parents=True, exist_ok=True)
    (fold / "models/model.pt").write_text(weights or f"weights of {number}", "utf-8")
    seal(fold, plan)
    return fold


def seal(fold: Path, plan: Plan) -> None:
    """Write `run.json` for the files as they are."""
    files = {name: file_digest(fold / name) for name in ("configs/plan.json", "models/model.pt")}
    (fold / "run.json").write_text(json.dumps({"plan": plan.digest, "files": files}), "utf-8")


def keep(fold: Path, plan: Plan, part: str, name: str, array: np.ndarray | Sequence[int] = (0, 1)) -> Path:
    """A prediction of `<domain>/<exam>` by the fold's present weights."""
    folder = fold / part / name
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume(np.asarray(array, np.uint8).reshape(-1, 1, 1), np.eye(4)), folder / "labels.nii.gz")
    made_by = {"plan": plan.digest, "folds": {fold.name: file_digest(fold / "models/model.pt")}}
    (folder / "prediction.json").write_text(json.dumps({"schema": 1, "model": made_by}), "utf-8")
    return folder


def keep_all(run: Path, plan: Plan, numbers: Sequence[int]) -> None:
    """Finished folds with their test and validation predictions."""
    for number in numbers:
        fold = finish(run, plan, number)
        for part in ("test", "validation"):
            for domain, names in getattr(plan.folds[number], part).items():
                for name in names:
                    keep(fold, plan, part, f"{domain}/{name}")
