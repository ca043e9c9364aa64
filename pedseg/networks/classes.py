"""From the channels a network is trained on to the classes of one domain, background and structures."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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


def own_classes(coding: Coding, index: int) -> OwnClasses:
    """The classes of one domain among those of all."""
    places = coding.places[index]
    return OwnClasses(places[1] or 0, len(places) - 1)


def with_background(logits: Tensor) -> Tensor:
    """Logits of sigmoids -> logits of a softmax over background and the same.

    Sigmoids that know nothing of each other may call a pixel two bones. Given that it is one at most, bone c has the
    odds p_c / (1 - p_c) against background, so its logit beside a background of 0 is that of its sigmoid. The most
    probable class is then background where every p < 0.5, else the bone of the highest p (D, section 3.2.1), and the
    classes sum to one as those of any softmax.

    Args:
        logits: (B, bones, ...).

    Returns:
        (B, 1 + bones, ...).
    """
    return torch.cat([torch.zeros_like(logits[:, :1]), logits], 1)


def class_logits(logits: Tensor, coding: Coding, index: int) -> Tensor:
    """Logits of the labels a prediction names.

    Args:
        logits: (B, channels, H, W) of one domain.
        coding: what its channels stand for.
        index: of the domain.
    """
    if coding.activation == "sigmoid":
        return with_background(logits)
    if coding.widths[index] == len(coding.places[index]):
        return logits
    own: Tensor = own_classes(coding, index)(logits)
    return own
