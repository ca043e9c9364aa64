"""Slices as a dataset: what the cache holds, read when asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pedseg.data import SliceDataset
from pedseg.data.dataset import SliceRef
from pedseg.storage.cache import CacheEntry, Manifest, read_entry, write_entry

ROWS = {"hip": (3, 2), "elbow": (4,)}
Arrays = dict[tuple[str, int], tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Arrays, list[list[CacheEntry]]]:
    """Two domains in a cache on disk, and the arrays that went in."""
    draw = np.random.default_rng(4)
    arrays: Arrays = {}
    data = []
    for domain, counts in ROWS.items():
        entries = []
        for exam, n in enumerate(counts):
            images = draw.normal(size=(n, 32, 32)).astype(np.float16)
            labels = draw.integers(0, 4, (n, 32, 32)).astype(np.uint8)
            blank = Manifest(
                domain=domain, case=f"c{exam}", plan_digest="p", source_digest="s", grid={},
                left_right_axis=1, rows_with={}, ceiling={},
            )  # fmt: skip
            write_entry(tmp_path / domain, blank, images, labels)
            entries.append(read_entry(tmp_path / domain, f"c{exam}"))
            arrays[domain, exam] = images, labels
        data.append(entries)
    return arrays, data


def test_slices_are_counted_and_found_domain_by_domain(stored: tuple[Arrays, list[list[CacheEntry]]]) -> None:
    dataset = SliceDataset(stored[1])
    assert dataset.counts == (5, 4)
    assert len(dataset) == 9
    assert dataset.refs[0][3] == SliceRef(domain=0, exam=1, row=0)
    assert dataset.refs[1][3] == SliceRef(domain=1, exam=0, row=3)


def test_a_batch_holds_the_very_values_of_the_cache(stored: tuple[Arrays, list[list[CacheEntry]]]) -> None:
    arrays, data = stored
    batch = SliceDataset(data).batch([SliceRef(0, 1, 1), SliceRef(0, 0, 2), SliceRef(1, 0, 3)])
    assert batch.sizes == (2, 1)
    assert batch.images.dtype == torch.float32
    assert batch.labels.dtype == torch.uint8
    for k, (domain, exam, row) in enumerate([("hip", 1, 1), ("hip", 0, 2), ("elbow", 0, 3)]):
        images, labels = arrays[domain, exam]
        np.testing.assert_array_equal(batch.images[k, 0].numpy(), images[row].astype(np.float32))
        np.testing.assert_array_equal(batch.labels[k].numpy(), labels[row])


def test_entries_stay_on_disk_until_a_slice_is_asked_for(stored: tuple[Arrays, list[list[CacheEntry]]]) -> None:
    dataset = SliceDataset(stored[1])
    assert all(isinstance(e.images, np.memmap) for entries in dataset.data for e in entries)
    batch = dataset.batch([SliceRef(0, 0, 0)])
    batch.images.zero_()  # a batch is a copy: the cache stays as it is
    np.testing.assert_array_equal(dataset.batch([SliceRef(0, 0, 0)]).images[0, 0], stored[0]["hip", 0][0][0])


def test_a_loader_of_torch_sees_single_slices(stored: tuple[Arrays, list[list[CacheEntry]]]) -> None:
    dataset = SliceDataset(stored[1])
    images, labels = next(iter(DataLoader(dataset, batch_size=9)))
    assert (images.shape, labels.shape) == ((9, 1, 32, 32), (9, 32, 32))
    np.testing.assert_array_equal(images[5, 0].numpy(), stored[0]["elbow", 0][0][0].astype(np.float32))


def test_a_domain_without_exams_and_a_batch_without_one(stored: tuple[Arrays, list[list[CacheEntry]]]) -> None:
    dataset = SliceDataset([stored[1][0], []])
    assert dataset.counts == (5, 0)
    assert dataset.batch([SliceRef(0, 0, 0)]).sizes == (1, 0)


def test_moving_a_batch_keeps_its_sizes(stored: tuple[Arrays, list[list[CacheEntry]]]) -> None:
    moved = SliceDataset(stored[1]).batch([SliceRef(0, 0, 0), SliceRef(1, 0, 0)]).to(torch.device("meta"))
    assert (moved.images.device.type, moved.labels.device.type, moved.sizes) == ("meta", "meta", (1, 1))


def test_label_frequencies_count_every_pixel_and_one_more_of_each_label(
    stored: tuple[Arrays, list[list[CacheEntry]]],
) -> None:
    arrays, data = stored
    labels = np.concatenate([a[1].ravel() for (domain, _), a in arrays.items() if domain == "hip"])
    counts = [1 + int((labels == value).sum()) for value in range(5)]
    assert SliceDataset(data).label_frequencies(0, 5) == pytest.approx([c / sum(counts) for c in counts])
    assert counts[4] == 1
