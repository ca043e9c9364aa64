"""From an ordinary network to one for several domains, and back (B, section 2.1.2)."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard, cast

import torch
from torch import Tensor, nn

from pedseg.domains import Domain
from pedseg.errors import ModelError
from pedseg.networks.embeddings import Pooling, embed
from pedseg.networks.inputs import DomainInputs
from pedseg.networks.normalisation import DomainBatchNorm2d, DomainSizes


class Staged(Protocol):
    """A network whose logits are `head(stages(x)[-1])`."""

    head: nn.Module

    def stages(self, x: Tensor) -> list[Tensor]:
        """Feature maps of all scales."""


class Selectable(Protocol):
    """What holds the ordinary networks of several domains."""

    names: tuple[str, ...]

    def select(self, index: int) -> nn.Module:
        """A copy of the ordinary network of one domain."""


@dataclass(frozen=True, eq=False)
class MultiDomainOutput:
    """What a multi-domain network says of one batch.

    Args:
        logits: one a domain, (B_k, |C_k|, H, W); empty for a domain without images.
        stages: feature maps of all scales over the whole batch, (B, d, h, w) each; empty where domains share none.
    """

    logits: tuple[Tensor, ...]
    stages: tuple[Tensor, ...] = ()

    def embeddings(self, pooling: Pooling) -> tuple[Tensor, ...]:
        """z_s of every scale, (B, d_s) float32 of unit length."""
        return tuple(embed(stage, pooling) for stage in self.stages)

    def bottleneck_embedding(self, pooling: Pooling) -> Tensor:
        """The embedding of the coarsest scale alone, (B, d) float32."""
        return embed(min(self.stages, key=lambda stage: stage.shape[-2] * stage.shape[-1]), pooling)


class MultiDomain(nn.Module):
    """A network for several domains, in the order of their names."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    @abstractmethod
    def forward(self, images: Tensor, sizes: Sequence[int]) -> MultiDomainOutput:
        """Logits of every domain.

        Args:
            images: (B, C, H, W), ordered by domain.
            sizes: images of each domain, summing to B; 0 where a domain is absent.
        """

    @abstractmethod
    def select(self, index: int) -> nn.Module:
        """A copy of the ordinary network of one domain."""

    @abstractmethod
    def head(self, index: int) -> nn.Conv2d:
        """The last 1x1 convolution of one domain, itself."""

    def start(self, frequencies: Sequence[Sequence[float]]) -> None:
        """See `start_heads`."""
        for index, shares in enumerate(frequencies):
            set_bias(self.head(index), torch.tensor(shares, dtype=torch.float64).log())


class SharedNetwork(MultiDomain):
    """Shared convolutions, domain-specific norms and heads: scheme `dsl`.

    Shared convolutions see the whole mixed batch once.

    Args:
        network: with its norms and its last 1x1 convolution replaced; one that is not `Staged` yields no stages.
        names: of the domains.
        sizes: what its domain-specific layers share.
    """

    def __init__(self, network: nn.Module, names: Sequence[str], sizes: DomainSizes) -> None:
        super().__init__(names)
        self.network = network
        self.sizes = sizes

    def forward(self, images: Tensor, sizes: Sequence[int]) -> MultiDomainOutput:
        """See `MultiDomain`."""
        check_sizes(images, sizes, len(self.names))
        with self.sizes.of_batch(sizes):
            if not is_staged(self.network):
                return MultiDomainOutput(self.network(images))
            stages = self.network.stages(images)
            return MultiDomainOutput(self.network.head(stages[-1]), tuple(stages))

    def select(self, index: int) -> nn.Module:
        """See `MultiDomain`."""
        return select_layers(self.network, index)

    def head(self, index: int) -> nn.Conv2d:
        """See `MultiDomain`."""
        (heads,) = (m for m in self.network.modules() if isinstance(m, DomainHeads))
        return heads.convs[index]  # type: ignore[return-value]


class IndividualNetworks(MultiDomain):
    """One network a domain, nothing shared: scheme `individual`."""

    def __init__(self, networks: Iterable[nn.Module], names: Sequence[str]) -> None:
        super().__init__(names)
        self.networks = nn.ModuleList(networks)
        self.classes = tuple(last_pointwise(network).out_channels for network in self.networks)

    def forward(self, images: Tensor, sizes: Sequence[int]) -> MultiDomainOutput:
        """See `MultiDomain`."""
        check_sizes(images, sizes, len(self.names))
        parts = torch.split(images, list(sizes))
        empty = [part.new_empty((0, n, *part.shape[2:])) for part, n in zip(parts, self.classes, strict=True)]
        nets = zip(self.networks, parts, empty, strict=True)
        return MultiDomainOutput(tuple(net(part) if len(part) else none for net, part, none in nets))

    def select(self, index: int) -> nn.Module:
        """See `MultiDomain`."""
        return copy.deepcopy(self.networks[index])

    def head(self, index: int) -> nn.Conv2d:
        """See `MultiDomain`."""
        return last_pointwise(self.networks[index])


class DomainHeads(nn.Module):
    """One last 1x1 convolution a domain (W_k, b_k; B eq. 4)."""

    def __init__(self, convs: Iterable[nn.Conv2d], sizes: DomainSizes) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)
        self.classes = tuple(conv.out_channels for conv in cast("Iterable[nn.Conv2d]", self.convs))
        self.sizes = sizes

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, C, H, W) ordered by domain -> (B_k, |C_k|, H, W) a domain, empty where it has no images."""
        logits = [x.new_empty((0, n, *x.shape[2:])) for n in self.classes]
        for domain, part in self.sizes.split(x):
            logits[domain] = self.convs[domain](part)
        return tuple(logits)

    def select(self, domain: int) -> nn.Conv2d:
        """The ordinary convolution of one domain, a copy."""
        return copy.deepcopy(self.convs[domain])  # type: ignore[return-value]


def make_multidomain(network: nn.Module, domains: int | Sequence[Domain]) -> SharedNetwork:
    """Give a network domain-specific norms and heads.

    Args:
        network: any with BatchNorm2d layers and a last 1x1 convolution; left as it is, its weights are copied.
        domains: the domains, or how many: then named "0", "1", ... with as many classes as the network has.

    Returns:
        A network over (images, sizes). A head of as many classes as the network's starts as its copy, others afresh.

    Raises:
        ValueError: the network has no 1x1 convolution to make heads of.
    """
    last = last_pointwise(network)
    if isinstance(domains, int):
        names, classes = [str(d) for d in range(domains)], [last.out_channels] * domains
    else:
        names, classes = [d.name for d in domains], [d.n_classes for d in domains]
    sizes = DomainSizes()

    def specific(module: nn.Module) -> nn.Module | None:
        if module is last:
            return DomainHeads((_head(last, n) for n in classes), sizes)
        return DomainBatchNorm2d(module, len(names), sizes) if isinstance(module, nn.BatchNorm2d) else None

    return SharedNetwork(replace_modules(network, specific), names, sizes)


def start_heads(network: MultiDomain, frequencies: Sequence[Sequence[float]]) -> None:
    """Set the bias of every head to the logarithm of its labels' frequencies.

    A fresh network then predicts each label as often as it occurs, instead of all labels alike; without this the
    cross-entropy of thin structures is spent on learning the background for hundreds of steps.

    Args:
        network: changed in place.
        frequencies: a domain, the positive share of its labels 0..n in the training slices.
    """
    network.start(frequencies)


def select_domain(network: Selectable, name: str) -> nn.Module:
    """The ordinary network of one domain: plain norms and one head, equal bit for bit in evaluation.

    Raises:
        ModelError: PS-A124 the network has no such domain.
    """
    if name not in network.names:
        known = ", ".join(network.names)
        raise ModelError("PS-A124", f"no domain {name!r} in this model; it knows {known}: choose one of them")
    return network.select(network.names.index(name))


def select_layers(network: nn.Module, domain: int) -> nn.Module:
    """A copy of a network with the ordinary layers of one domain in place of the domain-specific ones."""

    def plain(module: nn.Module) -> nn.Module | None:
        specific = (DomainBatchNorm2d, DomainHeads, DomainInputs)
        return module.select(domain) if isinstance(module, specific) else None

    return replace_modules(network, plain)


def replace_modules(network: nn.Module, replacement: Callable[[nn.Module], nn.Module | None]) -> nn.Module:
    """A copy of a network with some layers exchanged.

    Args:
        network: left as it is.
        replacement: layer -> what stands in its place, or None to copy it.
    """
    # deepcopy takes what stands in its memo for an object as that object's copy
    memo: dict[int, nn.Module] = {}
    for module in network.modules():
        if (new := replacement(module)) is not None:
            memo[id(module)] = new
    return copy.deepcopy(network, memo)


def set_bias(head: nn.Conv2d, values: Tensor) -> None:
    """Set the bias of a head that has one."""
    if head.bias is not None:
        with torch.no_grad():
            head.bias.copy_(values)


def is_staged(network: nn.Module) -> TypeGuard[Staged]:
    """Whether a network shows its feature maps."""
    return hasattr(network, "stages") and hasattr(network, "head")


def last_pointwise(network: nn.Module) -> nn.Conv2d:
    """The last 1x1 convolution, whose output are the logits.

    Raises:
        ValueError: there is none.
    """
    scope = network.head if is_staged(network) else network
    found = [m for m in scope.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    if not found:
        raise ValueError(f"{type(network).__name__} has no 1x1 convolution to make heads of")
    return found[-1]


def check_sizes(images: Tensor, sizes: Sequence[int], n_domains: int) -> None:
    """Refuse sizes that do not cover a batch."""
    if len(sizes) != n_domains or sum(sizes) != images.shape[0] or min(sizes) < 0:
        wanted = f"{n_domains} sizes that sum to {images.shape[0]}"
        raise ValueError(f"one size a domain is needed, {wanted}, got {list(sizes)}")


def _head(conv: nn.Conv2d, n_classes: int) -> nn.Conv2d:
    if n_classes == conv.out_channels:
        return copy.deepcopy(conv)
    return nn.Conv2d(conv.in_channels, n_classes, 1, bias=conv.bias is not None)
