"""Plans as files: `plan.json` beside one `<domain>.json` a domain, readable and editable by a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pedseg.errors import UsageError
from pedseg.plan.spec import DomainPlan, Plan
from pedseg.workspace import PlanFiles, atomic_set, json_bytes, put_bytes, write_json

MAX_BYTES = 16 << 20
Model = TypeVar("Model", bound=BaseModel)


def save_plan(plan: Plan, files: PlanFiles, *, more: Mapping[Path, Any] | None = None) -> None:
    """Write the domain plans and `plan.json` that names them, all of them or nothing.

    Args:
        plan: the decisions.
        files: where.
        more: plain values of files that belong to the plan.
    """
    values = {files.domain(part.domain.name): part.model_dump(mode="json", by_alias=True) for part in plan.domains}
    values |= more or {}
    values[files.plan] = {**plan.model_dump(mode="json", by_alias=True), "domains": list(plan.domain_names)}
    with atomic_set(*values) as places:
        for place, value in zip(places, values.values(), strict=True):
            put_bytes(place, json_bytes(value))


def embed_plan(plan: Plan, path: Path) -> None:
    """Write one self-contained file, as a run keeps it."""
    write_json(path, plan.model_dump(mode="json", by_alias=True))


def load_plan(path: Path | str) -> Plan:
    """Read a plan: `plan.json` with its domain files beside it, or a self-contained one.

    Raises:
        UsageError: PS-A125 no such file, PS-A96 not a valid plan (with the place in the file).
    """
    path = Path(path)
    path = path / "plan.json" if path.is_dir() else path
    values = read_json(path, "run pedseg_plan first")
    if not isinstance(values, dict):
        raise UsageError("PS-A96", f"{path.name} must hold one JSON object: run pedseg_plan again")
    named = values.get("domains")
    if isinstance(named, list) and all(isinstance(n, str) for n in named):
        files = PlanFiles(path.parent)
        parts = [parse(DomainPlan, read_json(files.domain(n), "run pedseg_plan again"), f"{n}.json") for n in named]
        values = {**values, "domains": parts}
    return parse(Plan, values, path.name)


def read_json(path: Path, advice: str) -> Any:
    """A JSON file's value; refuses what is missing, huge or not JSON."""
    if not path.is_file():
        raise UsageError("PS-A125", f"{path} is missing: {advice}")
    if path.stat().st_size > MAX_BYTES:
        raise UsageError("PS-A96", f"{path.name} is larger than 16 MiB: {advice}")
    try:
        return json.loads(path.read_text("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError("PS-A96", f"{path.name} is not JSON ({error}): {advice}") from error


def parse(model: type[Model], values: Any, where: str, *, advice: str = "correct it or plan again") -> Model:
    """Check plain values against a model; the first fault is named with its place."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "file"
        raise UsageError("PS-A96", f"{where}: {place}: {first['msg']}: {advice}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


__all__ = ["embed_plan", "load_plan", "parse", "read_json", "save_plan"]
