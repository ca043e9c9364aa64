"""First layers of networks that read masks: as many channels in as the domain has classes (B, section 2.3)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


class DomainInputs(nn.Module):
    """One first convolution a domain, the counterpart of `DomainHeads`.

    Args:
        convs: one a domain, to the same number of channels.
    """

    def __init__(self, convs: Iterable[nn.Conv2d]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)

    def forward(self, masks: Sequence[Tensor]) -> Tensor:
        """(B_k, |C_k|, H, W) a domain, empty where it has none -> (B, C, H, W) ordered by domain."""
        return torch.cat([conv(mask) for conv, mask in zip(self.convs, masks, strict=True) if len(mask)])

    def select(self, domain: int) -> nn.Conv2d:
        """The ordinary convolution of one domain, a copy."""
        return copy.deepcopy(self.convs[domain])  # type: ignore[return-value]
