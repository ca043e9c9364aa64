"""Augmentation: drawn within the plan's ranges, applied to slices and labels alike."""

from __future__ import annotations

import math

import pytest
import torch

from pedseg.data.augment import Augmentation, Mirror, apply_augmentation, draw_augmentation, only_left_right
from pedseg.plan import AugmentationSpec

NOT_MIRRORED = Mirror(None, (0, 1, 2))


def _drawn(
    n: int = 1, *, rotation: float = 0, shift: tuple[float, float] = (0, 0), scale: float = 1, flip: object = (0, 0)
) -> Augmentation:
    return Augmentation(
        rotation_deg=torch.full((n,), float(rotation)),
        shift=torch.tensor([shift] * n, dtype=torch.float32),
        scale=torch.full((n,), float(scale)),
        flip=torch.tensor([flip] * n, dtype=torch.bool),
    )


def _apply(images: torch.Tensor, labels: torch.Tensor, drawn: Augmentation) -> tuple[torch.Tensor, torch.Tensor]:
    return apply_augmentation(images, labels, drawn, sizes=(len(images),), mirrors=(NOT_MIRRORED,))


def _slices(n: int = 1, height: int = 16, width: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((n, 1, height, width), generator=generator)
    return images, torch.randint(0, 3, (n, height, width), generator=generator, dtype=torch.uint8)


def _quarter_turn(x: torch.Tensor) -> torch.Tensor:
    """Clockwise as shown, worked out by index: row r goes to column H-1-r."""
    return x.transpose(-1, -2).flip(-1)


def test_nothing_drawn_changes_nothing() -> None:
    images, labels = _slices(3)
    out, moved = _apply(images, labels, _drawn(3))
    assert torch.allclose(out, images, atol=1e-5)
    assert torch.equal(moved, labels)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_exact(turns: int) -> None:
    images, labels = _slices()
    expected, expected_labels = images, labels
    for _ in range(turns):
        expected, expected_labels = _quarter_turn(expected), _quarter_turn(expected_labels)
    out, moved = _apply(images, labels, _drawn(rotation=90 * turns))
    assert torch.allclose(out, expected, atol=1e-4)
    assert torch.equal(moved, expected_labels)


@pytest.mark.parametrize(("flip", "dims"), [((1, 0), (1,)), ((0, 1), (2,)), ((1, 1), (1, 2))])
def test_flips_are_exact(flip: tuple[int, int], dims: tuple[int, ...]) -> None:
    images, labels = _slices(2, 12, 20)
    out, moved = _apply(images, labels, _drawn(2, flip=flip))
    assert torch.allclose(out[:, 0], images[:, 0].flip(dims), atol=1e-4)
    assert torch.equal(moved, labels.flip(dims))


def test_shifts_move_down_and_right_and_fill_with_air() -> None:
    images, labels = _slices()
    out, moved = _apply(images, labels, _drawn(shift=(4 / 16, 2 / 16)))
    assert torch.allclose(out[..., 4:, 2:], images[..., :-4, :-2], atol=1e-4)
    assert torch.equal(moved[:, 4:, 2:], labels[:, :-4, :-2])
    assert torch.allclose(out[..., :4, :], images.min().expand(1, 1, 4, 16), atol=1e-5)
    assert not moved[:, :4].any()
    assert not moved[..., :2].any()


def test_scale_enlarges_about_the_centre() -> None:
    labels = torch.zeros(1, 32, 32, dtype=torch.uint8)
    labels[:, 12:20, 12:20] = 1
    _, moved = _apply(labels[:, None].float(), labels, _drawn(scale=2))
    expected = torch.zeros_like(labels)
    expected[:, 8:24, 8:24] = 1
    assert torch.equal(moved, expected)


def test_flip_comes_before_rotation() -> None:
    images, labels = _slices()
    _, moved = _apply(images, labels, _drawn(rotation=90, flip=(1, 0)))
    assert torch.equal(moved, _quarter_turn(labels.flip(1)))


def test_angles_hold_in_pixels_on_oblong_slices() -> None:
    """A bar of 2 x 12 pixels turned by 90 degrees is 12 x 2, whatever the slice's shape."""
    labels = torch.zeros(1, 32, 64, dtype=torch.uint8)
    labels[:, 15:17, 26:38] = 1
    _, moved = _apply(labels[:, None].float(), labels, _drawn(rotation=90))
    rows, columns = moved[0].nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 21, 31, 32)


def test_labels_and_image_move_together() -> None:
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    disc = ((rows - 25) ** 2 + (columns - 38) ** 2 < 100).to(torch.uint8)[None]
    drawn = _drawn(rotation=17, shift=(0.06, -0.05), scale=1.15, flip=(0, 1))
    out, moved = _apply(disc[:, None].float(), disc, drawn)
    assert moved.sum().item() == pytest.approx(disc.sum().item() * 1.15**2, rel=0.03)
    assert torch.equal(out[0, 0] > 0.75, (out[0, 0] > 0.75) & (moved[0] == 1))
    assert not (moved[0] == 1)[out[0, 0] < 0.25].any()


def test_labels_swap_where_a_flip_mirrors_the_patient() -> None:
    labels = torch.tensor([[[1, 0, 2, 2]] * 4] * 4, dtype=torch.uint8)
    images = labels[:, None].float()
    drawn = _drawn(4)
    drawn.flip[1] = torch.tensor([False, True])
    drawn.flip[2] = torch.tensor([True, False])
    drawn.flip[3] = torch.tensor([True, True])
    mirror = Mirror(left_right_axis=1, labels=(0, 2, 1))
    _, moved = apply_augmentation(images, labels, drawn, sizes=(4,), mirrors=(mirror,))
    assert [m[0].tolist() for m in moved] == [[1, 0, 2, 2], [1, 1, 0, 2], [1, 0, 2, 2], [1, 1, 0, 2]]


def test_each_domain_mirrors_by_its_own_rule() -> None:
    labels = torch.tensor([[[1, 2]] * 2] * 3, dtype=torch.uint8)
    mirrors = (Mirror(1, (0, 2, 1)), Mirror(None, (0, 2, 1)), Mirror(1, (0, 1, 2)))
    drawn = _drawn(3, flip=(0, 1))
    _, moved = apply_augmentation(labels[:, None].float(), labels, drawn, sizes=(1, 1, 1), mirrors=mirrors)
    assert [m[0].tolist() for m in moved] == [[1, 2], [2, 1], [2, 1]]


def test_draws_stay_in_range_and_fill_it() -> None:
    spec = AugmentationSpec(rotation_deg=20, shift_fraction=0.2, scale_fraction=0.1)
    drawn = draw_augmentation(spec, 4000, torch.Generator().manual_seed(0))
    for value, low, high in ((drawn.rotation_deg, -20, 20), (drawn.shift, -0.2, 0.2), (drawn.scale, 0.9, 1.1)):
        assert low <= value.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < value.max() <= high
        assert value.mean().item() == pytest.approx((low + high) / 2, abs=4 * (high - low) / math.sqrt(12 * 4000))
    assert drawn.flip.float().mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.04)
    assert torch.corrcoef(torch.cat([drawn.shift.T, drawn.rotation_deg[None]])).triu(1).abs().max() < 0.06


def test_a_generator_fixes_the_draws() -> None:
    first, again = (draw_augmentation(AugmentationSpec(), 5, torch.Generator().manual_seed(7)) for _ in range(2))
    for name in ("rotation_deg", "shift", "scale", "flip"):
        assert torch.equal(getattr(first, name), getattr(again, name))


def test_without_ranges_and_flips_nothing_happens() -> None:
    spec = AugmentationSpec(rotation_deg=0, shift_fraction=0, scale_fraction=0, flips="none")
    images, labels = _slices(4)
    out, moved = _apply(images, labels, draw_augmentation(spec, 4, torch.Generator().manual_seed(0)))
    assert torch.allclose(out, images, atol=1e-5)
    assert torch.equal(moved, labels)


def test_only_flips_of_the_patients_left_and_right_remain() -> None:
    drawn = draw_augmentation(AugmentationSpec(), 40, torch.Generator().manual_seed(0))
    mirrors = (Mirror(None, (0, 1)), Mirror(1, (0, 1)))
    kept = only_left_right(drawn, sizes=(10, 30), mirrors=mirrors)
    assert not kept.flip[:10].any()
    assert not kept.flip[10:, 0].any()
    assert torch.equal(kept.flip[10:, 1], drawn.flip[10:, 1])
    assert kept.flip[10:, 1].any()
    assert torch.equal(kept.rotation_deg, drawn.rotation_deg)


def test_finer_labels_move_with_their_slices() -> None:
    images, labels = _slices(2)
    fine = labels.repeat_interleave(2, 1).repeat_interleave(2, 2)
    drawn = _drawn(2, rotation=90, shift=(0.125, -0.25), flip=(0, 1))
    out, moved = _apply(images, fine, drawn)
    alone, coarse = _apply(images, labels, drawn)
    assert torch.equal(out, alone)
    assert torch.equal(moved, coarse.repeat_interleave(2, 1).repeat_interleave(2, 2))
