"""Equal batches: every domain's share, every slice seen, the same draw each time."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pedseg.data import SliceDataset
from pedseg.data.batches import EqualBatches, OrderedBatches
from pedseg.storage.cache import CacheEntry, Manifest


def entry(domain: int, exam: int, rows: int) -> CacheEntry:
    """Slices whose every pixel says which one it is: 100 domain + 10 exam + row."""
    numbers = (100 * domain + 10 * exam + np.arange(rows)).astype(np.uint8)
    labels = np.broadcast_to(numbers[:, None, None], (rows, 32, 32))
    blank = Manifest(
        domain="d", case="c", plan_digest="", source_digest="", grid={}, left_right_axis=None, rows_with={}, ceiling={}
    )
    return CacheEntry(blank, labels.astype(np.float16), labels)


@pytest.fixture(scope="module")
def dataset() -> SliceDataset:
    """11, 4 and 1 slices."""
    return SliceDataset([[entry(0, 0, 9), entry(0, 1, 2)], [entry(1, 0, 4)], [entry(2, 0, 1)]])


def numbers(batches: EqualBatches) -> list[list[int]]:
    return [[int(n) for n in batch.labels[:, 0, 0]] for batch in batches]


def test_every_batch_has_the_same_share_of_every_domain_in_order(dataset: SliceDataset) -> None:
    batches = EqualBatches(dataset, 2, seed=0)
    assert len(batches) == 6
    epoch = list(batches)
    assert len(epoch) == 6
    for batch in epoch:
        assert batch.sizes == (2, 2, 2)
        assert [int(n) // 100 for n in batch.labels[:, 0, 0]] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("share", [2, 3, 4, 11, 20])
def test_an_epoch_sees_every_slice_of_the_largest_domain_and_reuses_the_others_evenly(
    dataset: SliceDataset, share: int
) -> None:
    seen = Counter(n for batch in numbers(EqualBatches(dataset, share, seed=3)) for n in batch)
    steps = -(-11 // share)
    for domain, count in enumerate(dataset.counts):
        times = [seen[100 * domain + 10 * ref.exam + ref.row] for ref in dataset.refs[domain]]
        assert sum(times) == steps * share
        assert max(times) - min(times) <= 1
        assert min(times) == steps * share // count


def test_the_order_follows_from_seed_and_epoch_alone(dataset: SliceDataset) -> None:
    batches = EqualBatches(dataset, 2, seed=7)
    first = numbers(batches)
    np.random.default_rng(0).random(5)
    assert numbers(batches) == first
    assert numbers(EqualBatches(dataset, 2, seed=7)) == first
    assert numbers(EqualBatches(dataset, 2, seed=8)) != first
    batches.epoch = 2
    assert numbers(batches) != first
    batches.epoch = 1
    assert numbers(batches) == first


def test_networks_that_share_nothing_end_each_domain_after_its_own_slices(dataset: SliceDataset) -> None:
    epoch = list(EqualBatches(dataset, 4, seed=0, reuse=False))
    assert [batch.sizes for batch in epoch] == [(4, 4, 4), (4, 0, 0), (4, 0, 0)]
    assert sorted({int(n) for n in epoch[0].labels[4:8, 0, 0]}) == [100, 101, 102, 103]


def test_a_domains_order_does_not_depend_on_the_others(dataset: SliceDataset) -> None:
    alone = SliceDataset([dataset.data[0]])
    together = [[n for n in batch if n < 100] for batch in numbers(EqualBatches(dataset, 2, seed=5))]
    assert numbers(EqualBatches(alone, 2, seed=5)) == together


def test_validation_sees_every_slice_once_in_order_one_exam_a_batch(dataset: SliceDataset) -> None:
    batches = OrderedBatches(dataset, 4)
    items = list(batches)
    assert len(batches) == len(items) == 3 + 1 + 1 + 1
    seen = [n for batch, _ in items for n in batch.labels[:, 0, 0].tolist()]
    assert seen == [*range(9), 10, 11, 100, 101, 102, 103, 200]
    assert [(place.domain, place.exam, place.row) for _, place in items] == [
        (0, 0, 0), (0, 0, 4), (0, 0, 8), (0, 1, 0), (1, 0, 0), (2, 0, 0),
    ]  # fmt: skip
    assert [batch.sizes for batch, _ in items][-2:] == [(0, 4, 0), (0, 0, 1)]


def test_a_domain_without_slices_has_no_part_in_any_batch(dataset: SliceDataset) -> None:
    without = SliceDataset([dataset.data[0], [], dataset.data[2]])
    for reuse in (True, False):
        epoch = list(EqualBatches(without, 4, seed=0, reuse=reuse))
        assert len(epoch) == 3
        assert all(batch.sizes[:2] == (4, 0) for batch in epoch)
