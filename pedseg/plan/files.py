"""Plans as files: `plan.json` beside one `<domain>.json` a domain, readable and editable by a person."""

from __future__ import annotations

from pathlib import Path

from pedseg.errors import UsageError
from pedseg.json_files import line_in, read_json, read_json_model
from pedseg.plan.spec import DomainPlan, Plan
from pedseg.schema import parse
from pedseg.workspace import PlanFiles, write_json


def save_plan(plan: Plan, files: PlanFiles) -> None:
    """Write the domain plans, then `plan.json` that names them."""
    for part in plan.domains:
        write_json(files.domain(part.domain.name), part.model_dump(mode="json", by_alias=True))
    values = plan.model_dump(mode="json", by_alias=True)
    write_json(files.plan, {**values, "domains": list(plan.domain_names)})


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
        parts = [read_json_model(DomainPlan, files.domain(n), missing="run pedseg_plan again") for n in named]
        values = {**values, "domains": parts}
    return parse(Plan, values, path.name, line_of=line_in(path))


__all__ = ["embed_plan", "load_plan", "parse", "read_json", "save_plan"]
