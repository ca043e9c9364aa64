"""Find domains by name or by file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pedseg.domains.domain import Domain
from pedseg.errors import UsageError, did_you_mean
from pedseg.yaml_files import read_yaml, yaml_value


def builtin_names() -> tuple[str, ...]:
    """Names of the domains that come with pedseg."""
    folder = files("pedseg.domains")
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def load_domains(names_or_paths: Sequence[str | Path]) -> tuple[Domain, ...]:
    """Load domains in the order given.

    Args:
        names_or_paths: names of built-in domains, YAML files, or folders that hold a `domain.yaml`.

    Raises:
        UsageError: PS-A100 unknown name, PS-A96 a file that is not a valid domain or a name given twice.
    """
    domains = tuple(_load(item) for item in names_or_paths)
    names = [d.name for d in domains]
    if len(set(names)) < len(names):
        raise UsageError("PS-A96", f"domains must differ, got {', '.join(names)}: name each once")
    return domains


def _load(item: str | Path) -> Domain:
    if isinstance(item, str) and item in builtin_names():
        name = f"{item}.yaml"
        return _checked(yaml_value(files("pedseg.domains").joinpath(name).read_text("utf-8"), name), name)
    path = Path(item)
    path = path / "domain.yaml" if path.is_dir() else path
    if not path.is_file():
        known = did_you_mean(str(item), builtin_names())
        raise UsageError("PS-A100", f"unknown domain {str(item)!r}; {known}; or give a domain.yaml")
    return _checked(read_yaml(path, "a domain file is a few lines of YAML"), path.name)


def _checked(value: Any, where: str) -> Domain:
    try:
        return Domain.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "file"
        raise UsageError("PS-A96", " ".join(f"{where}: {place}: {first['msg']}".split())[:500]) from error
