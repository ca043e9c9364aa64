"""Read trained folds: checked before they are parsed, tensors and plain values only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from pedseg.errors import ModelError, UsageError
from pedseg.networks import SelectedNetwork
from pedseg.networks.state_dicts import read_tensors
from pedseg.plan import Plan, load_plan
from pedseg.workspace import file_digest

WEIGHTS = Path("models/model.pt")
SOURCE = Path("models/source.pt")
PLAN = Path("configs/plan.json")
MANIFEST = Path("run.json")
N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Model:
    """One or more trained folds of one plan.

    Args:
        plan: the decisions they were trained by.
        folds: fold folders, each a MONAI bundle.
    """

    plan: Plan
    folds: tuple[Path, ...]
    _loaded: dict[tuple[str, str], tuple[SelectedNetwork, ...]] = field(default_factory=dict, repr=False, compare=False)
    judges: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)
    """What `plausibility` has read, by domain and device."""

    def networks(self, domain: str, device: torch.device) -> tuple[SelectedNetwork, ...]:
        """The networks of one domain, where and how they run fastest; read once, for many exams.

        Raises:
            ModelError: see `load_network`.
        """
        key = (domain, str(device))
        if key not in self._loaded:
            loaded = (load_network(fold, self.plan, domain) for fold in self.folds)
            self._loaded[key] = tuple(to_device(network, self.plan, device) for network in loaded)
        return self._loaded[key]

    @property
    def digests(self) -> dict[str, str]:
        """Fold name -> sha256 of its weights."""
        return {fold.name: _manifest(fold)["files"][WEIGHTS.as_posix()] for fold in self.folds}


def load_model(path: Path | str) -> Model:
    """Open a run (all its finished folds) or one fold.

    Raises:
        UsageError: PS-A125 no such folder.
        ModelError: PS-A123 nothing finished in it, PS-A87 folds of different plans, PS-A86 a damaged file.
    """
    path = Path(path)
    if not path.is_dir():
        raise UsageError("PS-A125", _missing(path))
    folds = (path,) if (path / PLAN).is_file() else tuple(sorted(p.parent for p in path.glob(f"fold_*/{MANIFEST}")))
    if not folds:
        raise ModelError("PS-A123", f"no finished fold in {path}: run pedseg_train 0")
    plans = [_checked_plan(fold) for fold in folds]
    if len({p.digest for p in plans}) > 1:
        names = ", ".join(f"{f.name} {p.digest[:8]}" for f, p in zip(folds, plans, strict=True))
        raise ModelError("PS-A87", f"folds were trained by different plans ({names}): train them again or pick one")
    return Model(plans[0], folds)


def load_network(fold: Path, plan: Plan, domain: str) -> SelectedNetwork:
    """The plain network of one domain with a fold's weights, in eval mode on the CPU.

    Raises:
        ModelError: PS-A86 damaged, PS-A98 more than tensors, PS-A102 not matching, PS-A124 unknown domain.
    """
    if domain not in plan.domain_names:
        known = ", ".join(plan.domain_names)
        raise ModelError("PS-A124", f"the model knows {known}, not {domain!r}: choose one of them with -d")
    check_file(fold, WEIGHTS)
    network = SelectedNetwork(plan, domain)
    network.load_state_dict(read_tensors(fold / WEIGHTS))
    if not all(bool(torch.isfinite(p).all()) for p in network.state_dict().values()):
        raise ModelError("PS-A86", f"{fold.name}/{WEIGHTS} holds values that are not finite: train the fold again")
    return network.eval()


def has_file(fold: Path, name: Path) -> bool:
    """Whether a fold's manifest names a file."""
    return name.as_posix() in _manifest(fold)["files"]


def to_device(network: N, plan: Plan, device: torch.device) -> N:
    """A network where and how it runs fastest; values do not change."""
    layout = torch.channels_last if plan.schedule.channels_last else torch.contiguous_format
    return network.to(device).to(memory_format=layout)  # type: ignore[call-overload, no-any-return]


def _missing(path: Path) -> str:
    """Which runs there are beside the one that is not: of scheme `transfer` none has the run's plain name."""
    others = sorted({p.parent.name for p in path.parent.glob("*/fold_*")})
    advice = f"name one of {', '.join(others)} there with -m" if others else "train one with pedseg_train"
    return f"model {path} is missing: {advice}"


def _checked_plan(fold: Path) -> Plan:
    check_file(fold, PLAN)
    plan = load_plan(fold / PLAN)
    if _manifest(fold)["plan"] != plan.digest:
        raise ModelError("PS-A87", f"{fold.name}: run.json and {PLAN} differ: copy the fold again")
    return plan


def check_file(fold: Path, name: Path) -> None:
    """Refuse a file of a fold that is not the one its manifest names.

    Raises:
        ModelError: PS-A86 missing or another, PS-A123 the fold is not finished.
    """
    wanted = _manifest(fold)["files"].get(name.as_posix())
    if not (fold / name).is_file() or file_digest(fold / name) != wanted:
        raise ModelError("PS-A86", f"{fold.name}/{name} is missing or not the file run.json names: copy the fold again")


def _manifest(fold: Path) -> dict[str, Any]:
    path = fold / MANIFEST
    if not path.is_file():
        raise ModelError("PS-A123", f"{fold.name} is not finished (no run.json): run pedseg_train again, it resumes")
    try:
        values = json.loads(path.read_text("utf-8"))
        return {"plan": str(values["plan"]), "files": dict(values["files"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError("PS-A86", f"{fold.name}/run.json is damaged: copy the fold again") from error
