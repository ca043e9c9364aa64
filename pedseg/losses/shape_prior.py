"""Shape priors: predictions whose codes are those of real shapes (B eq. 7, D eq. 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

Reduction = Literal["mean", "sum"]


class MaskEncoder(Protocol):
    """F: a frozen encoder of masks (`pedseg.networks.ShapeEncoder`)."""

    def __call__(self, masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Codes of every domain, (B_k, d, h, w); empty for a domain without images."""


def shape_prior(
    predicted: Sequence[Tensor], reference: Sequence[Tensor], encoder: MaskEncoder, *, reduction: Reduction
) -> Tensor:
    """Squared Euclidean distance of F(y) and F(p): mean over images, then over domains.

    With the auto-encoder of all joints this is L_MJAP (B eq. 7), with a joint's own L_shape (D eq. 6). Gradients
    flow through p only. Domains without images are left out.

    Args:
        predicted: the p, one a domain, (B_k, |C_k|, H, W) probabilities.
        reference: the y, as many and as large, one-hot or shares (`coverage`).
        encoder: F, frozen and in evaluation.
        reduction: over the numbers of a code; `sum` as the papers write it, whose gradient is some thousand times that
            of the cross-entropy, or `mean`.

    Returns:
        A scalar, computed in float32 (float64 stays).
    """
    with torch.no_grad():
        wanted = encoder(reference)
    codes = zip(encoder(predicted), wanted, strict=True)
    return torch.stack([_distance(p, y, reduction) for p, y in codes if len(p)]).mean()


def _distance(predicted: Tensor, wanted: Tensor, reduction: Reduction) -> Tensor:
    wide = predicted if predicted.dtype == torch.float64 else predicted.float()
    squared = (wide - wanted.to(wide)).square().flatten(1)
    each = squared.sum(1) if reduction == "sum" else squared.mean(1)
    return each.mean()
