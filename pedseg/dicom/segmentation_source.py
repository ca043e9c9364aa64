"""The images a DICOM Segmentation object refers to: found without their pixels, and checked for what it must hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from pedseg.dicom.choose import choose
from pedseg.dicom.discover import discover
from pedseg.dicom.frame import ENHANCED_CLASSES, Frame
from pedseg.dicom.header import PARSE_FAULTS
from pedseg.dicom.read import ReadOptions
from pedseg.dicom.repeats import without_repeats
from pedseg.dicom.stack import SHEAR_MM, SHEAR_PIXELS, Stack, build_stack
from pedseg.errors import GeometryError, OutputError

TYPE_1 = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
"""Tags a SEG cannot do without."""
PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
STUDY = ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID")
TYPE_2 = (*PATIENT, *STUDY)
"""Tags a SEG holds, empty where the source does not tell."""
DATES = ("Content", "Acquisition", "Series", "Study")
_DEFAULT = ReadOptions()


@dataclass(frozen=True)
class SegmentationSource:
    """The images that a SEG refers to.

    Args:
        frames: one a slice, in the order of K.
        header: of the first file, pixels left out; it identifies the patient.
    """

    frames: tuple[Frame, ...]
    header: Dataset

    @property
    def multi_frame(self) -> bool:
        """Whether one file holds all of them."""
        return any(frame.sop_class in ENHANCED_CLASSES or frame.number for frame in self.frames)


def find_source(
    path: Path,
    *,
    series: int | str | None = None,
    echo: int | None = None,
    phase: int | None = None,
    options: ReadOptions = _DEFAULT,
) -> SegmentationSource:
    """The images that `read_volume` reads with the same arguments, without their pixels.

    Raises:
        PedsegError: what `read_volume` refuses, and what `segmentation_source` does.
    """
    found = discover(path, skip_unreadable=options.skip_unreadable, any_modality=options.any_modality)
    chosen, _ = choose(found.series, series=series, echo=echo, phase=phase)
    kept, _ = without_repeats(chosen)
    return segmentation_source(build_stack(kept, min_slices=options.min_slices))


def segmentation_source(stack: Stack) -> SegmentationSource:
    """The images of a stack as the source of a SEG, once they hold what a SEG must hold.

    Raises:
        GeometryError: PS-A171 the stack is sheared.
        OutputError: PS-A111 the images lack tags, PS-A172 they are in several multi-frame files.
    """
    _check_upright(stack)
    source = SegmentationSource(stack.frames, _header(stack.frames[0]))
    if source.multi_frame and len({frame.path for frame in stack.frames}) > 1:
        text = "a DICOM SEG refers to one multi-frame file, the slices lie in several"
        raise OutputError("PS-A172", f"{text}: write --formats nifti")
    missing = [word for word in TYPE_1 if not all(_uid_of(frame, word) for frame in stack.frames)]
    if missing:
        text = f"a DICOM SEG needs {', '.join(missing)}, which the images lack"
        raise OutputError("PS-A111", f"{text}: give the series as the scanner sent it, or write --formats nifti")
    return source


def bare_images(source: SegmentationSource, spacing_mm: float) -> list[Dataset]:
    """The source as bare images: what a SEG refers to, and no text."""
    images = [_image(frame, spacing_mm) for frame in source.frames]
    if not source.multi_frame:
        return images
    whole = images[0]
    whole.NumberOfFrames = len(images)
    whole.SharedFunctionalGroupsSequence = [Dataset()]
    shared = whole.SharedFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence = [_only(whole, "PixelSpacing", "SliceThickness", "SpacingBetweenSlices")]
    shared.PlaneOrientationSequence = [_only(whole, "ImageOrientationPatient")]
    whole.PerFrameFunctionalGroupsSequence = [Dataset() for _ in images]
    for groups, image in zip(whole.PerFrameFunctionalGroupsSequence, images, strict=True):
        groups.PlanePositionSequence = [_only(image, "ImagePositionPatient")]
    return [whole]


def _only(image: Dataset, *words: str) -> Dataset:
    """Some tags of an image, as an item of a sequence."""
    item = Dataset()
    for word in words:
        item[word] = image[word]
    return item


def _image(frame: Frame, spacing_mm: float) -> Dataset:
    image = Dataset()
    for word in TYPE_1:
        setattr(image, word, _uid_of(frame, word))
    for word in TYPE_2:
        setattr(image, word, None)
    image.Modality = "MR"
    image.Rows, image.Columns = frame.matrix
    image.ImagePositionPatient = list(frame.position or ())
    image.ImageOrientationPatient = list(frame.orientation or ())
    image.SliceThickness = image.SpacingBetweenSlices = spacing_mm  # of the positions: tags are not trusted
    image.PixelSpacing = list(frame.spacing_mm or ())
    return image


def _check_upright(stack: Stack) -> None:
    """A SEG names one spacing between slices: whoever reads it would straighten a sheared stack."""
    columns, rows, step = stack.affine[:3, :3].T
    normal = np.cross(columns, rows)
    normal /= np.linalg.norm(normal)
    drift = float(np.linalg.norm(step - (step @ normal) * normal)) * (len(stack.frames) - 1)
    if drift > min(SHEAR_MM, SHEAR_PIXELS * min(stack.frames[0].spacing_mm or (1.0,))):
        text = f"the last slice lies {drift:.2f} mm sideways of the first, which a DICOM SEG cannot hold"
        raise GeometryError("PS-A171", f"{text}: write --formats nifti, whose affine keeps the shear")


def _uid_of(frame: Frame, word: str) -> str:
    return {
        "SOPClassUID": frame.sop_class,
        "SOPInstanceUID": frame.uid,
        "StudyInstanceUID": frame.series.study,
        "SeriesInstanceUID": frame.series.uid,
        "FrameOfReferenceUID": frame.series.frame_of_reference,
    }[word]


def _header(frame: Frame) -> Dataset:
    """Identity and dates of a file."""
    wanted = [*TYPE_2, "SpecificCharacterSet", *(f"{d}{t}" for d in DATES for t in ("Date", "Time"))]
    try:
        return dcmread(frame.path, stop_before_pixels=True, specific_tags=wanted, force=True)
    except (OSError, *PARSE_FAULTS) as error:
        text = f"{frame.name}: its header cannot be copied into a DICOM SEG ({type(error).__name__})"
        raise OutputError("PS-A111", f"{text}: export the series again, or write --formats nifti") from error
