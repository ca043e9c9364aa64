"""Masks in, what the auto-encoder of a fold makes of them out: the masks again, and their codes (B, section 2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pedseg.inference.predict import BATCH
from pedseg.losses import targets_of
from pedseg.networks import MultiDomainAutoencoder, class_logits, embed
from pedseg.plan import Plan


@dataclass(frozen=True, eq=False)
class MaskCodes:
    """Where masks lie in the latent space of an auto-encoder.

    Args:
        codes: (N, d), F(y) averaged over space, of whatever length; of one auto-encoder a bone, one behind the other.
        scales: (N, d_s) of unit length a scale, encoder then decoder (the z of B, section 3.5); none where every bone
            has an auto-encoder of its own.
    """

    codes: NDArray[np.float32]
    scales: tuple[NDArray[np.float32], ...] = ()


@torch.inference_mode()
def reconstruct(
    autoencoder: MultiDomainAutoencoder, plan: Plan, domain: str, labels: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The labels that an auto-encoder gives back.

    Args:
        autoencoder: of a fold (`load_autoencoder`), in eval mode.
        plan: the fold's.
        domain: whose masks they are.
        labels: (N, d W, d W) as in the slice cache.

    Returns:
        (N, W, W), the most probable label of every pixel: 0..n, or 0 and 1 in strategy `global`.
    """
    index = plan.domain_names.index(domain)
    network, side = autoencoder.select(index), plan.domains[index].window
    pieces = [np.zeros((0, side, side), np.uint8)]
    for masks in _batches(plan, index, labels, network):
        logits = class_logits(network(masks), plan.coding, index)
        pieces.append(logits.argmax(1).to(torch.uint8).cpu().numpy())
    return np.concatenate(pieces)


@torch.inference_mode()
def embed_masks(autoencoder: MultiDomainAutoencoder, plan: Plan, domain: str, labels: NDArray[np.uint8]) -> MaskCodes:
    """Codes and embeddings of masks; see `reconstruct` for what is given.

    Masks of background only say nothing of shapes: leave them out (B, section 3.5).

    Raises:
        ValueError: no mask at all.
    """
    if not len(labels):
        raise ValueError(f"masks of {domain} are needed to embed, got none: name exams that show bone")
    index = plan.domain_names.index(domain)
    network: Any = autoencoder.select(index)
    codes, scales = [], []
    for masks in _batches(plan, index, labels, network):
        codes.append(_pooled(network.encode(masks), len(masks)))
        stages = network.stages(masks) if hasattr(network, "stages") else []
        scales.append([embed(stage, "average") for stage in stages])
    joined = (torch.cat(scale).cpu().numpy() for scale in zip(*scales, strict=True))
    return MaskCodes(torch.cat(codes).cpu().numpy(), tuple(joined))


def _pooled(code: Tensor, n_masks: int) -> Tensor:
    """(bones B, d, h, w), bone by bone -> (B, bones d)."""
    return torch.cat(torch.split(code.mean((2, 3)), n_masks), 1)


def _batches(plan: Plan, index: int, labels: NDArray[np.uint8], network: nn.Module) -> Iterator[Tensor]:
    """(B, channels, W, W) where the network is: the share of each pixel that every class covers."""
    side, place = plan.domains[index].window, next(network.parameters()).device
    for start in range(0, len(labels), BATCH):
        some = torch.from_numpy(np.array(labels[start : start + BATCH]))
        sizes = [len(some) if k == index else 0 for k in range(len(plan.domains))]
        yield targets_of(some, sizes, plan.coding, size=(side, side))[index].to(place)
