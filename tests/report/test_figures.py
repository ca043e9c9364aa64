"""Pictures: bones on the image, the right way round, in true proportion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from pedseg.domains import Domain, load_domains
from pedseg.report.figures import preview_figure, training_figure
from pedseg.volumes import Geometry, Volume

(SHOULDER,) = load_domains(["shoulder"])
MARKERS = Domain.model_validate(
    {
        "name": "markers",
        "structures": [
            {"name": "right", "color": "#ff0000"},
            {"name": "front", "color": "#00ff00"},
            {"name": "top", "color": "#0000ff"},
            {"name": "middle", "color": "#ffff00"},
        ],
    }
)
COLOURS = {"right": (1, 0, 0), "front": (0, 1, 0), "top": (0, 0, 1), "middle": (1, 1, 0)}
PANELS = ("sagittal", "coronal", "axial")


def markers(affine: np.ndarray, shape: tuple[int, int, int]) -> tuple[Volume, Volume]:
    """Balls of 14 mm at the patient's right, front and top of a ball in the middle, all in one point's planes."""
    geometry = Geometry(shape, affine)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    points = geometry.to_mm(index)
    centre = geometry.to_mm((np.array(shape) - 1) / 2)
    labels = np.zeros(shape, np.uint8)
    for label, offset in enumerate(([35, 0, 0], [0, 35, 0], [0, 0, 35], [0, 0, 0]), start=1):
        labels[np.linalg.norm(points - centre - offset, axis=-1) < 14] = label
    image = np.random.default_rng(0).normal(100, 2, shape).astype(np.float32)
    return Volume(image, affine), Volume(labels, affine)


def panels(path: Path) -> dict[str, np.ndarray]:
    picture = imread(path)[:, :, :3]
    height = int(picture.shape[0] * 0.88)  # above the legend
    width = picture.shape[1] // 3
    return {name: picture[:height, i * width : (i + 1) * width] for i, name in enumerate(PANELS)}


def place(panel: np.ndarray, name: str) -> np.ndarray:
    """(row, column) of the middle of the outline of a marker."""
    near = np.abs(panel - np.array(COLOURS[name])).max(-1) < 0.25
    return np.argwhere(near).mean(0) if near.sum() > 8 else np.full(2, np.nan)


def oriented(codes: str, spacing: tuple[float, float, float]) -> np.ndarray:
    """An affine whose array axes run towards the letters of RAS and LPI given, tilted by 8 degrees."""
    affine = np.diag([0.0, 0, 0, 1])
    for column, code in enumerate(codes):
        affine["RAS".find(code) if code in "RAS" else "LPI".find(code), column] = 1 if code in "RAS" else -1
    a = np.deg2rad(8)
    tilt = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    affine[:3, :3] = tilt @ affine[:3, :3] @ np.diag(spacing)
    return affine


@pytest.mark.parametrize(
    ("codes", "spacing", "shape"),
    [
        ("RAS", (1.0, 1.0, 1.0), (110, 110, 110)),
        ("LPS", (1.0, 1.0, 4.0), (110, 110, 28)),
        ("PIR", (1.0, 1.5, 5.0), (110, 74, 22)),
        ("ASL", (2.0, 1.0, 3.0), (55, 110, 37)),
        ("ILA", (1.0, 2.0, 4.0), (110, 55, 28)),
    ],
)
def test_right_is_on_the_left_front_on_the_left_and_top_on_top(
    tmp_path: Path, codes: str, spacing: tuple[float, float, float], shape: tuple[int, int, int]
) -> None:
    image, labels = markers(oriented(codes, spacing), shape)
    preview_figure(image, labels, MARKERS, tmp_path / "p.png")
    shown = panels(tmp_path / "p.png")
    for plane, name, axis in (
        ("coronal", "right", 1), ("axial", "right", 1), ("coronal", "top", 0),
        ("sagittal", "top", 0), ("axial", "front", 0), ("sagittal", "front", 1),
    ):  # fmt: skip
        away = place(shown[plane], name) - place(shown[plane], "middle")
        other = 1 - axis
        assert away[axis] < -10, (plane, name, away)
        assert abs(away[other]) < 0.35 * abs(away[axis]), (plane, name, away)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 4.0), (0.5, 1.0, 5.0)])
def test_a_ball_is_round_however_long_the_voxels_are(tmp_path: Path, spacing: tuple[float, float, float]) -> None:
    shape = tuple(int(110 / s) for s in spacing)
    image, labels = markers(np.diag([*spacing, 1.0]), shape)  # type: ignore[arg-type]
    preview_figure(image, labels, MARKERS, tmp_path / "p.png")
    for plane, panel in panels(tmp_path / "p.png").items():
        near = np.argwhere(np.abs(panel - np.array(COLOURS["middle"])).max(-1) < 0.25)
        rows, columns = np.ptp(near, axis=0)
        assert rows == pytest.approx(columns, rel=0.35), plane


def test_the_outline_runs_along_what_it_outlines(tmp_path: Path) -> None:
    """A bright block and its label: bright inside, dark outside, but for half a voxel of 3 mm between."""
    array = np.full((60, 50, 20), 10.0, np.float32)
    labels = np.zeros(array.shape, np.uint8)
    array[12:30, 20:44, 4:12] = 200
    labels[12:30, 20:44, 4:12] = 1
    affine = np.diag([-1.0, -1.0, 3.0, 1.0])
    preview_figure(Volume(array, affine), Volume(labels, affine), SHOULDER, tmp_path / "p.png")
    magenta = np.array([0xD1, 0x1E, 0xC2]) / 255
    for plane, panel in panels(tmp_path / "p.png").items():
        ring = np.argwhere(np.abs(panel - magenta).max(-1) < 0.15)
        (top, left), (bottom, right) = ring.min(0), ring.max(0)
        brightness = panel.min(-1)
        assert brightness[top + 8 : bottom - 7, left + 8 : right - 7].min() > 0.4, plane
        around = brightness[top - 12 : bottom + 13, left - 12 : right + 13].copy()
        around[4:-4, 4:-4] = 0
        assert around.max() < 0.2, plane


def test_pictures_repeat_and_take_what_is_empty_constant_or_full(tmp_path: Path) -> None:
    array = np.full((20, 20, 6), 7, np.int16)
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    for value in (0, 1):
        labels = np.full(array.shape, value, np.uint8)
        paths = [tmp_path / f"{value}{k}.png" for k in range(2)]
        for path in paths:
            preview_figure(Volume(array, affine), Volume(labels, affine), SHOULDER, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_reference_is_drawn_in_red(tmp_path: Path) -> None:
    image, labels = markers(np.diag([1.0, 1.0, 4.0, 1.0]), (110, 110, 28))
    without, with_ = tmp_path / "a.png", tmp_path / "b.png"
    only = labels.with_array((labels.array == 4).astype(np.uint8) * 2)
    preview_figure(image, only, SHOULDER, without)
    preview_figure(image, only, SHOULDER, with_, reference=np.roll(only.array, 10, axis=0))

    def red(path: Path) -> int:
        return int((np.abs(imread(path)[:, :, :3] - [1, 0, 0]).max(-1) < 0.25).sum())

    assert red(without) == 0
    assert red(with_) > 50


def test_training_curves_are_drawn_from_the_first_epoch_on(tmp_path: Path) -> None:
    rows = [
        {"epoch": e, "loss": 1 / e, "dice": 0.3 * e, "dice_knee": 0.3 * e, "dice_hip": float("nan"), "seconds": 1.0}
        for e in (1, 2, 3)
    ]
    for n in (1, 3):
        training_figure(rows[:n], tmp_path / f"{n}.png")
    one, three = (imread(tmp_path / f"{n}.png") for n in (1, 3))
    assert one.shape == three.shape
    assert not np.array_equal(one, three)
