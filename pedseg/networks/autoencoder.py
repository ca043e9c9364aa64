"""Auto-encoders of masks, which learn what the bones of a joint look like (B, section 2.3; C, section 2.2; D, 2.2)."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from pedseg.domains import Domain
from pedseg.networks.blocks import conv_block, double_conv, upsample_conv
from pedseg.networks.domains import MultiDomainOutput, make_multidomain, replace_modules, select_layers
from pedseg.networks.encoders import ConvEncoder
from pedseg.networks.inputs import DomainInputs
from pedseg.networks.normalisation import DomainSizes
from pedseg.plan import AutoencoderSpec

Masks = Tensor | Sequence[Tensor]
"""(B, |C|, H, W); or one tensor a domain where the input is domain-specific."""


class Autoencoder(nn.Module):
    """Encoder F, decoder G and a head, no skips between: all that G knows of a mask is its code.

    Args:
        encoder: mask -> feature maps, finest first; the last is the code.
        steps: of the decoder, (B, C, H, W) -> (B, C', 2H, 2W) each, coarsest first.
        head: the last feature map -> logits.
    """

    def __init__(self, encoder: nn.Module, steps: Iterable[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = nn.ModuleList(steps)
        self.head = head

    def encode(self, masks: Masks) -> Tensor:
        """F(y), the code: (B, 512, H / 16, W / 16)."""
        code: Tensor = self.encoder(masks)[-1]
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Logits of G(code), (B, |C|, H, W)."""
        for step in self.decoder:
            code = step(code)
        logits: Tensor = self.head(code)
        return logits

    def stages(self, masks: Masks) -> list[Tensor]:
        """Feature maps of all nine scales, encoder then decoder: the s of B eq. 5."""
        features = list(self.encoder(masks))
        for step in self.decoder:
            features.append(step(features[-1]))
        return features

    def forward(self, masks: Tensor) -> Tensor:
        """Logits of G(F(y)), (B, |C|, H, W)."""
        logits: Tensor = self.head(self.stages(masks)[-1])
        return logits


class MultiDomainAutoencoder(nn.Module):
    """Auto-encoders for several domains, in the order of their names.

    Masks come one tensor a domain, (B_k, |C_k|, H, W): one-hot, shares of each label, or probabilities; empty for a
    domain without images.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    @abstractmethod
    def forward(self, masks: Sequence[Tensor]) -> MultiDomainOutput:
        """Logits of the masks again, and the feature maps of all scales."""

    @abstractmethod
    def encode(self, masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Codes of every domain, (B_k, 512, H / 16, W / 16); empty for a domain without images."""

    @abstractmethod
    def select(self, index: int) -> nn.Module:
        """A copy of the ordinary auto-encoder of one domain."""


class DomainSpecificAutoencoder(MultiDomainAutoencoder):
    """Shared convolutions between domain-specific input, norms and heads: scheme `dsl`.

    Args:
        network: an `Autoencoder` with those layers replaced.
        names: of the domains.
        sizes: what its domain-specific layers share.
    """

    def __init__(self, network: Autoencoder, names: Sequence[str], sizes: DomainSizes) -> None:
        super().__init__(names)
        self.network = network
        self.sizes = sizes

    def forward(self, masks: Sequence[Tensor]) -> MultiDomainOutput:
        """See `MultiDomainAutoencoder`."""
        with self.sizes.of_batch([len(mask) for mask in masks]):
            stages = self.network.stages(masks)
            return MultiDomainOutput(self.network.head(stages[-1]), tuple(stages))

    def encode(self, masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """See `MultiDomainAutoencoder`."""
        sizes = [len(mask) for mask in masks]
        with self.sizes.of_batch(sizes):
            return torch.split(self.network.encode(masks), sizes)

    def select(self, index: int) -> nn.Module:
        """See `MultiDomainAutoencoder`."""
        return select_layers(self.network, index)


class SharedAutoencoder(MultiDomainAutoencoder):
    """One ordinary auto-encoder for the structures of all domains and background: scheme `shared` (B, 3.2.1).

    Args:
        network: over all classes, which every domain's masks have.
        names: of the domains.
    """

    def __init__(self, network: Autoencoder, names: Sequence[str]) -> None:
        super().__init__(names)
        self.network = network

    def forward(self, masks: Sequence[Tensor]) -> MultiDomainOutput:
        """See `MultiDomainAutoencoder`."""
        stages = self.network.stages(torch.cat(list(masks)))
        logits = self.network.head(stages[-1])
        return MultiDomainOutput(torch.split(logits, [len(mask) for mask in masks]), tuple(stages))

    def encode(self, masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """See `MultiDomainAutoencoder`."""
        return torch.split(self.network.encode(torch.cat(list(masks))), [len(mask) for mask in masks])

    def select(self, index: int) -> nn.Module:  # noqa: ARG002
        """See `MultiDomainAutoencoder`; the same for all."""
        return copy.deepcopy(self.network)


class IndividualAutoencoders(MultiDomainAutoencoder):
    """One auto-encoder a domain, nothing shared: scheme `individual` (C, D)."""

    def __init__(self, networks: Iterable[nn.Module], names: Sequence[str]) -> None:
        super().__init__(names)
        self.networks = nn.ModuleList(networks)

    def forward(self, masks: Sequence[Tensor]) -> MultiDomainOutput:
        """See `MultiDomainAutoencoder`; domains share no stages."""
        both = zip(self.networks, masks, strict=True)
        return MultiDomainOutput(tuple(network(mask) if len(mask) else mask for network, mask in both))

    def encode(self, masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """See `MultiDomainAutoencoder`."""
        both = zip(self.networks, masks, strict=True)
        return tuple(net.encode(mask) if len(mask) else mask for net, mask in both)  # type: ignore[operator]

    def select(self, index: int) -> nn.Module:
        """See `MultiDomainAutoencoder`."""
        return copy.deepcopy(self.networks[index])


class ShapeEncoder(nn.Module):
    """F of a trained auto-encoder, frozen and in evaluation for good: `train()` of what holds it leaves it so.

    Args:
        autoencoder: left as it is; its weights and statistics are copied.
    """

    def __init__(self, autoencoder: MultiDomainAutoencoder) -> None:
        super().__init__()
        self.autoencoder = copy.deepcopy(autoencoder).requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> ShapeEncoder:  # noqa: ARG002
        """Stay in evaluation."""
        return super().train(False)

    def forward(self, masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """See `MultiDomainAutoencoder.encode`; gradients pass to masks that ask for them."""
        return self.autoencoder.encode(masks)


def autoencoder(spec: AutoencoderSpec, n_classes: int) -> Autoencoder:
    """The ordinary auto-encoder of masks of one label set."""
    level = double_conv if spec.kind == "double" else conv_block
    steps = [_step(spec.kind, coarse, fine) for coarse, fine in pairwise(spec.channels[::-1])]
    return Autoencoder(
        ConvEncoder(n_classes, spec.channels, level=level), steps, nn.Conv2d(spec.channels[0], n_classes, 1)
    )


def make_multidomain_autoencoder(network: Autoencoder, domains: Sequence[Domain]) -> DomainSpecificAutoencoder:
    """Give an auto-encoder domain-specific input, norms and heads.

    Args:
        network: left as it is, its weights are copied. An input or a head of as many classes as its own starts as a
            copy of that, others afresh.
        domains: in the order of heads and batches.
    """
    first = next(m for m in network.encoder.modules() if isinstance(m, nn.Conv2d))
    inputs = DomainInputs(_input(first, d.n_classes) for d in domains)

    def specific(module: nn.Module) -> nn.Module | None:
        return inputs if module is first else None

    shared = make_multidomain(replace_modules(network, specific), domains)
    return DomainSpecificAutoencoder(cast("Autoencoder", shared.network), shared.names, shared.sizes)


def _input(conv: nn.Conv2d, n_classes: int) -> nn.Conv2d:
    if n_classes == conv.in_channels:
        return copy.deepcopy(conv)
    return nn.Conv2d(n_classes, conv.out_channels, 3, padding=1, bias=False)


def _step(kind: str, coarse: int, fine: int) -> nn.Module:
    if kind == "single":
        return upsample_conv(coarse, fine)
    return nn.Sequential(upsample_conv(coarse, fine), double_conv(fine, fine))
