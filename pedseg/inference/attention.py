"""Where a network looks: what its attention gate of the highest resolution lets through (B, section 3.4, figure 7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pedseg.inference.checkpoint import Model
from pedseg.inference.predict import BATCH
from pedseg.networks.attention import AttentionGate, finest_gates


@torch.inference_mode()
def attention_maps(
    model: Model, domain: str, images: NDArray[np.floating], *, device: torch.device | None = None
) -> NDArray[np.float32]:
    """Attention coefficients of slices, upsampled bilinearly to their size where the gate stands at a lower one.

    Args:
        model: of one fold.
        domain: whose slices they are.
        images: (N, W, W), normalised as in the slice cache.
        device: where the network runs; None is the CPU.

    Returns:
        (N, W, W) in 0..1. Of one network a bone, the highest of them.

    Raises:
        ValueError: several folds, or a network without attention gates.
        ModelError: see `load_network`.
    """
    place = device or torch.device("cpu")
    network = model.network(domain, place)
    gates = finest_gates(network)
    if not gates:
        raise ValueError(f"{model.plan.network.name} has no attention gates: name a model of a network that has")
    pieces: list[NDArray[np.float32]] = [np.zeros(images.shape, np.float32)[:0]]
    with _coefficients(gates) as seen:
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(np.asarray(images[start : start + BATCH], np.float32))[:, None]
            network(batch.to(place))
            whole = [_upsampled(alpha, batch) for alpha in seen]
            seen.clear()
            pieces.append(torch.stack(whole).amax(0).cpu().numpy())
    return np.concatenate(pieces)


def _upsampled(alpha: Tensor, images: Tensor) -> Tensor:
    """(B, 1, h, w) -> (B, W, W)."""
    size = (images.shape[-2], images.shape[-1])
    return F.interpolate(alpha.float(), size, mode="bilinear", align_corners=False)[:, 0]


@contextmanager
def _coefficients(gates: Sequence[AttentionGate]) -> Iterator[list[Tensor]]:
    """A list that fills with the coefficients of every gate, in their order, as its network runs."""
    seen: list[Tensor] = []

    def note(gate: AttentionGate, inputs: tuple[Tensor, Tensor], _output: Tensor) -> None:
        seen.append(gate.coefficients(*inputs))

    handles = [gate.register_forward_hook(note) for gate in gates]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
