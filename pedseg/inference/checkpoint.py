"""Read trained folds: checked before they are parsed, tensors and plain values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from pedseg.errors import ModelError, UsageError
from pedseg.networks import SelectedNetwork
from pedseg.networks.state_dicts import read_tensors
from pedseg.plan import Plan
from pedseg.storage.runs import MANIFEST, PLAN, WEIGHTS, check_file, common_plan, weights_of

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

    def network(self, domain: str, device: torch.device) -> SelectedNetwork:
        """The network of one domain of a model of one fold, for what it makes of slices inside is its own.

        Raises:
            ValueError: several folds.
            ModelError: see `load_network`.
        """
        if len(self.folds) != 1:
            count = len(self.folds)
            raise ValueError(f"what a network makes of slices is one fold's, got a model of {count} folds: name one")
        return self.networks(domain, device)[0]

    @property
    def digests(self) -> dict[str, str]:
        """Fold name -> sha256 of its weights."""
        return {name: digest for fold in self.folds for name, digest in weights_of(fold).items()}


def load_model(path: Path | str) -> Model:
    """Open a run (all its finished folds) or one fold.

    Raises:
        UsageError: PS-A125 no such folder.
        ModelError: PS-A123 nothing finished in it, PS-A87 folds of different plans, PS-A86 a damaged file.
    """
    path = Path(path)
    if path.is_file():
        text = f"{path.name} is a file: name the folder of the run or of the fold with -m, or a zip of it"
        raise UsageError("PS-A125", text)
    if not path.is_dir():
        raise UsageError("PS-A125", _missing(path))
    folds = (path,) if (path / PLAN).is_file() else tuple(sorted(p.parent for p in path.glob(f"fold_*/{MANIFEST}")))
    if not folds:
        raise ModelError("PS-A123", f"no finished fold in {path}: run pedseg_train 0")
    return Model(common_plan(folds), folds)


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


def to_device(network: N, plan: Plan, device: torch.device) -> N:
    """A network where and how it runs fastest; values do not change."""
    layout = torch.channels_last if plan.schedule.channels_last else torch.contiguous_format
    return network.to(device).to(memory_format=layout)  # type: ignore[call-overload, no-any-return]


def _missing(path: Path) -> str:
    """Which runs there are beside the one that is not: of scheme `transfer` none has the run's plain name."""
    others = sorted({p.parent.name for p in path.parent.glob("*/fold_*")})
    advice = f"name one of {', '.join(others)} there with -m" if others else "train one with pedseg_train"
    return f"model {path} is missing: {advice}"
