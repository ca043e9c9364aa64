"""Targets: how much of each pixel every label covers."""

from __future__ import annotations

import torch
from torch import Tensor


def coverage(labels: Tensor, n_classes: int, size: tuple[int, int]) -> Tensor:
    """Share of each pixel that each label covers.

    Labels as fine as the pixels give one-hot targets. Finer ones (`DomainPlan.label_detail`) give fractions at the
    edges of bones, from which a network learns where inside a pixel an edge runs.

    Args:
        labels: (B, f H, f W) integer, 0..C-1, f = 1, 2, ...
        n_classes: C.
        size: (H, W) of the pixels.

    Returns:
        (B, C, H, W) float32, summing to one over C.
    """
    fine = labels.shape[1] // size[0]
    if labels.shape[1:] != (fine * size[0], fine * size[1]):
        raise ValueError(f"labels must divide pixels of {size} evenly, got {tuple(labels.shape)}")
    classes = torch.arange(n_classes, dtype=labels.dtype, device=labels.device)[:, None, None]
    shares = torch.zeros((len(labels), n_classes, *size), device=labels.device)
    for row in range(fine):
        for column in range(fine):
            shares += labels[:, None, row::fine, column::fine] == classes
    return shares / fine**2


def majority(labels: Tensor, n_classes: int, size: tuple[int, int]) -> Tensor:
    """(B, f H, f W) -> (B, H, W) of the same type: the label that covers most of each pixel, the lower on a tie."""
    if labels.shape[1:] == size:
        return labels
    return coverage(labels, n_classes, size).argmax(1).to(labels.dtype)
