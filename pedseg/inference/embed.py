"""Slices in, their places on the unit sphere out: what a trained network makes of them at each of its scales."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from pedseg.inference.checkpoint import Model
from pedseg.inference.predict import BATCH
from pedseg.networks.domains import is_staged
from pedseg.networks.embeddings import Pooling, embed


@torch.inference_mode()
def embed_slices(
    model: Model,
    domain: str,
    images: Iterable[NDArray[np.floating]],
    *,
    pooling: Pooling = "average",
    device: torch.device | None = None,
) -> list[NDArray[np.float32]]:
    """Embeddings of slices at every scale of a trained network (B, section 2.2), in float32 throughout.

    Args:
        model: of one fold, for every network has a space of its own.
        domain: whose slices they are.
        images: of several exams, (R, W, W) each, normalised as in the slice cache.
        pooling: over space.
        device: where the network runs; None is the CPU.

    Returns:
        (N, d_s) of unit length a scale, from the first stage of the encoder to the last of the decoder.

    Raises:
        ValueError: several folds, or a network that shows no scales (of another strategy of bones than `multi`).
        ModelError: see `load_network`.
    """
    place = device or torch.device("cpu")
    network = model.network(domain, place)
    if not is_staged(network.network):
        strategy = model.plan.network.strategy
        raise ValueError(f"strategy {strategy} shows no scales to embed, strategy multi does: name a model of it")
    pieces = []
    for exam in images:
        for start in range(0, len(exam), BATCH):
            batch = torch.from_numpy(np.asarray(exam[start : start + BATCH], np.float32))[:, None]
            pieces.append([embed(stage, pooling) for stage in network.stages(batch.to(place))])
    return [torch.cat(scale).cpu().numpy() for scale in zip(*pieces, strict=True)]
