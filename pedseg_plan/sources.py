"""From what the user names to domains and the folders that hold their exams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pedseg.domains import Domain, builtin_names, load_domains
from pedseg.errors import UsageError, did_you_mean
from pedseg.privacy import conceal
from pedseg.storage.cases import nnunet_domain
from pedseg.workspace import Workspace, checked_name

DOMAIN_FILE = "domain.yaml"


@dataclass(frozen=True)
class Source:
    """A domain and where its exams are.

    Args:
        domain: its labels as the files there use them.
        folder: a raw folder (`<folder>/<case>/`) or an nnU-Net raw dataset.
        recorded: `folder` for the plan: relative inside the workspace, "" for its raw folder.
    """

    domain: Domain
    folder: Path
    recorded: str


def find_sources(wanted: Sequence[str], workspace: Workspace) -> tuple[Source, ...]:
    """Resolve `ankle`, `ankle=PATH` or `calf=PATH`, in the order given.

    A `domain.yaml` in the folder describes the domain; without one it is the built-in domain of that name.

    Raises:
        UsageError: PS-A100 unknown domain, PS-A96 an invalid domain or one given twice, PS-A03 no such path.
    """
    sources = tuple(_source(item, workspace) for item in wanted)
    names = [s.domain.name for s in sources]
    if len(set(names)) < len(names):
        raise UsageError("PS-A96", f"domains must differ, got {', '.join(names)}: name each once")
    return sources


def _source(item: str, workspace: Workspace) -> Source:
    name, equals, path = item.partition("=")
    folder = Path(path).absolute() if equals else workspace.raw(checked_name(name))
    if equals:
        conceal(Path(path))
    if equals and not folder.is_dir():
        raise UsageError("PS-A03", f"{name}={Path(path)}: no such folder: name the one that holds the exams")
    domain = _domain(name, folder)
    return Source(domain, folder, _recorded(folder, workspace) if equals else "")


def _domain(name: str, folder: Path) -> Domain:
    described = (folder / DOMAIN_FILE).is_file()
    if not described and name not in builtin_names():
        known = did_you_mean(name, builtin_names())
        raise UsageError("PS-A100", f"unknown domain {name!r}; {known}; or put a {DOMAIN_FILE} into {folder}")
    (domain,) = load_domains([folder / DOMAIN_FILE if described else name])
    if domain.name != name:
        raise UsageError("PS-A96", f"{DOMAIN_FILE} calls the domain {domain.name!r}, asked was {name!r}: use one name")
    by_name = (folder / "dataset.json").is_file() and not any(s.source_value for s in domain.structures)
    return nnunet_domain(folder, domain) if by_name else domain


def _recorded(folder: Path, workspace: Workspace) -> str:
    root = workspace.root.absolute()
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
