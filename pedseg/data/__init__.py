"""Slices in equal batches, changed at random, on the device."""

from pedseg.data.dataset import Batch, SliceDataset

__all__ = ["Batch", "SliceDataset"]
