from __future__ import annotations

import numpy as np
import pytest

from pedseg.domains import Domain, Structure, load_domains
from pedseg.errors import GeometryError, InputError
from pedseg.storage.labels import (
    axis_on_grid,
    binary_mask,
    covering_grid,
    mask_labels,
    onto_larger_grid,
    remap_labels,
)
from pedseg.volumes import Geometry

OBLIQUE = np.array([[0.48, 0.05, 0.1, -30.0], [-0.06, 0.59, 0.02, 12.0], [-0.05, 0.02, 1.19, 7.0], [0, 0, 0, 1]])
SHAPE = (7, 6, 5)


@pytest.fixture
def knee() -> Domain:
    return load_domains(["knee"])[0]


def marked(value: int = 1) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1, 2, 3] = value
    return labels


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_source_values_become_labels_in_order(dtype):
    structures = (
        Structure(name="left", color="#000000", source_value=(26, 13)),
        Structure(name="right", color="#ffffff", source_value=(1,)),
    )
    domain = Domain(name="calf", structures=structures)
    source = np.array([[[0, 1, 13, 26, 1, 0]]]).astype(dtype)
    assert remap_labels(source, domain, "c").tolist() == [[[0, 2, 1, 1, 2, 0]]]


def test_other_values_than_the_domains(knee: Domain):
    source = np.array([[[0, 1, 7, 9, 12, 2]]])
    assert mask_labels(source, knee, "c", values={3: (7, 12), 1: (9,)}).tolist() == [[[0, 0, 3, 1, 3, 0]]]
    assert not mask_labels(np.zeros(SHAPE, np.uint8), knee, "c").any()


@pytest.mark.parametrize("value", [np.uint8(255), np.int16(1), np.float32(1)])
def test_the_mask_of_one_structure(value):
    assert np.array_equal(binary_mask(marked() * value, "c"), marked() == 1)


def test_a_mask_of_one_structure_holds_one_value():
    with pytest.raises(InputError, match="PS-A71: c: values 1, 3 in the mask of one structure"):
        binary_mask(marked() + 2 * marked()[::-1] + marked()[::-1], "c")
    with pytest.raises(InputError, match="PS-A72: c"):
        binary_mask(marked() * 0.3, "c")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("flip", [1, -1])
def test_a_part_comes_to_its_place_on_the_whole(order, flip):
    """A naive loop puts each voxel where its millimetres say."""
    whole = Geometry(SHAPE, OBLIQUE)
    part = np.arange(1, 25, dtype=np.uint8).reshape(4, 3, 2)
    affine = OBLIQUE.copy()
    affine[:3, 3] = whole.to_mm([2, 1, 3])
    if flip < 0:
        affine[:3, 3] = whole.to_mm([5, 1, 3])
        affine[:3, 0] *= -1
    own = Geometry(tuple(part.shape[a] for a in order), affine[:, [*order, 3]])
    stored = part.transpose(order)
    expected = np.zeros(SHAPE, np.uint8)
    for index in np.ndindex(stored.shape):
        expected[tuple(np.rint(whole.to_index(own.to_mm(index))).astype(int))] = stored[index]
    assert np.array_equal(onto_larger_grid(stored, own, whole, "c"), expected)


def test_background_beyond_the_image_is_cut_and_labels_are_not():
    whole = Geometry(SHAPE, OBLIQUE)
    affine = OBLIQUE.copy()
    affine[:3, 3] = whole.to_mm([-2, 0, 0])
    wide = np.zeros((12, 6, 5), np.uint8)
    wide[2:9] = np.arange(210).reshape(SHAPE)
    own = Geometry(wide.shape, affine)
    assert np.array_equal(onto_larger_grid(wide, own, whole, "c"), wide[2:9])
    wide[1, 0, :2] = wide[9, 0, 0] = 1
    with pytest.raises(GeometryError, match=r"PS-A69: c: .*\(3 labelled voxels lie beyond it\)"):
        onto_larger_grid(wide, own, whole, "c")
    affine[:3, 3] = whole.to_mm([40, 0, 0])
    elsewhere = Geometry(SHAPE, affine)
    assert not onto_larger_grid(np.zeros(SHAPE, np.uint8), elsewhere, whole, "c").any()
    with pytest.raises(GeometryError, match=r"PS-A69: c: .*1 labelled voxels lie beyond it"):
        onto_larger_grid(marked(), elsewhere, whole, "c")


def test_a_grid_is_continued_until_it_holds_another():
    own = Geometry((7, 6, 2), OBLIQUE @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 3], [0, 0, 0, 1]]))
    turned = OBLIQUE @ np.array([[0, -1, 0, 6], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])  # its I runs along K
    both = covering_grid(own, Geometry((4, 7, 6), turned))
    assert both.shape == (7, 6, 5)
    assert np.allclose(both.affine, OBLIQUE)
    inside = covering_grid(both, own)
    assert (inside.shape, inside.corner_distance_mm(both)) == (both.shape, 0)
    for far in (1e5, 1e300):
        elsewhere = OBLIQUE + np.array([[0, 0, 0, far]] * 3 + [[0] * 4])
        assert covering_grid(own, Geometry(SHAPE, elsewhere)) is own


def test_an_axis_is_known_again_on_another_grid():
    own = Geometry(SHAPE, OBLIQUE)
    turned = Geometry((5, 7, 6), OBLIQUE[:, [2, 0, 1, 3]])
    assert [axis_on_grid(a, own, turned) for a in (0, 1, 2, None)] == [1, 2, 0, None]


def test_a_part_between_the_voxels_of_the_whole_is_refused():
    whole = Geometry(SHAPE, OBLIQUE)
    for affine, text in (
        (OBLIQUE + np.array([[0, 0, 0, 0.11]] + 3 * [[0] * 4]), "corners 0.11 mm from the voxels"),
        (OBLIQUE @ np.diag([1.1, 1, 1, 1]), "corners 0.29 mm from the voxels"),
        (OBLIQUE + np.array([[0, 0, 0, 1e300]] + 3 * [[0] * 4]), "from the voxels"),
        (OBLIQUE @ np.array([[1, 1, 0, 0], [-1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "PS-A69"),
    ):
        with pytest.raises(GeometryError, match=text):
            onto_larger_grid(marked(), Geometry(SHAPE, affine), whole, "c")
