"""Labels against the edges of their image; phantoms are in the fault catalogue's tests, row 70."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg_plan.placement import MIN_SURFACE, check_placement

SPACING = (1.0, 1.0, 2.0)


def scene(shape: tuple[int, int, int] = (48, 40, 24)) -> tuple[np.ndarray, np.ndarray]:
    """A bright box far from the middle in noise."""
    labels = np.zeros(shape, np.uint8)
    labels[6:22, 5:18, 3:11] = 1
    image = np.random.default_rng(0).normal(100, 10, shape) + 200 * labels
    return image.astype(np.float32), labels


def test_labels_on_their_edges_say_nothing() -> None:
    assert check_placement(*scene(), SPACING) is None


@pytest.mark.parametrize(("axes", "named"), [((0,), "0"), ((1, 2), "1 and 2"), ((0, 1, 2), "0 and 1 and 2")])
def test_a_mirror_image_is_named_by_its_axes(axes: tuple[int, ...], named: str) -> None:
    image, labels = scene()
    notice = check_placement(image, np.flip(labels, axes), SPACING)
    assert notice is not None
    assert notice.text.startswith(f"labels fit the image better mirrored along array axis {named}: on ")


def test_a_shift_is_told_in_mm() -> None:
    image, labels = scene()
    notice = check_placement(image, np.roll(labels, (6, 3), (0, 2)), SPACING)
    assert notice is not None
    assert "better moved by (-6, 0, -6) mm" in notice.text
    assert check_placement(image, np.roll(labels, 2, 0), SPACING) is None  # as an annotator may


def test_every_nth_voxel_of_a_large_image_is_enough() -> None:
    image, labels = (np.kron(a, np.ones((4, 4, 1), a.dtype)) for a in scene())
    assert check_placement(image, labels, (0.25, 0.25, 2.0)) is None
    assert check_placement(image, labels[::-1], (0.25, 0.25, 2.0)) is not None


def test_chance_decides_nothing() -> None:
    draw = np.random.default_rng(1)
    for size in (2, 6, 12):
        labels = np.zeros((32, 32, 32), np.uint8)
        labels[3 : 3 + size, 3 : 3 + size, 3 : 3 + size] = 1
        assert check_placement(draw.normal(size=labels.shape), labels, (1, 1, 1)) is None
    tiny = np.zeros((40, 40, 1), np.uint8)
    tiny[5:30, 5:30] = 1
    assert tiny.sum() > MIN_SURFACE
    assert check_placement(tiny[:, :, ::1].astype(float), tiny, (1, 1, 1)) is None
