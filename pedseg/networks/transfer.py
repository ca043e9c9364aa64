"""Weights of one domain as the start of another's: scheme `transfer` (B, section 3.2.1 and figure 4b)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from pedseg.errors import ModelError
from pedseg.networks.domains import IndividualNetworks, last_pointwise
from pedseg.networks.state_dicts import mismatch, told


def carry_over(network: IndividualNetworks, weights: Mapping[str, Any], source: str) -> None:
    """Start the networks of all domains from one that was trained on the source.

    Convolutions, gates, gamma and beta are carried over. Heads stay as they were drawn, for classes differ, and so do
    the norms' running statistics, which are of the source's images. The source's own network becomes the trained one,
    whole: B scores the individual network where a transferred one would come home.

    Args:
        network: changed in place.
        weights: of the ordinary network of the source.
        source: name of its domain.

    Raises:
        ModelError: PS-A102 the weights are of another network; nothing is carried over.
    """
    home = network.networks[network.names.index(source)]
    if faults := mismatch(weights, home.state_dict()):
        raise ModelError("PS-A102", f"weights of the network of {source} are needed, got {told(faults)}: start over")
    for target in network.networks:
        own: set[str] = set() if target is home else _own_keys(target)
        with torch.no_grad():
            for key, value in target.state_dict().items():
                if key not in own:
                    value.copy_(weights[key])


def _own_keys(network: nn.Module) -> set[str]:
    """State of the head and of the norms' statistics."""
    head = last_pointwise(network)
    keys: set[str] = set()
    for name, module in network.named_modules():
        if module is head:
            keys |= {f"{name}.{key}" for key in module.state_dict()}
        elif isinstance(module, nn.BatchNorm2d):
            keys |= {f"{name}.{key}" for key, _ in module.named_buffers()}
    return keys
