"""Batches with an equal share of every domain (METHODS, section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import numpy as np

from pedseg.data.dataset import Batch, SliceDataset, SliceRef


class EqualBatches:
    """One epoch of training batches; every draw follows from (seed, epoch, domain).

    An epoch sees every slice of the largest domain at least once; smaller domains are shuffled anew and
    reused until it ends. The last batch is filled up, so all batches have one size.

    Args:
        dataset: slices of all domains.
        share: slices of each domain in a batch.
        seed: start of the shuffles.
        reuse: False ends each domain after its own slices (networks that share nothing). A domain without slices has no
            part in any batch.
    """

    def __init__(self, dataset: SliceDataset, share: int, *, seed: int, reuse: bool = True) -> None:
        self.dataset = dataset
        self.share = share
        self.seed = seed
        self.reuse = reuse
        self.epoch = 1
        self.start = 0
        """Batches of the epoch that are left out since an interrupted training has seen them."""

    def __len__(self) -> int:
        return ceil(max(self.dataset.counts) / self.share)

    def __iter__(self) -> Iterator[Batch]:
        orders = [self._order(d) for d in range(len(self.dataset.refs))]
        for step in range(self.start, len(self)):
            part = slice(step * self.share, (step + 1) * self.share)
            yield self.dataset.batch([ref for order in orders for ref in order[part]])

    def _order(self, domain: int) -> list[SliceRef]:
        refs = self.dataset.refs[domain]
        if not refs:
            return []
        steps = len(self) if self.reuse else ceil(len(refs) / self.share)
        wanted = steps * self.share
        draw = np.random.default_rng([self.seed, self.epoch, domain])
        order = np.concatenate([draw.permutation(len(refs)) for _ in range(ceil(wanted / len(refs)))])
        return [refs[i] for i in order[:wanted]]


class OrderedBatches:
    """Every slice once, in order, each batch of one exam: for validation.

    Args:
        dataset: slices of all domains.
        size: slices in a batch, at most.
    """

    def __init__(self, dataset: SliceDataset, size: int) -> None:
        self.dataset = dataset
        self.size = size

    def __len__(self) -> int:
        return sum(ceil(len(entry.labels) / self.size) for entries in self.dataset.data for entry in entries)

    def __iter__(self) -> Iterator[tuple[Batch, SliceRef]]:
        """Batches with the place of their first slice."""
        for d, entries in enumerate(self.dataset.data):
            for e, entry in enumerate(entries):
                for start in range(0, len(entry.labels), self.size):
                    stop = min(start + self.size, len(entry.labels))
                    yield self.dataset.batch([SliceRef(d, e, r) for r in range(start, stop)]), SliceRef(d, e, start)
