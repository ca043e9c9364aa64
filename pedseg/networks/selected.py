"""The network a bundle names: one domain, ordinary layers, weights from the one multi-domain checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pedseg.errors import ModelError
from pedseg.networks.domains import MultiDomain, select_domain
from pedseg.networks.factory import build_network
from pedseg.networks.state_dicts import mismatch, some, told
from pedseg.plan import Plan, load_plan


class SelectedNetwork(nn.Module):
    """The ordinary network of one domain of a plan (plain batch norms, one head; scriptable).

    Its `load_state_dict` takes its own weights or the multi-domain ones of the plan, of which it keeps its domain's;
    anything else is refused, `strict` or not: half-loaded weights would segment, badly and silently.

    Args:
        plan: a plan, or the path of a `plan.json`.
        domain: name of one of the plan's domains.

    Raises:
        ModelError: PS-A124 the plan has no such domain.
    """

    def __init__(self, plan: Plan | Path | str, domain: str) -> None:
        super().__init__()
        self.plan = plan if isinstance(plan, Plan) else load_plan(plan)
        self.domain = domain
        self.network = select_domain(_multidomain(self.plan), domain)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Feature maps of all scales."""
        return self.network.stages(x)  # type: ignore[no-any-return, operator]

    def forward(self, x: Tensor) -> Tensor:
        """Logits of (B, 1, H, W) or (B, 1, H, W, D)."""
        return self.network(x)  # type: ignore[no-any-return]

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load this network's own weights or those of the plan's multi-domain network.

        Raises:
            ModelError: PS-A102 a key or a shape is neither's, or only some of the weights are new ones.
        """
        own = self.state_dict()
        if faults := mismatch(state_dict, own):
            state_dict = self._selected(state_dict, faults)
        elif not assign:
            _check_foreign(state_dict, own)
        return super().load_state_dict(state_dict, strict=strict, assign=assign)

    def _selected(self, state_dict: Mapping[str, Any], own_faults: dict[str, list[str]]) -> dict[str, Tensor]:
        trained = _multidomain(self.plan)
        if faults := mismatch(state_dict, trained.state_dict()):
            raise _refusal(min(own_faults, faults, key=_count))
        trained.load_state_dict(state_dict)
        return {f"network.{k}": v for k, v in select_domain(trained, self.domain).state_dict().items()}


def _multidomain(plan: Plan) -> MultiDomain:
    return build_network(plan.network, [d.domain for d in plan.domains])


def _count(faults: dict[str, list[str]]) -> int:
    return sum(map(len, faults.values()))


def _refusal(faults: dict[str, list[str]]) -> ModelError:
    text = f"weights of this plan's network are needed, got {told(faults)}: use its run's model.pt"
    return ModelError("PS-A102", text)


def _check_foreign(state_dict: Mapping[str, Any], own: Mapping[str, Tensor]) -> None:
    """Refuse a network's own tensors: a loader that skips what does not fit fills the gaps with them."""
    kept = [k for k, v in own.items() if state_dict[k].data_ptr() == v.data_ptr()]
    if kept:
        raise ModelError("PS-A102", f"{len(kept)} of {len(own)} weights ({some(kept)}) are not from a file: load all")
