"""Writers of enhanced multi-frame files, right, awkward and faulty."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from enhanced_mr import enhanced, frame_groups, item, order
from geometry_faults import along, orientation
from highdicom.legacy import LegacyConvertedEnhancedMRImage
from mr_series import GRID, Grid, decimal, image, save, uid
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

Write = Callable[[Path], object]
SHARED = ("PixelMeasuresSequence", "PlaneOrientationSequence", "MRImageFrameTypeSequence")


def file_of(change: Callable[[Dataset], object] | None = None, *, grid: Grid = GRID, numbers: object = None) -> Write:
    """One file of the grid's frames, in no order unless told, then changed."""

    def write(folder: Path) -> None:
        ks = list(numbers) if numbers is not None else [k for k in order() if k < grid.n]  # type: ignore[call-overload]
        ds = enhanced([(k, frame_groups(k, grid=grid)) for k in ks], grid=grid)
        if change:
            change(ds)
        save(ds, folder / "file")

    return write


def each_frame(change: Callable[[int, Dataset], object]) -> Callable[[Dataset], None]:
    """Change the groups of every frame, which stand in order of their In-Stack Position."""

    def of_all(ds: Dataset) -> None:
        for groups in ds.PerFrameFunctionalGroupsSequence:
            change(groups.FrameContentSequence[0].InStackPositionNumber - 1, groups)

    return of_all


def two_halves(folder: Path) -> None:
    """One series in two multi-frame files."""
    for half in (order()[:7], order()[7:]):
        save(enhanced([(k, frame_groups(k)) for k in half]), folder / f"half{len(half)}")


def single_frames(folder: Path) -> None:
    """An enhanced file for each slice."""
    for k in order():
        save(enhanced([(k, frame_groups(k))]), folder / f"file{k}")


def two_slabs(folder: Path) -> None:
    """Two stacks of eight frames, the second one step behind the first."""
    ds = enhanced([(k, frame_groups(k, stack=str(1 + k // 8))) for k in order()])
    save(ds, folder / "file")


def half_a_concatenation(folder: Path) -> None:
    """The slices 0 to 9 of a concatenation of two files."""
    ds = enhanced([(k, frame_groups(k)) for k in range(10)])
    ds.ConcatenationUID, ds.InConcatenationNumber, ds.InConcatenationTotalNumber = uid("both"), 1, 2
    save(ds, folder / "file")


def compressed(folder: Path) -> None:
    ds = enhanced([(k, frame_groups(k)) for k in order()])
    save(ds, folder / "file", ExplicitVRLittleEndian)
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.save_as(folder / "file", enforce_file_format=True)


def legacy_converted(folder: Path) -> None:
    """What highdicom makes of the single images."""
    written = [save(image(GRID, k, AccessionNumber="", StudyTime=""), folder / f"{k}") for k in order()]
    sources = [dcmread(path) for path in written]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tags that such a file need not have
        ds = LegacyConvertedEnhancedMRImage(sources, uid("converted"), 5, uid("converted file"), 1)
        ds.save_as(folder / "file", enforce_file_format=True)
    for path in written:
        path.unlink()


def localizer_frames(folder: Path) -> None:
    """Three frames of another stack and orientation in the same file."""
    frames = [(k, frame_groups(k)) for k in order()]
    for n in range(3):
        groups = frame_groups(n, stack="2")
        groups.PlaneOrientationSequence = Sequence([item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])])
        groups.PlanePositionSequence[0].ImagePositionPatient = ["0", "0", f"{9 * n}"]
        frames.append((n, groups))
    save(enhanced(frames), folder / "file")


def two_stacks(folder: Path) -> None:
    """Two knees in one file: a second stack of ten frames, 90 mm aside."""
    other = replace(GRID, n=10, origin=(101.0, -23.0, 37.0))
    frames = [(k, frame_groups(k)) for k in order()]
    ds = enhanced([*frames, *((k, frame_groups(k, grid=other, stack="2")) for k in range(other.n))])
    planes = [GRID.plane(k) for k, _ in frames] + [other.plane(k) for k in range(other.n)]
    ds.PixelData = b"".join(plane.astype("<u2").tobytes() for plane in planes)
    save(ds, folder / "file")


def temporal(folder: Path, *, index: bool = True) -> None:
    """Two time points, the second 500 grey values above by its own intercept."""
    frames = [(k, frame_groups(k, temporal=t, offset=500 * (t - 1))) for t in (1, 2) for k in order()]
    for _, groups in frames if not index else ():
        del groups.FrameContentSequence[0].TemporalPositionIndex
    save(enhanced(frames), folder / "file")


def offsets(folder: Path) -> None:
    """The same, told by Temporal Position Time Offset alone."""
    frames = [(k, frame_groups(k, temporal=t, offset=500 * (t - 1))) for t in (1, 2) for k in order()]
    for n, (_, groups) in enumerate(frames):
        groups.TemporalPositionSequence = Sequence([item(TemporalPositionTimeOffset=10.0 * (n // GRID.n))])
        del groups.FrameContentSequence[0].TemporalPositionIndex, groups.FrameContentSequence[0].DimensionIndexValues
    save(enhanced(frames), folder / "file")


def half_way(folder: Path) -> None:
    """Two time points half a step apart."""
    frames = [(k + (t - 1) / 2, frame_groups(k + (t - 1) / 2, temporal=t)) for t in (1, 2) for k in order()]
    save(enhanced(frames), folder / "file")


def components(folder: Path, *, apart: float = 0.0) -> None:
    """Magnitude and phase, told by Complex Image Component alone."""
    frames = []
    for word, shift, offset in (("MAGNITUDE", 0.0, 0), ("PHASE", apart, 500)):
        for k in order():
            groups = frame_groups(k + shift, offset=offset)
            kinds = item(FrameType=["ORIGINAL", "PRIMARY", "OTHER", "NONE"], ComplexImageComponent=word)
            groups.MRImageFrameTypeSequence = Sequence([kinds])
            frames.append((k + shift, groups))
    save(enhanced(frames), folder / "file")


def echoes(folder: Path, *, converted: bool = False) -> None:
    """Two echoes, the second 9 grey values above."""
    frames = [(k, frame_groups(k, echo=te, offset=te - 3)) for te in (3.0, 12.0) for k in order()]
    for _, groups in frames if converted else ():
        time = groups.MREchoSequence[0].EffectiveEchoTime
        del groups.MREchoSequence
        groups.UnassignedPerFrameConvertedAttributesSequence = Sequence([item(EchoTime=decimal(time))])
    save(enhanced(frames), folder / "file")


def nothing_shared(ds: Dataset) -> None:
    """Every frame repeats what could be shared."""
    shared = ds.SharedFunctionalGroupsSequence[0]
    for groups in ds.PerFrameFunctionalGroupsSequence:
        for macro in SHARED:
            setattr(groups, macro, Sequence([shared[macro][0]]))
    del ds.SharedFunctionalGroupsSequence


def not_shared(macro: str) -> Callable[[Dataset], None]:
    """A macro that no group holds."""

    def change(ds: Dataset) -> None:
        delattr(ds.SharedFunctionalGroupsSequence[0], macro)

    return change


def own_stacks(k: int, groups: Dataset) -> None:
    """Every frame names a stack of its own."""
    groups.FrameContentSequence[0].StackID = str(k + 1)
    groups.FrameContentSequence[0].InStackPositionNumber = 1


def stacks_of_two(k: int, groups: Dataset) -> None:
    """A Stack ID for every pair of frames."""
    groups.FrameContentSequence[0].StackID = str(k // 2 + 1)
    groups.FrameContentSequence[0].InStackPositionNumber = k % 2 + 1


def nothing_counted(_: int, groups: Dataset) -> None:
    """No Stack ID, no In-Stack Position, no indices."""
    groups.FrameContentSequence = Sequence([item(FrameAcquisitionNumber=1)])


def empty_items(_: int, groups: Dataset) -> None:
    """Macros of which the frame repeats the name only: the shared ones count."""
    for macro in SHARED:
        setattr(groups, macro, Sequence([Dataset()]))


def doubled_values(ds: Dataset) -> None:
    """A Real World Value Mapping, as Philips writes it into every enhanced file."""
    mapping = item(LUTLabel="double", RealWorldValueSlope=2.0, RealWorldValueIntercept=0.0)
    ds.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = Sequence([mapping])


def own_place_at_the_top(ds: Dataset) -> None:
    """Position, orientation and spacing of no frame in the file's own header."""
    ds.ImagePositionPatient, ds.ImageOrientationPatient = ["1", "2", "3"], ["1", "0", "0", "0", "1", "0"]
    ds.PixelSpacing, ds.SpacingBetweenSlices, ds.SliceThickness = ["7", "7"], "7", "7"


def copied(folder: Path) -> None:
    """The file twice under two names."""
    file_of()(folder)
    (folder / "copy").write_bytes((folder / "file").read_bytes())


def frame_copied(folder: Path) -> None:
    """One frame twice in the file."""
    ks = [*range(GRID.n), 4]
    save(enhanced([(k, frame_groups(k)) for k in ks]), folder / "file")


def frame_contradicted(folder: Path) -> None:
    """Another picture at the place of frame 5."""
    ds = enhanced([(k, frame_groups(k)) for k in (*range(GRID.n), 4)])
    plane = GRID.plane(4).astype("<u2").nbytes
    ds.PixelData = ds.PixelData[:-plane] + GRID.plane(9).astype("<u2").tobytes()
    save(ds, folder / "file")


def other_measures(k: int, groups: Dataset) -> None:
    if k == 7:
        groups.PixelMeasuresSequence = Sequence([item(PixelSpacing=["0.3", "0.26"])])


def last_turned(k: int, groups: Dataset) -> None:
    if k == GRID.n - 1:
        down = orientation(GRID.along_row, -np.array(GRID.along_column))
        groups.PlaneOrientationSequence = Sequence([item(ImageOrientationPatient=down)])


def own_slopes(ds: Dataset) -> None:
    """Each frame has a slope of its own, and stored values to it."""
    planes = []
    for groups in ds.PerFrameFunctionalGroupsSequence:
        k = groups.FrameContentSequence[0].InStackPositionNumber - 1
        groups.PixelValueTransformationSequence[0].RescaleSlope = decimal(0.25 + 0.01 * k)
        planes.append(np.rint(GRID.plane(k) / (0.25 + 0.01 * k)).astype("<u2"))
    ds.PixelData = np.stack(planes).tobytes()


def frame_7_off(mm: float) -> Callable[[int, Dataset], None]:
    def change(k: int, groups: Dataset) -> None:
        if k == 7:
            position = groups.PlanePositionSequence[0].ImagePositionPatient
            moved = [decimal(float(v) + d) for v, d in zip(position, along(mm), strict=True)]
            groups.PlanePositionSequence[0].ImagePositionPatient = moved

    return change


def no_position(ds: Dataset) -> None:
    del ds.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence


def one_position(ds: Dataset) -> None:
    """The position is shared: all frames lie in one place."""
    position = ds.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
    ds.SharedFunctionalGroupsSequence[0].PlanePositionSequence = Sequence([position])
    for groups in ds.PerFrameFunctionalGroupsSequence:
        del groups.PlanePositionSequence


def one_slope_of_0(k: int, groups: Dataset) -> None:
    if k == 5:
        groups.PixelValueTransformationSequence[0].RescaleSlope = "0"


def one_frame_more(ds: Dataset) -> None:
    """Pixels of a frame that nothing describes."""
    ds.PixelData = GRID.plane(0).astype("<u2").tobytes() + ds.PixelData


def wrong_count(ds: Dataset) -> None:
    ds.NumberOfFrames = GRID.n + 1


def no_groups(ds: Dataset) -> None:
    del ds.PerFrameFunctionalGroupsSequence


def short(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData[:-100]
