"""Networks of single bones, or of all in one, with a sigmoid each: strategies `individual` and `global` (D)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from pedseg.networks.autoencoder import Autoencoder
from pedseg.networks.classes import with_background
from pedseg.networks.domains import MultiDomain, MultiDomainOutput, Staged, check_sizes, last_pointwise, set_bias


class Bones(nn.Module):
    """One network a bone, side by side.

    What comes out are logits of background and bones (see `with_background`).

    Args:
        networks: of one output channel each.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, 1 + bones, H, W); or both with a depth behind."""
        return with_background(self.logits(x))

    def logits(self, x: Tensor) -> Tensor:
        """Of the sigmoids, (B, bones, H, W)."""
        return torch.cat([network(x) for network in self.networks], 1)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Feature maps of all scales, one bone's network after another."""
        return [stage for network in cast("Iterable[Staged]", self.networks) for stage in network.stages(x)]


class BoneAutoencoder(nn.Module):
    """One auto-encoder a bone, each of a mask of one channel (D, section 3.2.1).

    Args:
        networks: in the order of the bones.
    """

    def __init__(self, networks: Iterable[Autoencoder]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, masks: Tensor) -> Tensor:
        """(B, bones, H, W) -> logits of the same shape."""
        return torch.cat([network(mask) for network, mask in self._pairs(masks)], 1)

    def encode(self, masks: Tensor) -> Tensor:
        """(B, bones, H, W) -> codes (bones B, 512, H / 16, W / 16): a mask of one bone has one of its own."""
        return torch.cat([network.encode(mask) for network, mask in self._pairs(masks)])

    def decode(self, code: Tensor) -> Tensor:
        """What `encode` gave -> logits, (B, bones, H, W)."""
        parts = zip(cast("Iterable[Autoencoder]", self.networks), code.chunk(len(self.networks)), strict=True)
        return torch.cat([network.decode(part) for network, part in parts], 1)

    def _pairs(self, masks: Tensor) -> list[tuple[Autoencoder, Tensor]]:
        networks = cast("Iterable[Autoencoder]", self.networks)
        return list(zip(networks, torch.split(masks, 1, dim=1), strict=True))


class BoneDiscriminator(nn.Module):
    """One discriminator a bone, which sees two channels: the image and the mask of its bone (D, section 3.2.1).

    Args:
        networks: in the order of the bones.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1 + bones, H, W), the image first -> scores (B, bones, h, w)."""
        image, *masks = torch.split(x, 1, dim=1)
        pairs = zip(self.networks, masks, strict=True)
        return torch.cat([network(torch.cat([image, mask], 1)) for network, mask in pairs], 1)


class BoneNetworks(MultiDomain):
    """Networks of bones for several domains, nothing shared.

    `forward` gives the logits of sigmoids, one a bone or one for all, which is what they are trained on.

    Args:
        networks: a domain, its networks of one output channel each.
        names: of the domains.
    """

    def __init__(self, networks: Iterable[Iterable[nn.Module]], names: Sequence[str]) -> None:
        super().__init__(names)
        self.networks = nn.ModuleList(Bones(own) for own in networks)

    def forward(self, images: Tensor, sizes: Sequence[int]) -> MultiDomainOutput:
        """See `MultiDomain`."""
        check_sizes(images, sizes, len(self.names))
        parts = torch.split(images, list(sizes))
        return MultiDomainOutput(tuple(map(_logits, self._own, parts)))

    def select(self, index: int) -> nn.Module:
        """See `MultiDomain`."""
        return copy.deepcopy(self.networks[index])

    def head(self, index: int) -> nn.Conv2d:
        """See `MultiDomain`; of the first bone's network."""
        return last_pointwise(self._own[index].networks[0])

    def start(self, frequencies: Sequence[Sequence[float]]) -> None:
        """See `MultiDomain`."""
        for own, shares in zip(self._own, frequencies, strict=True):
            bones = list(own.networks)
            wanted = shares[1:] if len(bones) == len(shares) - 1 else [1 - shares[0]]
            for network, share in zip(bones, wanted, strict=True):
                set_bias(last_pointwise(network), torch.tensor([share], dtype=torch.float64).logit())

    @property
    def _own(self) -> list[Bones]:
        return list(cast("Iterable[Bones]", self.networks))


def _logits(bones: Bones, images: Tensor) -> Tensor:
    if not len(images):
        return images.new_empty((0, len(bones.networks), *images.shape[2:]))
    return bones.logits(images)
