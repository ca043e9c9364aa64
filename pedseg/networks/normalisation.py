"""Domain-specific batch normalisation (DSBN; B eq. 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pedseg.networks.layout import planar_if_few


class DomainSizes:
    """How many images of each domain the batch in flight holds.

    A multi-domain network and all its domain-specific layers share one of these, so that the layers between need
    not know about domains: any `nn.Sequential` works.
    """

    def __init__(self) -> None:
        self._sizes: tuple[int, ...] | None = None

    @contextmanager
    def of_batch(self, sizes: Sequence[int]) -> Iterator[None]:
        """Set the sizes while a batch passes."""
        self._sizes = tuple(sizes)
        try:
            yield
        finally:
            self._sizes = None

    def split(self, x: Tensor) -> list[tuple[int, Tensor]]:
        """(domain, its part of the batch) for every domain present, in order; parts are views."""
        if self._sizes is None:
            raise RuntimeError("a domain-specific layer ran outside its network: call network(images, sizes)")
        present = [(d, n) for d, n in enumerate(self._sizes) if n]
        if len(present) == 1:
            return [(present[0][0], x)]
        return list(zip((d for d, _ in present), torch.split(x, [n for _, n in present]), strict=True))


class DomainBatchNorm2d(nn.Module):
    """One batch norm a domain, stacked: row d of every parameter and statistic is domain d's.

    Each domain is normalised by its own images; the statistics of a domain without images stay as they are.

    Args:
        norm: the layer it replaces; eps, momentum, weights and statistics are copied into every domain.
        n_domains: D.
        sizes: the sizes of the batch in flight, shared with the network around.

    Raises:
        ValueError: the layer has no weights, no running statistics or no momentum to copy.
    """

    weight: Tensor  # (D, C), as are bias, running_mean and running_var
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor  # (D,)

    def __init__(self, norm: nn.BatchNorm2d, n_domains: int, sizes: DomainSizes) -> None:
        super().__init__()
        if not norm.affine or not norm.track_running_stats or norm.momentum is None:
            raise ValueError(f"a norm with weights, running statistics and momentum is needed, got {norm}")
        self.eps = norm.eps
        self.momentum = norm.momentum
        self.sizes = sizes
        self.weight = nn.Parameter(_stack(norm.weight, n_domains))
        self.bias = nn.Parameter(_stack(norm.bias, n_domains))
        for name in _STATISTICS:
            self.register_buffer(name, _stack(getattr(norm, name), n_domains))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W), ordered by domain."""
        if self.training:
            x = planar_if_few(x)
        parts = [self._normalise(part, d) for d, part in self.sizes.split(x)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def select(self, domain: int) -> nn.BatchNorm2d:
        """The ordinary layer of one domain, a copy in evaluation or training as this one is."""
        norm = nn.BatchNorm2d(self.weight.shape[1], self.eps, self.momentum, device=self.weight.device)
        with torch.no_grad():
            for name in ("weight", "bias", *_STATISTICS):
                getattr(norm, name).copy_(getattr(self, name)[domain])
        return norm.train(self.training)

    def extra_repr(self) -> str:
        """Shape in the printed network."""
        domains, channels = self.weight.shape
        return f"{channels}, domains={domains}, eps={self.eps}, momentum={self.momentum}"

    def _normalise(self, x: Tensor, domain: int) -> Tensor:
        if self.training:
            self.num_batches_tracked[domain] += 1
        return F.batch_norm(
            x,
            self.running_mean[domain],
            self.running_var[domain],
            self.weight[domain],
            self.bias[domain],
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )


_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def _stack(value: Tensor, n: int) -> Tensor:
    return torch.stack([value.detach()] * n)
