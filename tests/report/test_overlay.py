"""Layers of slices: on the bones, in true proportion, small."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pedseg.domains import load_domains
from pedseg.report.overlay import SLICES_ACROSS, SLICES_ALONG, Drawing, slider_viewer, still_viewer
from pedseg.report.page import Viewer
from pedseg.volumes import Volume

(SHOULDER,) = load_domains(["shoulder"])
HUMERUS, SCAPULA = ((*s.rgb,) for s in SHOULDER.structures)
RED = (255, 0, 0)


def drawing(
    spacing: tuple[float, float, float] = (1.0, 1.0, 3.0), shape: tuple[int, int, int] = (90, 80, 30)
) -> Drawing:
    """A bright block that is the humerus, one of the scapula, and a reference 6 voxels to the side."""
    labels = np.zeros(shape, np.uint8)
    labels[20:50, 20:60, 8:20] = 1
    labels[60:70, 20:30, 8:20] = 2
    image = np.where(labels > 0, 200, 10).astype(np.int16)
    affine = np.diag([*spacing, 1.0])
    reference = np.roll(labels, 6, axis=0)
    return Drawing(
        Volume(image, affine, slice_axis=2), Volume(labels, affine), Volume(reference, affine), SHOULDER
    )


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def near(layer: np.ndarray, colour: tuple[int, ...], *, alpha: int) -> np.ndarray:
    return (layer[..., :3] == colour).all(-1) & (layer[..., 3] == alpha)


def frames(viewer: Viewer) -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    return [
        (opened(f.image), opened(f.bones), opened(f.reference) if f.reference else None)
        for panel in viewer.panels
        for f in panel.frames
    ]


def test_bones_lie_where_the_image_is_bright() -> None:
    for image, bones, _ in frames(still_viewer(drawing(), "x")):
        assert image.shape == bones.shape
        inside = bones[..., 3] > 0
        edge = bones[..., 3] == 255
        assert 0.02 < inside.mean() < 0.6
        assert image[inside & ~edge, 0].mean() > 230
        assert image[~inside, 0].mean() < 25


def test_fill_and_outline_have_the_bones_colour_and_the_reference_is_red() -> None:
    drawn = drawing()
    layers = frames(still_viewer(drawn, "x"))
    for _, bones, reference in layers:
        assert near(bones, HUMERUS, alpha=255).any()
        assert near(bones, HUMERUS, alpha=85).any()
        assert reference is not None
        assert ((reference[..., 3] == 0) | near(reference, RED, alpha=255)).all()
    assert any(near(bones, SCAPULA, alpha=85).any() for _, bones, _ in layers)
    assert all(near(reference, RED, alpha=255).any() for *_, reference in layers[1:] if reference is not None)
    without = Drawing(drawn.image, drawn.prediction, None, SHOULDER)
    viewer = still_viewer(without, "x")
    assert all(reference is None for *_, reference in frames(viewer))
    assert [key.name for key in viewer.legend] == ["Humerus", "Scapula"]
    assert [key.name for key in still_viewer(drawn, "x").legend] == ["Humerus", "Scapula", "reference"]


def test_an_outline_is_closed_and_thin() -> None:
    _, bones, _ = frames(still_viewer(drawing(), "x"))[2]
    edge, inside = near(bones, HUMERUS, alpha=255), near(bones, HUMERUS, alpha=85)
    grown = np.zeros_like(inside)
    for axis in (0, 1):
        for step in (-1, 1):
            grown |= np.roll(inside, step, axis)
    assert (edge | inside)[grown].all()  # from inside the first step out is the outline
    rows = inside.any(1) & ~edge.all(1)
    assert (edge[rows].sum(1) <= 4)[edge[rows].sum(1) > 0].mean() > 0.9


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 3.0), (0.5, 1.0, 5.0), (2.0, 0.7, 0.7)])
def test_pictures_keep_the_proportions_of_the_patient(spacing: tuple[float, float, float]) -> None:
    drawn = drawing(spacing)
    for viewer in (still_viewer(drawn, "x"), slider_viewer(drawn, "x")):
        scales = set()
        for panel in viewer.panels:
            bones = opened(panel.frames[panel.start].bones)
            mask = near(bones, HUMERUS, alpha=85) | near(bones, HUMERUS, alpha=255)
            rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
            across = {"sagittal": (1, 2), "coronal": (0, 2), "axial": (0, 1)}[panel.plane]
            sides = [n * s for n, s in zip((30, 40, 12), spacing, strict=True)]
            wide, high = (sides[a] for a in across)
            high_px, wide_px = np.ptp(rows) + 1, np.ptp(columns) + 1
            assert wide_px == pytest.approx(wide / high * high_px, abs=2 + 2 * wide / high)
            assert bones.shape[1] / bones.shape[0] == pytest.approx(panel.size[0] / panel.size[1], rel=0.02)
            scales.add(high_px / bones.shape[0] * panel.size[1] / high)
        assert max(scales) - min(scales) <= 0.2 * max(scales)  # a millimetre is as long in every plane


def test_stills_show_the_slice_with_most_disagreement_and_no_more_than_the_bones_around() -> None:
    drawn = drawing()
    assert drawn.reference is not None
    worse = drawn.reference.array.copy()
    worse[:, :, 17] = 0
    viewer = still_viewer(Drawing(drawn.image, drawn.prediction, drawn.reference.with_array(worse), SHOULDER), "x")
    axial = viewer.panels[2]
    assert [f.place for f in axial.frames] == ["slice 18 of 30"]
    width, height = axial.size
    assert width / height == pytest.approx(90 / 80, rel=0.05)  # 20 mm around 20..76 and 20..60: all 90, all 80


def test_sliders_show_every_slice_or_some_evenly_and_start_at_the_worst() -> None:
    viewer = slider_viewer(drawing(), "x")
    counts = {panel.plane: len(panel.frames) for panel in viewer.panels}
    assert counts == {"sagittal": SLICES_ACROSS, "coronal": SLICES_ACROSS, "axial": 30}
    assert viewer.panels[2].frames[0].place == "slice 1 of 30"
    assert viewer.panels[2].frames[29].place == "slice 30 of 30"
    long = slider_viewer(drawing(shape=(90, 80, 200)), "x").panels[2]
    assert len(long.frames) == SLICES_ALONG
    assert long.frames[long.start].place == "slice 9 of 200"
    numbers = [int(f.place.split()[1]) for f in long.frames]
    assert numbers == sorted(set(numbers))
    assert max(np.diff(numbers)) <= 9


def test_identical_exams_give_identical_bytes() -> None:
    assert slider_viewer(drawing(), "x") == slider_viewer(drawing(), "x")


def test_what_is_empty_constant_or_without_an_image_is_drawn() -> None:
    affine = np.eye(4)
    empty = Volume(np.zeros((12, 10, 8), np.uint8), affine)
    constant = Volume(np.full((12, 10, 8), 7, np.int16), affine)
    for image in (None, constant):
        for viewer in (still_viewer(Drawing(image, empty, empty, SHOULDER), "x"),
                       slider_viewer(Drawing(image, empty, None, SHOULDER), "x")):  # fmt: skip
            for ground, bones, reference in frames(viewer):
                assert ground[..., :3].max() <= 2  # JPEG's black
                assert not bones[..., 3].any()
                assert reference is None or not reference[..., 3].any()


def test_many_structures_fit_one_palette() -> None:
    """Of 20 structures the fill and the outline have their own places: 41 colours with the transparent one."""
    structures = [{"name": f"b{i}", "color": f"#{i:02x}8040"} for i in range(20)]
    domain = type(SHOULDER).model_validate({"name": "hand", "structures": structures})
    labels = np.zeros((60, 60, 4), np.uint8)
    for i in range(20):
        labels[3 * i : 3 * i + 3] = i + 1
    volume = Volume(labels, np.diag([1.0, 1.0, 4.0, 1.0]))
    axial = still_viewer(Drawing(None, volume, None, domain), "x").panels[2]
    bones = opened(axial.frames[0].bones)
    assert all(near(bones, s.rgb, alpha=85).any() and near(bones, s.rgb, alpha=255).any() for s in domain.structures)
