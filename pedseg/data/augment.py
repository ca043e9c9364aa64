"""Random changes of training slices: drawn first, then applied to the batch on its device (METHODS, section 6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pedseg.plan import AugmentationSpec


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What happens to each of n slices; applied in the order flip, scale, rotate, shift.

    Args:
        rotation_deg: (n,) about the centre, clockwise as the slice is shown (rows down, columns right).
        shift: (n, 2) along rows and columns, as a fraction of the slice's size.
        scale: (n,) factor, above 1 enlarges.
        flip: (n, 2) bool, along rows and along columns.
    """

    rotation_deg: Tensor
    shift: Tensor
    scale: Tensor
    flip: Tensor


@dataclass(frozen=True)
class Mirror:
    """What a flip does to the labels of one domain.

    Args:
        left_right_axis: the slice's axis (0 rows, 1 columns) along the patient's left-right, None if it is neither.
        labels: for each label 0..n, the label it becomes (`Domain.mirrored_labels`).
    """

    left_right_axis: Literal[0, 1] | None
    labels: tuple[int, ...]


def draw_augmentation(spec: AugmentationSpec, n: int, generator: torch.Generator) -> Augmentation:
    """Draw the changes of n slices, uniform in the ranges of the plan; a flip has one chance in two."""
    unit = torch.rand((n, 6), generator=generator, device=generator.device)
    spread = 2 * unit - 1  # -1..1
    return Augmentation(
        rotation_deg=spec.rotation_deg * spread[:, 0],
        shift=spec.shift_fraction * spread[:, 1:3],
        scale=1 + spec.scale_fraction * spread[:, 3],
        flip=(unit[:, 4:6] < 0.5) & (spec.flips != "none"),
    )


def only_left_right(drawn: Augmentation, *, sizes: Sequence[int], mirrors: Sequence[Mirror]) -> Augmentation:
    """The same changes without the flips that no patient shows: a mirrored limb is a limb, one upside down is not."""
    axes = [mirror.left_right_axis for mirror in mirrors]
    kept = torch.tensor([[axis == 0, axis == 1] for axis in axes]).repeat_interleave(torch.tensor(sizes), dim=0)
    return replace(drawn, flip=drawn.flip & kept.to(drawn.flip.device))


def apply_augmentation(
    images: Tensor, labels: Tensor, drawn: Augmentation, *, sizes: Sequence[int], mirrors: Sequence[Mirror]
) -> tuple[Tensor, Tensor]:
    """Change slices and their labels alike.

    What enters from outside is background: label 0 and the slice's own minimum, the air around the patient. Its
    mean (0 after normalisation) would look like tissue, and repeating the border would draw bones out in streaks.

    Args:
        images: (B, 1, H, W) float, ordered by domain.
        labels: (B, d H, d W) integer, d = 1, 2, ...
        drawn: for B slices.
        sizes: slices of each domain, summing to B.
        mirrors: one a domain; a flip along left-right exchanges labels, as it makes a left limb a right one.

    Returns:
        New images (bilinear) and labels (nearest), of the same types.
    """
    theta = _output_to_input(drawn, images.shape[2:]).to(images)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    lowest = images.amin((1, 2, 3), keepdim=True)
    changed = F.grid_sample(images - lowest, grid, mode="bilinear", align_corners=False) + lowest
    mirrored = _exchange(labels, drawn.flip.to(labels.device), sizes, mirrors)
    if labels.shape[1:] != images.shape[2:]:
        grid = F.affine_grid(theta, [len(labels), 1, *labels.shape[1:]], align_corners=False)
    moved = F.grid_sample(mirrored[:, None].to(grid), grid, mode="nearest", align_corners=False)
    return changed, moved[:, 0].to(labels.dtype)


def _output_to_input(drawn: Augmentation, size: Sequence[int]) -> Tensor:
    """(n, 2, 3) from output to input coordinates, both -1..1 with x along columns, as `affine_grid` takes them."""
    height, width = size
    angle = drawn.rotation_deg * (math.pi / 180)
    cos, sin = angle.cos() / drawn.scale, angle.sin() / drawn.scale
    sign_y, sign_x = (1 - 2 * drawn.flip.to(cos)).unbind(1)
    # the transposed rotation, then the flip; off-diagonals carry the aspect ratio, so that angles hold in pixels
    row_x = torch.stack([sign_x * cos, sign_x * sin * height / width], dim=1)
    row_y = torch.stack([-sign_y * sin * width / height, sign_y * cos], dim=1)
    linear = torch.stack([row_x, row_y], dim=1)  # (n, 2, 2)
    shift = 2 * drawn.shift.flip(1)[:, :, None]  # (n, 2, 1) as x, y; the slice is 2 wide
    return torch.cat([linear, -linear @ shift], dim=2)


def _exchange(labels: Tensor, flip: Tensor, sizes: Sequence[int], mirrors: Sequence[Mirror]) -> Tensor:
    parts = []
    flips = torch.split(flip, list(sizes))
    for part, flipped, mirror in zip(torch.split(labels, list(sizes)), flips, mirrors, strict=True):
        if mirror.left_right_axis is None or mirror.labels == tuple(range(len(mirror.labels))):
            parts.append(part)
            continue
        table = torch.tensor(mirror.labels, dtype=labels.dtype, device=labels.device)
        chosen = flipped[:, mirror.left_right_axis, None, None]
        parts.append(torch.where(chosen, table[part.long()], part))
    return torch.cat(parts)
