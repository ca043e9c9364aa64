"""Cosines within and between domains, and embeddings in the plane."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.evaluation.representation import (
    cosine_table,
    principal_components,
    separation,
    settings_for,
    tsne,
)


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


def three(n: int = 20, d: int = 8, spread: float = 0.05) -> list[np.ndarray]:
    """Three tight groups of unit vectors, each around an axis of its own."""
    random, groups = np.random.default_rng(0), []
    for k in range(3):
        points = np.eye(d)[k] + spread * random.standard_normal((n, d))
        groups.append((points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32))
    return groups


@pytest.mark.parametrize("n", [10, 40])
def test_groups_apart_stay_apart_in_the_plane(n: int) -> None:
    maps = tsne(three(n))
    assert [points.shape for points in maps] == [(n, 2)] * 3
    points, group = np.concatenate(maps), np.repeat(range(3), n)
    distance = np.linalg.norm(points[:, None] - points, axis=2) + np.diag([np.inf] * 3 * n)
    assert np.array_equal(group[distance.argmin(1)], group)
    centres = [own.mean(0) for own in maps]
    widest = max(np.linalg.norm(own - own.mean(0), axis=1).max() for own in maps)
    assert all(np.linalg.norm(centres[i] - centres[j]) > widest for i, j in ((0, 1), (0, 2), (1, 2)))


def test_the_same_points_and_seed_give_the_same_bytes() -> None:
    groups = three(12, 60)  # wider than 50: principal components first
    first, again = (np.concatenate(tsne(groups, seed=3)) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert first.dtype == np.float32


def test_few_points_have_few_neighbours_and_go_gently() -> None:
    assert settings_for(1000) == (30, 200)
    assert settings_for(91) == (30, 200)
    assert settings_for(61) == (20, 50)
    assert settings_for(61, perplexity=10, learning_rate=300) == (10, 300)
    assert settings_for(4, learning_rate=7) == (1, 7)
    with pytest.raises(ValueError, match="t-SNE needs 4 points at least, got 3: embed more slices"):
        settings_for(3)
    with pytest.raises(ValueError, match="needs 4 points"):
        tsne([np.eye(3)[:2], np.eye(3)[2:]])
    assert [len(points) for points in tsne([np.eye(4)[:3], np.eye(4)[3:]])] == [3, 1]


def test_points_that_are_one_lie_on_one_place() -> None:
    maps = tsne([np.tile([1.0, 0, 0], (5, 1))] * 2)
    assert [points.tolist() for points in maps] == [[[0.0, 0.0]] * 5] * 2


def test_principal_components_by_hand() -> None:
    """Points on a diagonal, with a little across: the diagonal comes first, pointing up."""
    along, across = np.array([1.0, 1, 0]) / np.sqrt(2), np.array([-1.0, 1, 0]) / np.sqrt(2)
    points = np.array([3 * along, -3 * along, across, -across]) + 7
    one, two = principal_components([points[:2], points[2:]])
    assert np.allclose(one, [[3, 0], [-3, 0]])
    assert np.allclose(np.abs(two), [[0, 1], [0, 1]])
    assert two[0, 1] == -two[1, 1]


def test_components_keep_distances_where_there_are_enough() -> None:
    points = np.random.default_rng(0).standard_normal((30, 8))
    (kept,) = principal_components([points], 50)
    distances = [np.linalg.norm(p[:, None] - p, axis=2) for p in (points, kept)]
    assert np.allclose(*distances)
    (flat,) = principal_components([points[:, :1]])
    assert flat.shape == (30, 2)
    assert not flat[:, 1].any()


def test_separation_by_hand() -> None:
    """Domains on axes of their own: nothing within, all between; one that lies in another's place: misplaced."""
    x, y = np.tile([1.0, 0], (4, 1)), np.tile([0, 1.0], (4, 1))
    assert separation([x, y]) == pytest.approx(1)
    mixed = [np.array([[1.0, 0], [0, 1]]), np.array([[1.0, 0], [0, 1]])]
    # own other point at distance 1; the other domain at (0 + 1) / 2: (0.5 - 1) / 1
    assert separation(mixed) == pytest.approx(-0.5)
    assert np.isnan(separation([x]))
    assert np.isnan(separation([x[:1], y[:1]]))
