"""One network and one head for the structures of all domains: scheme `shared` (A: joint; B, section 3.2.1)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

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


class OwnClasses(nn.Module):
    """Logits of all domains' classes -> logits of one domain's, foreign ones counted as background.

    The softmax of what comes out is that of what goes in, with foreign probabilities added to the background's.

    Args:
        first: channel of the domain's first structure; its others follow.
        count: structures of the domain.
    """

    def __init__(self, first: int, count: int) -> None:
        super().__init__()
        self.first = first
        self.stop = first + count

    def forward(self, logits: Tensor) -> Tensor:
        """(B, all, H, W) -> (B, 1 + count, H, W) in float32 (float64 stays)."""
        wide = logits if logits.dtype == torch.float64 else logits.float()
        others = torch.cat([wide[:, : self.first], wide[:, self.stop :]], 1)
        return torch.cat([others.logsumexp(1, keepdim=True), wide[:, self.first : self.stop]], 1)


class JointNetwork(MultiDomain):
    """Convolutions, norms and head shared by all domains.

    `forward` gives each domain's images the logits of background and the structures of all domains, which is what
    it is trained on; `select` and `class_logits` fold those of other domains into background.

    Args:
        network: an ordinary one over all classes.
        names: of the domains.
        coding: channels of its output.
    """

    def __init__(self, network: nn.Module, names: Sequence[str], coding: Coding) -> None:
        super().__init__(names)
        self.network = network
        self.places = cast("tuple[tuple[int, ...], ...]", coding.places)  # every label has its channel
        self.own = nn.ModuleList(OwnClasses(places[1], len(places) - 1) for places in self.places)

    def forward(self, images: Tensor, sizes: Sequence[int]) -> MultiDomainOutput:
        """See `MultiDomain`; as many logits for every domain."""
        check_sizes(images, sizes, len(self.names))
        if not is_staged(self.network):
            return MultiDomainOutput(torch.split(self.network(images), list(sizes)))
        stages = self.network.stages(images)
        return MultiDomainOutput(torch.split(self.network.head(stages[-1]), list(sizes)), tuple(stages))

    def class_logits(self, logits: Tensor, index: int) -> Tensor:
        """See `MultiDomain`."""
        own: Tensor = self.own[index](logits)
        return own

    def select(self, index: int) -> nn.Module:
        """See `MultiDomain`."""
        last = last_pointwise(self.network)
        own = self.own[index]

        def folded(module: nn.Module) -> nn.Module | None:
            return nn.Sequential(copy.deepcopy(last), copy.deepcopy(own)) if module is last else None

        return replace_modules(self.network, folded)

    def head(self, index: int) -> nn.Conv2d:  # noqa: ARG002
        """See `MultiDomain`; the same for all."""
        return last_pointwise(self.network)

    def start(self, frequencies: Sequence[Sequence[float]]) -> None:
        """See `MultiDomain`: as often as in a batch, to which every domain gives as many images."""
        shares = torch.zeros(self.head(0).out_channels, dtype=torch.float64)
        for places, own in zip(self.places, frequencies, strict=True):
            for channel, share in zip(places, own, strict=True):
                shares[channel] += share / len(frequencies)
        set_bias(self.head(0), shares.log())
