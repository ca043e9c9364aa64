"""DICOM SEG made by highdicom from a series, read back and laid on the grid of the series."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from mr_series import GRID, Grid, write_series
from pydicom import dcmread
from pydicom.dataset import Dataset
from segs import NAMES, described, make_seg, sources, write_seg

from pedseg.dicom import read_volume
from pedseg.dicom.segmentation import read_segmentation
from pedseg.domains import Domain, load_domains
from pedseg.errors import GeometryError, InputError, PedsegError
from pedseg.storage.labels import onto_larger_grid
from pedseg.volumes import Volume

SHAPE = (GRID.columns, GRID.rows, GRID.n)


@pytest.fixture
def ankle() -> Domain:
    return load_domains(["ankle"])[0]


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return write_series(tmp_path / "series")


def three_bones() -> np.ndarray:
    """Labels 1 to 3 off the middle of every axis, none on the end slices, slice 7 empty between."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:12, 7:15, 3:7] = 1
    labels[15:20, 20:30, 8:12] = 2
    labels[22:25, 2:4, 9:11] = 3
    return labels


def placed(segmentation: Volume, wanted: Volume) -> np.ndarray:
    return onto_larger_grid(segmentation.array, segmentation.geometry, wanted.geometry, "c1")


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
@pytest.mark.parametrize("omitted", [True, False])
def test_every_kind_comes_back_voxel_by_voxel(tmp_path: Path, series: Path, ankle: Domain, kind: str, *, omitted: bool):
    path = write_seg(tmp_path / "a.dcm", series, three_bones(), kind=kind, omit_empty_frames=omitted)
    found = read_segmentation(path, ankle)
    assert found.shape == (*SHAPE[:2], 9 if omitted else 16)
    assert found.array.dtype == np.uint8
    assert np.array_equal(placed(found, read_volume(series)), three_bones())
    assert (found.slice_axis, found.notices) == (2, ())
    assert found.facts == {"format": "DICOM SEG", "segmentation_type": kind}


@pytest.mark.parametrize(
    "grid",
    [
        Grid(along_row=(1.0, 0.0, 0.0), along_column=(0.0, 1.0, 0.0)),
        Grid(along_row=(0.0, -1.0, 0.0), along_column=(0.0, 0.0, 1.0)),
        Grid(along_row=(-0.6, 0.64, 0.48), along_column=(0.8, 0.48, 0.36)),
        Grid(shear=(0.0, 0.2, 0.01)),
    ],
    ids=["axial", "flipped", "doubly oblique", "sheared"],
)
def test_any_direction_of_the_slices(tmp_path: Path, ankle: Domain, grid: Grid):
    """The shear shifts the last slice by 3 mm: highdicom's own affine leaves it out."""
    series = write_series(tmp_path / "series", grid=grid)
    found = read_segmentation(write_seg(tmp_path / "a.dcm", series, three_bones()), ankle)
    assert np.array_equal(placed(found, read_volume(series)), three_bones())
    # The corner of the first labelled slice, worked out from the standard's equation.
    corners = [(grid.ras @ [0, 0, k, 1])[:3] for k in (3, 11)]
    assert min(np.linalg.norm(found.affine[:3, 3] - corner) for corner in corners) < 1e-9


def test_frames_in_any_order(tmp_path: Path, series: Path, ankle: Domain):
    images, frames = sources(series), three_bones().transpose(2, 1, 0)
    order = np.random.default_rng(0).permutation(GRID.n)
    seg = make_seg([images[k] for k in order], frames[order])
    seg.save_as(tmp_path / "a.dcm")
    assert np.array_equal(placed(read_segmentation(tmp_path / "a.dcm", ankle), read_volume(series)), three_bones())


def test_one_labelled_slice_needs_no_spacing(tmp_path: Path, series: Path, ankle: Domain):
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:12, 7:15, 6] = 2
    path = write_seg(tmp_path / "a.dcm", series, labels)
    stored = dcmread(path)
    measures = stored.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SpacingBetweenSlices = 5.0
    stored.save_as(path)
    found = read_segmentation(path, ankle)
    assert found.shape == (*SHAPE[:2], 1)
    assert np.array_equal(placed(found, read_volume(series)), labels)


def test_a_rounded_spacing_is_not_believed(tmp_path: Path, series: Path, ankle: Domain):
    """0.81 in place of 0.8 would put the last of nine slices 0.08 mm away; the positions say better."""
    path = write_seg(tmp_path / "a.dcm", series, three_bones())
    stored = dcmread(path)
    stored.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 0.81
    stored.save_as(path)
    found = read_segmentation(path, ankle)
    assert np.allclose(found.spacing_mm, (0.25, 0.3, 0.8), atol=1e-9)
    assert np.array_equal(placed(found, read_volume(series)), three_bones())


def test_a_frame_off_the_even_steps_is_refused(tmp_path: Path, series: Path, ankle: Domain):
    path = write_seg(tmp_path / "a.dcm", series, three_bones(), kind="LABELMAP")
    for off, text in ((0.18, r"lie up to 0\.1\d mm from even steps"), (0.4, "its frames make no regular stack")):
        stored = dcmread(path)
        place = stored.PerFrameFunctionalGroupsSequence[4].PlanePositionSequence[0]
        normal = np.cross(GRID.along_row, GRID.along_column)
        place.ImagePositionPatient = [f"{v:.6f}" for v in np.array(place.ImagePositionPatient) + off * normal]
        stored.save_as(tmp_path / "off.dcm")
        with pytest.raises(GeometryError, match=f"PS-A38: c1: .*{text}"):
            read_segmentation(tmp_path / "off.dcm", ankle, where="c1")


def test_segments_are_matched_by_label_meaning_and_code(tmp_path: Path, series: Path, ankle: Domain):
    segments = [
        described(1, "Segment_1", ("12611008", "SCT", "Bone structure of tibia")),
        described(2, "Segment_2", ("80144004", "SCT", "Calcaneus")),
        described(3, "TALUS"),
    ]
    path = write_seg(tmp_path / "a.dcm", series, three_bones(), segments=segments)
    found = placed(read_segmentation(path, ankle), read_volume(series))
    assert np.array_equal(found, np.array([0, 3, 1, 2], np.uint8)[three_bones()])


def test_a_code_of_another_scheme_means_nothing(tmp_path: Path, series: Path, ankle: Domain):
    segments = [described(1, "calcaneus"), described(2, "talus"), described(3, "x", ("12611008", "99X", "y"))]
    path = write_seg(tmp_path / "a.dcm", series, three_bones(), segments=segments)
    with pytest.raises(InputError, match=r"PS-A131: c1: nothing is called tibia_distal, but there is x: rename"):
        read_segmentation(path, ankle, where="c1")


def test_a_missing_segment_is_told_and_a_foreign_one_left_aside(tmp_path: Path, series: Path, ankle: Domain):
    two = np.where(three_bones() == 3, np.uint8(0), three_bones())
    path = write_seg(tmp_path / "a.dcm", series, two, names=("Calcaneus", "Talus"))
    found = read_segmentation(path, ankle)
    assert [n.code for n in found.notices] == ["PS-W127"]
    assert np.array_equal(placed(found, read_volume(series)), two)
    four = three_bones()
    four[30:34, 30:34, 9] = 4
    path = write_seg(tmp_path / "b.dcm", series, four, names=("Calcaneus", "Talus", "Tibia", "Fibula"))
    found = read_segmentation(path, ankle)
    assert [str(n) for n in found.notices] == ["PS-W126: masks of other structures were left aside: Fibula"]
    assert np.array_equal(placed(found, read_volume(series)), three_bones())


def test_numbers_may_stand_for_names(tmp_path: Path, series: Path, ankle: Domain):
    path = write_seg(tmp_path / "a.dcm", series, three_bones(), names=("one", "two", "three"))
    found = placed(read_segmentation(path, ankle, numbers={2: (3, 1)}), read_volume(series))
    assert np.array_equal(found, np.array([0, 2, 0, 2], np.uint8)[three_bones()])
    with pytest.raises(InputError, match=r"PS-A131: c1: no segment 7, but there is 1 \(one\), 2 \(two\), 3 \(three\)"):
        read_segmentation(path, ankle, numbers={2: (7,)}, where="c1")


def test_overlapping_structures_are_counted(tmp_path: Path, series: Path, ankle: Domain):
    """6 x 4 x 3 voxels are calcaneus and talus at once."""
    masks = np.zeros((GRID.n, GRID.rows, GRID.columns, 3), np.uint8)
    masks[3:8, 10:20, 5:15, 0] = masks[5:10, 16:24, 9:20, 1] = masks[12, 30:40, 5:15, 2] = 1
    make_seg(sources(series), masks).save_as(tmp_path / "a.dcm")
    with pytest.raises(InputError, match="PS-A132: c1: 72 voxels belong to several structures"):
        read_segmentation(tmp_path / "a.dcm", ankle, where="c1")


def test_fractions_are_refused(tmp_path: Path, series: Path, ankle: Domain):
    masks = np.zeros((GRID.n, GRID.rows, GRID.columns, 3), np.float32)
    masks[3:8, 10:20, 5:15, 0] = 1
    masks[3:8, 10, 5:15, 0] = 0.4
    make_seg(sources(series), masks, kind="FRACTIONAL").save_as(tmp_path / "a.dcm")
    with pytest.raises(InputError, match="PS-A133: c1: 50 voxels hold fractions of a structure"):
        read_segmentation(tmp_path / "a.dcm", ankle, where="c1")


def test_an_empty_segmentation_is_empty_labels(tmp_path: Path, series: Path, ankle: Domain):
    found = read_segmentation(write_seg(tmp_path / "a.dcm", series, np.zeros(SHAPE, np.uint8)), ankle)
    assert not placed(found, read_volume(series)).any()


def test_a_segmentation_of_another_series_is_not_on_the_grid(tmp_path: Path, ankle: Domain):
    other = write_series(tmp_path / "other", grid=Grid(origin=(11.1, -23.05, 37.02)))
    found = read_segmentation(write_seg(tmp_path / "a.dcm", other, three_bones()), ankle)
    with pytest.raises(GeometryError, match=r"PS-A69: c1: .*corners 0\.1\d mm from the voxels of the image"):
        placed(found, read_volume(write_series(tmp_path / "series")))


def test_what_is_no_segmentation(tmp_path: Path, series: Path, ankle: Domain):
    (tmp_path / "a.dcm").write_text("no DICOM")
    with pytest.raises(InputError, match=r"PS-A04: a\.dcm is no DICOM file"):
        read_segmentation(tmp_path / "a.dcm", ankle)
    with pytest.raises(InputError, match="PS-A04: im0001 is DICOM, but no segmentation"):
        read_segmentation(series / "im0001", ankle)
    with pytest.raises(InputError, match="PS-A07"):
        read_segmentation(tmp_path / "absent.dcm", ankle)


def test_sizes_are_bounded_before_memory_is_asked_for(tmp_path: Path, series: Path, ankle: Domain):
    """Two frames said to lie a kilometre apart in steps of 0.8 mm."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:12, 7:15, 3:5] = 1
    path = write_seg(tmp_path / "a.dcm", series, labels, names=("Calcaneus",))
    with pytest.raises(InputError, match=r"PS-A68: .*40x48x1 voxels, at most 1000 are read"):
        read_segmentation(path, ankle, max_voxels=1000)
    stored = dcmread(path)
    first, last = (g.PlanePositionSequence[0] for g in stored.PerFrameFunctionalGroupsSequence)
    far = np.array(first.ImagePositionPatient) + np.cross(GRID.along_row, GRID.along_column) * 0.8 * 1_250_000
    last.ImagePositionPatient = [f"{v:.6f}" for v in far]
    stored.save_as(path)
    with pytest.raises(InputError, match=r"PS-A68: .*40x48x1\d{6} voxels, at most"):
        read_segmentation(path, ankle)


def test_damage_is_refused_in_one_line(tmp_path: Path, series: Path, ankle: Domain):
    """Cuts and changed bytes anywhere give a typed refusal or labels, never another exception."""
    data = write_seg(tmp_path / "a.dcm", series, three_bones()).read_bytes()
    rng = np.random.default_rng(0)
    cut = tmp_path / "cut.dcm"
    for _ in range(40):
        broken = bytearray(data)
        for at in rng.integers(132, len(data), 3):
            broken[at] = rng.integers(256)
        cut.write_bytes(bytes(broken) if rng.random() < 0.7 else data[: rng.integers(1, len(data))])
        with suppress(PedsegError):
            assert read_segmentation(cut, ankle).array.max() <= 3
    cut.write_bytes(data[:-400])
    with pytest.raises(InputError, match="PS-A08"):
        read_segmentation(cut, ankle)


def test_no_identity_travels(tmp_path: Path, series: Path, ankle: Domain):
    path = write_seg(tmp_path / "a.dcm", series, three_bones())
    assert b"ZZPHI" in path.read_bytes()
    found = read_segmentation(path, ankle)
    assert "ZZPHI" not in repr((found.facts, found.notices))


def test_a_segmentation_made_from_a_volume(tmp_path: Path, series: Path, ankle: Domain):
    """Its writer hands over voxels with their place, stored in another order than the frames."""
    flipped = GRID.lps @ np.array([[0, 0, -1, GRID.columns - 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    volume = hd.Volume(three_bones()[::-1].transpose(2, 1, 0), affine=flipped, coordinate_system="PATIENT")
    make_seg(sources(series), volume).save_as(tmp_path / "a.dcm")
    assert np.array_equal(placed(read_segmentation(tmp_path / "a.dcm", ankle), read_volume(series)), three_bones())


def changed(path: Path, change: Callable[[Dataset], object]) -> Path:
    stored = dcmread(path)
    change(stored)
    stored.save_as(path)
    return path


def steps_of_four() -> np.ndarray:
    """A bone on every fourth slice: their positions alone do not tell the step of the image."""
    labels = np.zeros(SHAPE, np.uint8)
    for label, k in enumerate((3, 7, 11), start=1):
        labels[5:12, 7:15, k] = label
    return labels


@pytest.mark.parametrize("said", [None, "0", "0.4", "7", "-7"])
@pytest.mark.parametrize("labels", [three_bones, steps_of_four])
def test_the_positions_go_before_the_spacing_that_is_said(
    tmp_path: Path, series: Path, ankle: Domain, said: str | None, labels: Callable[[], np.ndarray]
):
    """highdicom takes it out of an enhanced image, where it may be anything."""

    def change(stored: Dataset) -> None:
        stored.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = said

    path = changed(write_seg(tmp_path / "a.dcm", series, labels()), change)
    assert np.array_equal(placed(read_segmentation(path, ankle), read_volume(series)), labels())


def test_segment_numbers_above_255(tmp_path: Path, series: Path, ankle: Domain):
    """Asked for such a segment alone, highdicom gives nothing."""
    numbers = (2, 7, 300)
    labels = np.array([0, *numbers], np.uint16)[three_bones()]
    segments = [described(number, name) for number, name in zip(numbers, NAMES, strict=True)]
    path = write_seg(tmp_path / "a.dcm", series, labels, kind="LABELMAP", segments=segments)
    assert np.array_equal(placed(read_segmentation(path, ankle), read_volume(series)), three_bones())


def test_voxels_of_a_segment_without_description_are_not_lost(tmp_path: Path, series: Path, ankle: Domain):
    def of_nobody(stored: Dataset) -> None:
        groups = stored.PerFrameFunctionalGroupsSequence[1]
        groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 7

    def value_of_nobody(stored: Dataset) -> None:
        stored.PixelData = stored.PixelData.replace(b"\x03", b"\x07")

    for kind, change in (("BINARY", of_nobody), ("LABELMAP", value_of_nobody)):
        path = changed(write_seg(tmp_path / "a.dcm", series, three_bones(), kind=kind), change)
        with pytest.raises(InputError, match=r"PS-A131: c1: voxels of segment 7, which is not described: export"):
            read_segmentation(path, ankle, where="c1")


def test_a_described_background_is_no_structure(tmp_path: Path, series: Path, ankle: Domain):
    """Segment 0 of a label map: it is not what a missing bone may be called."""
    two = np.where(three_bones() == 3, np.uint8(0), three_bones())
    path = write_seg(tmp_path / "a.dcm", series, two, kind="LABELMAP", names=NAMES[:2])

    def background(stored: Dataset) -> None:
        segment = deepcopy(stored.SegmentSequence[0])
        segment.SegmentNumber, segment.SegmentLabel = 0, "Background"
        stored.SegmentSequence.insert(0, segment)

    found = read_segmentation(changed(path, background), ankle)
    assert [notice.code for notice in found.notices] == ["PS-W127"]
    assert np.array_equal(placed(found, read_volume(series)), two)
