"""Pictures of what a network makes of slices: the right colours in the right places, the same bytes again."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread

from pedseg.domains import load_domains
from pedseg.evaluation.representation import AttentionMaps, CosineTable, Reconstruction, cosine_table
from pedseg.report.canvas import OKABE_ITO
from pedseg.report.representations import (
    Scatter,
    attention_figure,
    cosine_figure,
    cosine_rows,
    heat_colours,
    latent_figure,
    mask_dice,
    reconstruction_figure,
    scatter_figure,
)

ANKLE, SHOULDER = load_domains(["ankle", "shoulder"])
RANDOM = np.random.default_rng(0)


def picture(png: bytes) -> np.ndarray:
    """(rows, columns, 3) in 0..1."""
    return np.asarray(imread(BytesIO(png)))[:, :, :3]


def near(pixels: np.ndarray, colour: str | tuple[float, float, float]) -> np.ndarray:
    """Where a picture has a colour."""
    wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] if isinstance(colour, str) else colour
    return np.asarray(np.abs(pixels - np.array(wanted)).max(-1) < 0.06)


def dots(pixels: np.ndarray, colour: str) -> bool:
    """Whether there are points of a colour, which lets a little white through."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return bool(near(pixels, tuple(0.7 * rgb + 0.3)).sum() > 50)


def test_points_lie_in_their_panels_in_their_domains_colours() -> None:
    """Three panels of one domain each: the third alone has the second domain's colour."""
    one, none = RANDOM.uniform(0, 1, (200, 2)), np.zeros((0, 2))
    panels = [Scatter("s1", [one, none]), Scatter("s2", [one, none]), Scatter("s3", [none, one])]
    pixels = picture(scatter_figure(panels, ["Ankle", "Knee"]))
    above = pixels[: int(0.85 * len(pixels))]
    thirds = np.array_split(above, 3, axis=1)
    first, second = ([dots(third, colour) for third in thirds] for colour in OKABE_ITO[:2])
    assert (first, second) == ([True, True, False], [False, False, True])
    legend = pixels[int(0.9 * len(pixels)) :]
    assert all(near(legend, colour).any() for colour in OKABE_ITO[:2])
    assert not near(legend, OKABE_ITO[2]).any()


def test_attention_is_blue_at_nought_and_red_at_one() -> None:
    assert heat_colours()(0.0)[:3] == (0, 0, 1)
    assert heat_colours()(1.0)[:3] == (1, 0, 0)
    maps = np.zeros((1, 8, 8))
    maps[0, :, 4:] = 1  # the right half
    row = AttentionMaps(ANKLE, np.zeros((1, 8, 8)) + np.linspace(0, 1, 8)[:, None], maps, ["a, slice 1"])
    pixels = picture(attention_figure([row]))
    cells = pixels[:, : int(0.84 * pixels.shape[1])]  # without the colour bar
    blue = cells[..., 2] > cells[..., 0] + 0.4
    red = cells[..., 0] > cells[..., 2] + 0.4
    assert blue.sum() > 1000
    assert blue.sum() == pytest.approx(red.sum(), rel=0.05)
    assert np.argwhere(blue)[:, 1].max() <= np.argwhere(red)[:, 1].min() + 1
    left = cells[:, : np.argwhere(blue)[:, 1].min() - 10]  # the slice itself, grey
    assert np.ptp(left, axis=-1).max() < 0.02
    assert (left.min(), left.max()) == (0, 1)


def test_a_mask_and_what_is_given_back_stand_side_by_side_in_the_bones_colours() -> None:
    labels = np.zeros((1, 20, 20), np.uint8)
    labels[0, 2:8, 2:18], labels[0, 12:18, 2:18] = 1, 2
    rebuilt = np.where(labels == 2, 0, labels)  # the second bone is lost
    row = Reconstruction(SHOULDER, labels, rebuilt, ["s, slice 3"])
    pixels = picture(reconstruction_figure([row]))
    black = near(pixels, (0, 0, 0)).sum(0) > 30
    columns = np.flatnonzero(black)
    middle = (columns[0] + columns[-1]) // 2
    humerus, scapula = (near(pixels[:, : columns[-1]], s.color) for s in SHOULDER.structures)
    assert humerus[:, :middle].sum() == pytest.approx(humerus[:, middle:].sum(), rel=0.05)
    assert scapula[:, :middle].sum() > 1000
    assert scapula[:, middle:].sum() == 0
    legend = pixels[:, columns[-1] :]
    assert all(near(legend, structure.color).any() for structure in SHOULDER.structures)


def test_dice_of_a_slice_is_the_mean_of_the_bones_that_either_mask_shows() -> None:
    labels = np.array([[1, 1, 2, 0]])
    assert mask_dice(np.array([[1, 0, 0, 0]]), labels, ANKLE) == pytest.approx((2 / 3 + 0) / 2)
    assert np.isnan(mask_dice(labels * 0, labels * 0, ANKLE))


def test_rows_of_cosines_are_those_of_the_papers_table() -> None:
    table = CosineTable(np.array([[0.99, 0.31], [0.31, 0.98]]), np.array([[0.01, 0.05], [0.05, 0.02]]))
    columns, rows = cosine_rows(["s1 (d = 32)"], [table], ["Ankle", "Knee"])
    assert columns == ("scale", "Ankle", "Ankle - Knee", "Knee", "within", "between")
    assert rows == (("s1 (d = 32)", "0.99 ± 0.01", "0.31 ± 0.05", "0.98 ± 0.02", "0.98 ± 0.02", "0.31 ± 0.05"),)
    alone = cosine_table([np.eye(3)])
    assert cosine_rows(["s1"], [alone], ["Ankle"])[1] == (("s1", "0.00 ± 0.00", "0.00 ± 0.00", "-"),)


def test_cosines_are_cells_of_their_colour() -> None:
    """Viridis: yellow at 1, dark blue at 0; with cosines below 0 the scale begins at -1 and 0 is its middle."""
    apart = CosineTable(np.eye(2), np.zeros((2, 2)))
    opposite = CosineTable(np.array([[1.0, -1], [-1, 1]]), np.zeros((2, 2)))
    yellow, dark, middle = (0.993, 0.906, 0.144), (0.267, 0.005, 0.329), (0.127, 0.566, 0.551)

    def panel(tables: list[CosineTable]) -> np.ndarray:
        pixels = picture(cosine_figure(["s1", "s2"][: len(tables)], tables, ["Ankle", "Knee"]))
        return pixels[:, : pixels.shape[1] * 3 // 4]

    pixels = panel([apart])
    assert near(pixels, yellow).sum() == pytest.approx(near(pixels, dark).sum(), rel=0.1)
    both = panel([apart, opposite])
    assert near(both, middle).sum() > 1000


def test_masks_in_latent_spaces() -> None:
    points, shares = [RANDOM.uniform(0, 1, (80, 2)) for _ in range(2)], [np.linspace(0, 0.3, 80)] * 2
    apart = [Scatter("Ankle alone", points[:1]), Scatter("Knee alone", points[1:])]
    shared = picture(latent_figure(Scatter("All domains", points), apart, ["Ankle", "Knee"], shares))
    own = picture(latent_figure(None, apart, ["Ankle", "Knee"], shares))
    assert all(dots(shared[:, : shared.shape[1] // 3], colour) for colour in OKABE_ITO[:2])
    assert not any(dots(own, colour) for colour in OKABE_ITO[:2])
    assert near(own, (0.267, 0.005, 0.329)).sum() > 20  # little bone, viridis' lowest
    assert near(own, (0.993, 0.906, 0.144)).sum() > 20


def test_the_same_values_give_the_same_bytes() -> None:
    panels = [Scatter(f"s{s}", [np.eye(4)[:, :2] * s]) for s in range(1, 10)]
    assert scatter_figure(panels, ["Ankle"]) == scatter_figure(panels, ["Ankle"])
