"""Cross-entropy over several domains: of a softmax (B eq. 1), of sigmoids (D, section 3.2.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Mean over domains of the mean over images, classes and pixels of -y log p.

    The mean over classes makes it 1/|C_k| of the usual cross-entropy. Domains without images are left out of the
    mean over domains.

    Args:
        logits: one a domain, (B_k, |C_k|, H, W), any floating type.
        targets: one a domain, (B_k, |C_k|, H, W): the y, one-hot or shares (`coverage`).

    Returns:
        A scalar, computed in float32 (float64 stays).
    """
    terms = [_mean_over_all(x, y) for x, y in zip(logits, targets, strict=True) if len(x)]
    return torch.stack(terms).mean()


def binary_cross_entropy(logits: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Mean over domains of the mean over images, sigmoids and pixels of -y log p - (1 - y) log(1 - p).

    What bones alone, or all in one, are trained with in place of D eq. 3. Domains without images are left out.

    Args:
        logits: one a domain, (B_k, sigmoids, H, W), any floating type.
        targets: one a domain, as large: the y, 0 and 1 or shares (`coverage`).

    Returns:
        A scalar, computed in float32 (float64 stays).
    """
    wide = [(x if x.dtype == torch.float64 else x.float(), y) for x, y in zip(logits, targets, strict=True) if len(x)]
    return torch.stack([F.binary_cross_entropy_with_logits(x, y.to(x)) for x, y in wide]).mean()


def _mean_over_all(logits: Tensor, targets: Tensor) -> Tensor:
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return F.cross_entropy(wide, targets.to(wide)) / logits.shape[1]
