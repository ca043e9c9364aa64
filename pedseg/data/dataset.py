"""Slices of many exams as one memory-mapped dataset, domain by domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from pedseg.storage.cache import CacheEntry


@dataclass(frozen=True)
class Batch:
    """Slices of one step, ordered by domain.

    Args:
        images: (B, 1, W, W) float32, normalised.
        labels: (B, d W, d W) uint8, d along each side of a pixel, 0..n of each slice's own domain.
        sizes: slices of each domain, in the plan's order; their sum is B.
    """

    images: torch.Tensor
    labels: torch.Tensor
    sizes: tuple[int, ...]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(self.images.to(device, non_blocking=True), self.labels.to(device, non_blocking=True), self.sizes)


@dataclass(frozen=True)
class SliceRef:
    """Where a slice is: which domain, which of its exams, which row of that exam's arrays."""

    domain: int
    exam: int
    row: int


class SliceDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Slices of all domains, read from memory-mapped cache entries when asked for.

    Args:
        data: for each domain in the plan's order, its exams.
    """

    def __init__(self, data: Sequence[Sequence[CacheEntry]]) -> None:
        self.data = tuple(tuple(entries) for entries in data)
        self.refs = tuple(
            tuple(SliceRef(d, e, r) for e, entry in enumerate(entries) for r in range(len(entry.labels)))
            for d, entries in enumerate(self.data)
        )
        self._flat = tuple(ref for refs in self.refs for ref in refs)

    def __len__(self) -> int:
        return len(self._flat)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (1, W, W) float32 and labels (W, W) uint8 of one slice."""
        batch = self.batch([self._flat[index]])
        return batch.images[0], batch.labels[0]

    @property
    def counts(self) -> tuple[int, ...]:
        """Slices of each domain."""
        return tuple(len(refs) for refs in self.refs)

    def label_frequencies(self, domain: int, n_classes: int) -> list[float]:
        """Share of each label 0..n_classes-1 in the pixels of a domain; one pixel is added to each, so none is 0."""
        counts = np.ones(n_classes)
        for entry in self.data[domain]:
            counts += np.bincount(entry.labels.ravel(), minlength=n_classes)
        return list(counts / counts.sum())

    def batch(self, refs: Sequence[SliceRef]) -> Batch:
        """Read slices, which must be ordered by domain."""
        images = np.stack([self.data[r.domain][r.exam].images[r.row] for r in refs]).astype(np.float32)
        labels = np.stack([self.data[r.domain][r.exam].labels[r.row] for r in refs])
        sizes = np.bincount([r.domain for r in refs], minlength=len(self.data))
        return Batch(torch.from_numpy(images)[:, None], torch.from_numpy(labels), tuple(int(s) for s in sizes))
