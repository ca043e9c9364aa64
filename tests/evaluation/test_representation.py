"""Cosines within and between domains."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.evaluation.representation import cosine_table


def around(axis: int, n: int, spread: float, seed: int) -> np.ndarray:
    """(n, 3) unit vectors near an axis."""
    points = np.eye(3)[axis] + spread * np.random.default_rng(seed).standard_normal((n, 3))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def test_domains_on_axes_of_their_own_are_one_within_and_nought_between() -> None:
    table = cosine_table([around(k, 4, 0.0, k) for k in range(3)])
    assert np.allclose(table.mean, np.eye(3), atol=1e-12)
    assert (table.within.mean, table.within.std) == (1, 0)
    assert (table.between.mean, table.between.std) == (0, 0)
    assert str(table.within) == "1.00 ± 0.00"


def test_random_pairs_come_to_what_all_pairs_give() -> None:
    domains = [around(k, 40, 0.4, k) for k in range(2)]
    table = cosine_table(domains, pairs=1_000_000)
    within = [(points @ points.T)[~np.eye(40, dtype=bool)] for points in domains]
    between = (domains[0] @ domains[1].T).ravel()
    for k in range(2):
        assert table.mean[k, k] == pytest.approx(within[k].mean(), abs=5e-3)
        assert table.std[k, k] == pytest.approx(within[k].std(), abs=5e-3)
    assert table.within.mean == pytest.approx(np.mean(within), abs=5e-3)
    assert table.within.std == pytest.approx(np.std(within), abs=5e-3)
    assert table.between.mean == pytest.approx(between.mean(), abs=5e-3)
    assert table.between.std == pytest.approx(between.std(), abs=5e-3)
    assert np.array_equal(table.mean, table.mean.T)


def test_a_slice_is_never_its_own_pair() -> None:
    opposite = np.array([[1.0, 0], [-1, 0]])
    assert cosine_table([opposite]).within.mean == -1


def test_every_pair_of_domains_counts_alike_however_many_slices_it_has() -> None:
    table = cosine_table([np.tile([1.0, 0], (1000, 1)), np.array([[1.0, 0], [-1, 0]])])
    assert table.within.mean == pytest.approx(0, abs=1e-12)
    assert table.within.std == pytest.approx(1)


def test_one_domain_has_nothing_between_and_one_slice_no_pair() -> None:
    assert np.isnan(cosine_table([around(0, 5, 0.1, 0)]).between.mean)
    with pytest.raises(ValueError, match="two slices a domain at least make a pair, got 1"):
        cosine_table([around(0, 5, 0.1, 0), around(1, 1, 0.1, 0)])


def test_the_draw_is_the_seeds() -> None:
    domains = [around(k, 9, 0.4, k) for k in range(2)]
    first, again, other = (cosine_table(domains, seed=seed, pairs=300).mean for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
