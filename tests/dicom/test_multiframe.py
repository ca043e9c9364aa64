"""Enhanced multi-frame files: the same volume as single images, the same refusals."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from mr_series import GRID, image, place_error_mm, save, uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, RLELossless

from pedseg.dicom import discover, read_volume
from pedseg.errors import PedsegError

RIGHT_MM = 0.02


def item(**tags: object) -> Dataset:
    ds = Dataset()
    for key, value in tags.items():
        setattr(ds, key, value)
    return ds


def frame_groups(k: float, *, temporal: int = 1, stack: str = "1", echo: float = 4.4, offset: float = 0.0) -> Dataset:
    """The functional groups of one frame at place k."""
    source = image(GRID, k)
    content = item(StackID=stack, InStackPositionNumber=int(k) + 1, TemporalPositionIndex=temporal)
    content.DimensionIndexValues = [1, temporal, int(k) + 1]
    return item(
        FrameContentSequence=[content],
        PlanePositionSequence=[item(ImagePositionPatient=source.ImagePositionPatient)],
        MREchoSequence=[item(EffectiveEchoTime=echo)],
        PixelValueTransformationSequence=[item(RescaleSlope="1", RescaleIntercept=f"{offset:g}", RescaleType="US")],
    )


def enhanced(frames: list[tuple[float, Dataset]]) -> Dataset:
    """An Enhanced MR file of (place, groups); orientation and spacing are shared."""
    ds = image(GRID, 0, SOPClassUID=EnhancedMRImageStorage, SOPInstanceUID=uid("enhanced", len(frames)))
    source = deepcopy(ds)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "EchoTime", "EchoNumbers"):
        delattr(ds, keyword)
    ds.NumberOfFrames = len(frames)
    measures = item(PixelSpacing=source.PixelSpacing, SliceThickness="5", SpacingBetweenSlices="-7")
    frame_type = item(FrameType=["ORIGINAL", "PRIMARY", "M", "NONE"])
    shared = item(
        PixelMeasuresSequence=[measures],
        PlaneOrientationSequence=[item(ImageOrientationPatient=source.ImageOrientationPatient)],
        MRImageFrameTypeSequence=[frame_type],
    )
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence([groups for _, groups in frames])
    pointers = (0x00209056, 0x00209128, 0x00209057)
    content = 0x00209111
    dimensions = [item(DimensionIndexPointer=p, FunctionalGroupPointer=content) for p in pointers]
    ds.DimensionIndexSequence = Sequence(dimensions)
    ds.PixelData = b"".join(GRID.plane(k).astype("<u2").tobytes() for k, _ in frames)
    return ds


def order() -> list[int]:
    return [int(k) for k in np.random.default_rng(0).permutation(GRID.n)]


def write_one(folder: Path) -> None:
    save(enhanced([(k, frame_groups(k)) for k in order()]), folder / "file")


def write_two_halves(folder: Path) -> None:
    """One series in two multi-frame files."""
    for half in (order()[:7], order()[7:]):
        ds = enhanced([(k, frame_groups(k)) for k in half])
        save(ds, folder / f"half{len(half)}")


def write_compressed(folder: Path) -> None:
    ds = enhanced([(k, frame_groups(k)) for k in order()])
    save(ds, folder / "file", ExplicitVRLittleEndian)
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.save_as(folder / "file", enforce_file_format=True)


def write_localizer_frames(folder: Path) -> None:
    """Three frames of another stack and orientation in the same file."""
    frames = [(k, frame_groups(k)) for k in order()]
    for n in range(3):
        groups = frame_groups(n, stack="2")
        turned = item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])
        groups.PlaneOrientationSequence = Sequence([turned])
        groups.PlanePositionSequence[0].ImagePositionPatient = ["0", "0", f"{9 * n}"]
        frames.append((n, groups))
    save(enhanced(frames), folder / "file")


@pytest.mark.parametrize(
    ("write", "notices"),
    [
        pytest.param(write_one, set(), id="57"),
        pytest.param(write_two_halves, set(), id="57-two-files"),
        pytest.param(write_compressed, set(), id="57-rle"),
        pytest.param(write_localizer_frames, {"PS-W21"}, id="58-stacks"),
    ],
)
def test_frames_become_the_same_volume(write, notices, tmp_path):
    write(tmp_path)
    volume = read_volume(tmp_path)
    assert volume.shape == (GRID.columns, GRID.rows, GRID.n)
    assert np.abs(volume.affine - GRID.ras).max() <= 1e-8
    assert place_error_mm(volume) < RIGHT_MM
    assert {n.code for n in volume.notices} == notices
    assert volume.facts["echo_time_ms"] == 4.4


def test_one_file_is_enough(tmp_path):
    """Row 03: a path that is a multi-frame file; and highdicom sees the same volume."""
    write_one(tmp_path)
    volume = read_volume(tmp_path / "file")
    assert place_error_mm(volume) < RIGHT_MM
    ds = enhanced([(k, frame_groups(k)) for k in order()])
    # highdicom believes this tag, which is wrong here on purpose.
    del ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    file = hd.imread(save(ds, tmp_path / "theirs"))
    theirs = file.get_volume(apply_presentation_lut=False, apply_real_world_transform=False)
    values, lps = theirs.array, theirs.affine  # (slices, rows, columns)
    index = np.argwhere(np.ones(values.shape))
    places = index @ lps[:3, :3].T + lps[:3, 3]
    ours = np.rint(volume.geometry.to_index(places * [-1, -1, 1])).astype(int)
    assert np.array_equal(volume.array[tuple(ours.T)], values.reshape(-1))


def drop_position(ds: Dataset) -> None:
    del ds.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence


def wrong_count(ds: Dataset) -> None:
    ds.NumberOfFrames = GRID.n + 1


def no_groups(ds: Dataset) -> None:
    del ds.PerFrameFunctionalGroupsSequence


def missing_frame(ds: Dataset) -> None:
    """The frame at place 7 is gone; the others stay with their pixels."""
    kept = [k for k in range(GRID.n) if k != 7]
    smaller = enhanced([(k, frame_groups(k)) for k in kept])
    ds.update(smaller)


def short(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData[:-100]


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        pytest.param(drop_position, "PS-A46", "file frame 4 has no Image Position", id="57-46"),
        pytest.param(wrong_count, "PS-A121", "16 frame descriptions for 17 frames", id="57-count"),
        pytest.param(no_groups, "PS-A121", "0 frame descriptions for 16 frames", id="57-none"),
        pytest.param(missing_frame, "PS-A36", "between slice 7 and 8 of 15", id="57-36"),
        pytest.param(short, "PS-A08", "61340 of 61440 pixel bytes", id="57-08"),
    ],
)
def test_refused_files(change, code, says, tmp_path):
    ds = enhanced([(k, frame_groups(k)) for k in range(GRID.n)])
    change(ds)
    save(ds, tmp_path / "file")
    with pytest.raises(PedsegError, match=says) as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == code


def test_a_number_of_the_wrong_length_is_refused(tmp_path):
    """Temporal Position Index said to be a float of eight bytes: four are there."""
    write_one(tmp_path)
    data = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(data.replace(b"\x20\x00\x28\x91UL\x04\x00", b"\x20\x00\x28\x91FD\x04\x00"))
    with pytest.raises(PedsegError, match=r"PS-A121: .*its frames cannot be told apart"):
        read_volume(tmp_path)


def test_temporal_frames_are_listed_and_chosen(tmp_path):
    """Row 58: two time points in one file, the second 500 grey values above by its own intercept."""
    frames = [(k, frame_groups(k, temporal=t, offset=500 * (t - 1))) for t in (1, 2) for k in order()]
    save(enhanced(frames), tmp_path / "file")
    with pytest.raises(PedsegError, match="phase 1: temporal position 1, 16 slices; phase 2") as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == "PS-A26"
    volume = read_volume(tmp_path, phase=2)
    assert place_error_mm(volume.with_array(volume.array - 500)) < RIGHT_MM


def test_dimension_indices_tell_what_no_other_tag_does(tmp_path):
    """Row 58: the same file without Temporal Position Index."""
    frames = [(k, frame_groups(k, temporal=t, offset=500 * (t - 1))) for t in (1, 2) for k in order()]
    for _, groups in frames:
        del groups.FrameContentSequence[0].TemporalPositionIndex
    save(enhanced(frames), tmp_path / "file")
    with pytest.raises(PedsegError, match="phase 1: dimension index 1, 16 slices; phase 2: dimension index 2"):
        read_volume(tmp_path)
    assert place_error_mm(read_volume(tmp_path, phase=1)) < RIGHT_MM


def test_echoes_in_one_file_are_listed_and_chosen(tmp_path):
    """Row 58."""
    frames = [(k, frame_groups(k, echo=te, offset=te)) for te in (3.0, 9.0) for k in order()]
    save(enhanced(frames), tmp_path / "file")
    assert [(s.echo, s.echo_time_ms, s.n_slices) for s in discover(tmp_path).series] == [(1, 3.0, 16), (2, 9.0, 16)]
    volume = read_volume(tmp_path, echo=2)
    assert place_error_mm(volume.with_array(volume.array - 9)) < RIGHT_MM
