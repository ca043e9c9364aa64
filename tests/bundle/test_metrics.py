"""Validation Dice of whole exams, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pedseg.bundle import ExamDice
from pedseg.data.dataset import SliceRef
from pedseg.domains import load_domains

ANKLE, SHOULDER = load_domains(["ankle", "shoulder"])


def slices(*rows: list[int]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.uint8)[:, None, :]


def test_slices_of_an_exam_are_counted_together_then_structures_exams_and_domains_are_averaged() -> None:
    metric = ExamDice([ANKLE, SHOULDER])
    # exam 0 in two batches: label 1: 2*2/(3+3), label 2: 2*1/(1+2), label 3 in neither
    metric.update((slices([1, 1, 0, 2]), slices([1, 0, 1, 2]), SliceRef(0, 0, 0)))
    metric.update((slices([1, 0, 0, 0]), slices([1, 0, 0, 2]), SliceRef(0, 0, 1)))
    # exam 1: label 1 found where there is none, label 2 exact
    metric.update((slices([1, 2, 2, 0]), slices([0, 2, 2, 0]), SliceRef(0, 1, 0)))
    # the other domain: label 2 missed, label 1 exact
    metric.update((slices([1, 0, 0, 0]), slices([1, 2, 0, 0]), SliceRef(1, 0, 0)))
    assert metric.per_domain == pytest.approx({"ankle": (2 / 3 + 1 / 2) / 2, "shoulder": 0.5})
    assert metric.compute() == pytest.approx(((2 / 3 + 0.5) / 2 + 0.5) / 2)


def test_a_domain_without_exams_does_not_count_and_nothing_at_all_is_0() -> None:
    metric = ExamDice([ANKLE, SHOULDER])
    assert metric.compute() == 0.0
    metric.update((slices([1, 2]), slices([1, 2]), SliceRef(1, 0, 0)))
    assert metric.compute() == 1.0
    assert math.isnan(metric.per_domain["ankle"])
    metric.reset()
    assert metric.compute() == 0.0


def test_an_exam_where_nothing_was_to_be_found_and_nothing_was_is_0_not_nan() -> None:
    metric = ExamDice([ANKLE])
    metric.update((slices([0, 0]), slices([0, 0]), SliceRef(0, 0, 0)))
    assert metric.compute() == 0.0
