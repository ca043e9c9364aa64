"""One network and one head for the structures of all domains: scheme `shared` (A: joint; B, section 3.2.1)."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pedseg.networks.classes import own_classes
from pedseg.networks.domains import (
    MultiDomain,
    MultiDomainOutput,
    check_sizes,
    is_staged,
    last_pointwise,
    replace_modules,
    set_bias,
)
from pedseg.plan import Coding


class JointNetwork(MultiDomain):
    """Convolutions, norms and head shared by all domains.

    `forward` gives each domain's images the logits of background and the structures of all domains, which is what
    it is trained on; `select` folds those of other domains into background.

    Args:
        network: an ordinary one over all classes.
        names: of the domains.
        coding: channels of its output.
    """

    def __init__(self, network: nn.Module, names: Sequence[str], coding: Coding) -> None:
        super().__init__(names)
        self.network = network
        self.coding = coding

    def forward(self, images: Tensor, sizes: Sequence[int]) -> MultiDomainOutput:
        """See `MultiDomain`; as many logits for every domain."""
        check_sizes(images, sizes, len(self.names))
        if not is_staged(self.network):
            return MultiDomainOutput(torch.split(self.network(images), list(sizes)))
        stages = self.network.stages(images)
        return MultiDomainOutput(torch.split(self.network.head(stages[-1]), list(sizes)), tuple(stages))

    def select(self, index: int) -> nn.Module:
        """See `MultiDomain`."""
        last = last_pointwise(self.network)
        own = own_classes(self.coding, index)

        def folded(module: nn.Module) -> nn.Module | None:
            return nn.Sequential(copy.deepcopy(last), own) if module is last else None

        return replace_modules(self.network, folded)

    def head(self, index: int) -> nn.Conv2d:  # noqa: ARG002
        """See `MultiDomain`; the same for all."""
        return last_pointwise(self.network)

    def start(self, frequencies: Sequence[Sequence[float]]) -> None:
        """See `MultiDomain`: as often as in a batch, to which every domain gives as many images."""
        shares = torch.zeros(self.head(0).out_channels, dtype=torch.float64)
        for places, own in zip(self.coding.places, frequencies, strict=True):
            shares[list(places)] += torch.tensor(own, dtype=torch.float64) / len(frequencies)
        set_bias(self.head(0), shares.log())
