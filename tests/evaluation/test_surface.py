"""Surface distances by hand, against every pair of voxels, and against MONAI and SimpleITK."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter

from pedseg.evaluation.surface import Mask, SurfaceDistances, box_of, longest_mm, surface_distances
from pedseg.volumes import Geometry

SHAPE = (13, 16, 11)
MASKS = arrays(bool, (4, 3, 5))
OBLIQUE = np.linalg.qr(np.random.default_rng(5).standard_normal((3, 3)))[0] * (0.4, 0.5, 2.5)
MATRICES = {
    "cubes": np.diag([1.0, 1.0, 1.0]),
    "thick slices": np.diag([0.3, 0.3, 4.0]),
    "thin rods": np.diag([5.0, 5.0, 0.2]),
    "mirrored": np.diag([-0.7, 0.9, -1.3]),
    "oblique": OBLIQUE,
    "sheared": OBLIQUE @ np.array([[1, 0, 0.6], [0, 1, -0.3], [0, 0, 1]]),
    "axes exchanged": np.array([[0, 0, 2.0], [0.5, 0, 0], [0, -0.5, 0]]),
}


def grid(shape: tuple[int, ...] = SHAPE, matrix: NDArray[np.float64] | None = None) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3) if matrix is None else matrix
    affine[:3, 3] = -80.0, 31.0, 1200.0
    i, j, k = shape
    return Geometry((i, j, k), affine)


def mask_of(*voxels: tuple[int, int, int], shape: tuple[int, int, int] = SHAPE) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(np.transpose(voxels))] = True
    return mask


def blobs(seed: int, share: float, shape: tuple[int, int, int] = SHAPE) -> Mask:
    """Smooth blobs, some of which leave the grid."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.5)
    return np.asarray(noise > np.quantile(noise, 1 - share))


def naive_surface(mask: Mask) -> NDArray[np.intp]:
    """(n, 3): voxels with a face neighbour that is not of the mask, one by one."""
    found = []
    for voxel in np.argwhere(mask):
        for axis, step in product(range(3), (-1, 1)):
            beside = voxel.copy()
            beside[axis] += step
            outside = not 0 <= beside[axis] < mask.shape[axis]
            if outside or not mask[tuple(beside)]:
                found.append(voxel)
                break
    return np.array(found)


def naive_directed(a: Mask, b: Mask, geometry: Geometry) -> NDArray[np.float64]:
    """All pairs of surface voxels, in float64."""
    ours, theirs = geometry.to_mm(naive_surface(a)), geometry.to_mm(naive_surface(b))
    return np.array([min(np.sqrt(((point - theirs) ** 2).sum(axis=1))) for point in ours])


def values(distances: SurfaceDistances) -> list[float]:
    return [distances.assd_mm, distances.mssd_mm, distances.hd95_mm, distances.surface_dice(1.0)]


def test_two_voxels_three_and_four_mm_apart_are_at_five() -> None:
    distances = surface_distances(mask_of((1, 2, 3)), mask_of((3, 4, 3)), grid(matrix=np.diag([1.5, 2.0, 1.0])))
    assert distances.to_reference_mm.tolist() == distances.to_prediction_mm.tolist() == [5.0]
    assert values(distances) == [5.0, 5.0, 5.0, 0.0]
    assert (distances.surface_dice(4.99), distances.surface_dice(5.0)) == (0.0, 1.0)


def test_a_line_against_its_end_by_hand() -> None:
    """From the line 0, 2 and 4 mm, from its end 0 mm: four surface voxels."""
    line = mask_of((4, 4, 4), (5, 4, 4), (6, 4, 4))
    distances = surface_distances(line, mask_of((4, 4, 4)), grid(matrix=np.diag([2.0, 1.0, 1.0])))
    np.testing.assert_array_equal(distances.to_reference_mm, [0, 2, 4])
    np.testing.assert_array_equal(distances.to_prediction_mm, [0])
    assert distances.assd_mm == 6 / 4
    assert distances.mssd_mm == 4
    # rank 0.95 * 2 = 1.9 of 0, 2, 4
    assert distances.hd95_mm == pytest.approx(3.8)
    assert distances.surface_dice(2) == 3 / 4


def test_hd95_is_the_larger_of_two_percentiles_not_that_of_all_values() -> None:
    one_way, back = np.arange(101.0), np.zeros(900)
    assert SurfaceDistances(one_way, back, 1e3).hd95_mm == pytest.approx(95)
    assert SurfaceDistances(back, one_way, 1e3).hd95_mm == pytest.approx(95)


def test_a_voxel_at_the_tolerance_is_within_it_whatever_rounding_says() -> None:
    """Ten steps of 0.1 mm are a little more than 1 mm in binary; a micrometre more is outside."""
    ten = np.array([1.0000000000000002])
    assert SurfaceDistances(ten, ten, 9).surface_dice(1.0) == 1
    assert SurfaceDistances(ten + 1e-3, ten, 9).surface_dice(1.0) == 0.5


def test_voxels_at_the_border_of_the_grid_are_surface() -> None:
    """Of 27 voxels that fill the grid, only the one in the middle is not."""
    full = np.ones((3, 3, 3), dtype=bool)
    distances = surface_distances(full, mask_of((1, 1, 1), shape=(3, 3, 3)), grid((3, 3, 3)))
    assert distances.to_reference_mm.size == 26
    # six faces at 1, twelve edges at the root of 2, eight corners at the root of 3
    np.testing.assert_allclose(np.unique(distances.to_reference_mm, return_counts=True)[1], [6, 12, 8])
    assert distances.to_prediction_mm.tolist() == [1.0]


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
@pytest.mark.parametrize("shares", [(0.3, 0.3), (0.5, 0.04), (0.01, 0.01)], ids=["alike", "unlike", "far apart"])
def test_equals_every_pair_of_voxels(matrix: NDArray[np.float64], shares: tuple[float, float]) -> None:
    a, b, geometry = blobs(1, shares[0]), blobs(2, shares[1]), grid(matrix=matrix)
    distances = surface_distances(a, b, geometry)
    there, back = naive_directed(a, b, geometry), naive_directed(b, a, geometry)
    np.testing.assert_allclose(distances.to_reference_mm, there, rtol=0, atol=1e-6)
    np.testing.assert_allclose(distances.to_prediction_mm, back, rtol=0, atol=1e-6)
    assert distances.assd_mm == pytest.approx((sum(there) + sum(back)) / (len(there) + len(back)), abs=1e-6)
    assert distances.mssd_mm == pytest.approx(max(*there, *back), abs=1e-6)


def test_a_far_speck_is_measured_like_the_rest() -> None:
    """Near voxels and far ones take two ways; both must be exact in one pair."""
    reference = blobs(3, 0.2, (40, 12, 12))
    reference[24:] = False
    prediction = np.roll(reference, 1, axis=0)
    prediction[39, 11, 11] = True
    geometry = grid((40, 12, 12), MATRICES["sheared"])
    distances = surface_distances(prediction, reference, geometry)
    there = naive_directed(prediction, reference, geometry)
    np.testing.assert_allclose(distances.to_reference_mm, there, rtol=0, atol=1e-6)
    assert distances.mssd_mm == pytest.approx(there[-1], abs=1e-6)


@pytest.mark.parametrize("axis", range(3))
def test_the_order_of_storage_does_not_matter(axis: int) -> None:
    a, b, geometry = blobs(1, 0.3), blobs(2, 0.2), grid(matrix=MATRICES["sheared"])
    expected = values(surface_distances(a, b, geometry))
    for x, y in ((np.asfortranarray(a), b), (a, np.asfortranarray(b)), (np.asfortranarray(a), np.asfortranarray(b))):
        assert values(surface_distances(x, y, geometry)) == pytest.approx(expected, abs=1e-9)
    turn = geometry.affine.copy()
    turn[:3, 3] += turn[:3, axis] * (SHAPE[axis] - 1)
    turn[:3, axis] *= -1
    flipped = surface_distances(np.flip(a, axis), np.flip(b, axis), Geometry(SHAPE, turn))
    assert values(flipped) == pytest.approx(expected, abs=1e-9)
    order = [axis, (axis + 1) % 3, (axis + 2) % 3]
    moved = grid(tuple(SHAPE[i] for i in order), MATRICES["sheared"][:, order])
    assert values(surface_distances(a.transpose(order), b.transpose(order), moved)) == pytest.approx(expected, abs=1e-9)


def test_empty_masks_have_their_answers() -> None:
    """The grid's diagonal: 2, 3 and 6 mm make 7."""
    geometry = grid((3, 4, 3), np.diag([1.0, 1.0, 3.0]))
    empty, some = np.zeros((3, 4, 3), dtype=bool), mask_of((0, 1, 1), (2, 3, 0), shape=(3, 4, 3))
    for pair in ((some, empty), (empty, some)):
        distances = surface_distances(*pair, geometry)
        assert values(distances) == [7.0, 7.0, 7.0, 0.0]
        assert distances.surface_dice(100.0) == 0
    assert np.isnan(values(surface_distances(empty, empty, geometry))).all()


def test_the_longest_distance_of_a_sheared_grid_is_its_longer_diagonal() -> None:
    """Corners at 0, (4, 0), (3, 3) and (7, 3) mm: the root of 58, not that of 10."""
    sheared = grid((5, 4, 1), np.array([[1.0, 1.0, 0], [0, 1.0, 0], [0, 0, 1.0]]))
    assert longest_mm(sheared) == pytest.approx(np.sqrt(58))
    mirrored = grid((5, 4, 1), np.array([[1.0, -1.0, 0], [0, 1.0, 0], [0, 0, 1.0]]))
    assert longest_mm(mirrored) == pytest.approx(np.sqrt(58))


def test_the_box_is_the_smallest() -> None:
    assert box_of(mask_of((1, 4, 3), (7, 2, 3))) == (slice(1, 8), slice(2, 5), slice(3, 4))
    assert mask_of((0, 0, 0))[box_of(np.zeros(SHAPE, dtype=bool))].size == 0


def test_masks_of_another_grid_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one grid, got \(13, 16, 11\), \(2, 2, 2\)"):
        surface_distances(np.ones(SHAPE, bool), np.ones((2, 2, 2), bool), grid())


@settings(max_examples=30)
@given(MASKS, MASKS, st.floats(0.1, 9))
def test_what_holds_for_every_pair(a: Mask, b: Mask, scale: float) -> None:
    one, other = surface_distances(a, b, grid(a.shape)), surface_distances(b, a, grid(a.shape))
    np.testing.assert_allclose(values(one), values(other))
    if not (a.any() or b.any()):
        return
    rounding = 1 + 1e-12  # of the mean
    assert 0 <= one.assd_mm <= one.mssd_mm * rounding
    assert one.hd95_mm <= one.mssd_mm <= one.longest_mm
    scaled = surface_distances(a, b, grid(a.shape, np.eye(3) * scale))
    expected = [scale * value for value in values(one)[:3]]
    np.testing.assert_allclose([*values(scaled)[:3], scaled.surface_dice(scale)], [*expected, one.surface_dice(1)])
    if a.any():
        assert values(surface_distances(a, a, grid(a.shape))) == [0, 0, 0, 1]


@settings(max_examples=60)
@given(MASKS)
def test_surface_voxels_are_what_scipys_erosion_takes_away(mask: Mask) -> None:
    distances = surface_distances(mask, np.zeros_like(mask), grid(mask.shape))
    assert distances.to_reference_mm.size == (mask & ~binary_erosion(mask)).sum()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.4, 0.6, 3.0)])
@pytest.mark.parametrize("shares", [(0.3, 0.3), (0.5, 0.04)])
def test_equals_monai(spacing: tuple[float, float, float], shares: tuple[float, float]) -> None:
    monai, torch = pytest.importorskip("monai.metrics"), pytest.importorskip("torch")
    a, b = blobs(1, shares[0]), blobs(2, shares[1])
    ours = surface_distances(a, b, grid(matrix=np.diag(spacing)))
    pair = [torch.from_numpy(mask)[None, None] for mask in (a, b)]
    options = {"include_background": True, "spacing": spacing}
    theirs = [
        monai.compute_average_surface_distance(*pair, symmetric=True, **options),
        monai.compute_hausdorff_distance(*pair, **options),
        monai.compute_hausdorff_distance(*pair, percentile=95, **options),
        monai.compute_surface_dice(*pair, class_thresholds=[1.0], use_subvoxels=False, **options),
    ]
    assert values(ours) == pytest.approx([float(value) for value in theirs], rel=1e-6)


def simple_itk_hausdorff(a: Mask, b: Mask, spacing: tuple[float, float, float]) -> float:
    images = [SimpleITK.GetImageFromArray(mask.transpose().astype(np.uint8)) for mask in (a, b)]
    for image in images:
        image.SetSpacing(spacing)
    measure = SimpleITK.HausdorffDistanceImageFilter()
    measure.Execute(*images)
    return float(measure.GetHausdorffDistance())


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 0.75, 3.0)])
def test_equals_simple_itk_where_the_farthest_voxel_is_outside_the_other_mask(
    spacing: tuple[float, float, float],
) -> None:
    a, b = np.zeros((2, *SHAPE), dtype=bool)
    a[2:7, 3:9, 2:8], b[4:9, 3:11, 2:9] = True, True
    ours = surface_distances(a, b, grid(matrix=np.diag(spacing)))
    assert ours.mssd_mm == pytest.approx(simple_itk_hausdorff(a, b, spacing), rel=1e-6)


def test_differs_from_simple_itk_where_the_farthest_voxel_is_inside_the_other_mask() -> None:
    """A cube of 9 x 9 x 9 voxels, and the same cube without the one in the middle.

    The hollow's walls are surface, 3 mm from the cube's faces; but all of them are voxels of the cube, too, and the
    middle is 1 mm from them.
    """
    cube = np.zeros((11, 11, 11), dtype=bool)
    cube[1:10, 1:10, 1:10] = True
    hollow = cube.copy()
    hollow[5, 5, 5] = False
    assert surface_distances(hollow, cube, grid(cube.shape)).mssd_mm == 3
    assert simple_itk_hausdorff(hollow, cube, (1, 1, 1)) == 1
