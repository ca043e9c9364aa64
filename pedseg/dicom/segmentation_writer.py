"""Labels of a domain -> a DICOM Segmentation object beside the series they were made from.

A DICOM SEG belongs to its patient's study by the standard, so it holds the patient's identity: name,
number, birth date, sex, and the study's date, time, number and UIDs. It holds nothing else of the
source. What the source lacks is left empty where the standard allows that, and refused where not.
"""

from __future__ import annotations

import io
import re
import uuid
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from pedseg import __version__
from pedseg.dicom.header import PARSE_FAULTS
from pedseg.dicom.segmentation import read_segmentation
from pedseg.dicom.segmentation_source import DATES, TYPE_2, SegmentationSource, bare_images
from pedseg.domains import Domain
from pedseg.domains.domain import Structure
from pedseg.errors import OutputError
from pedseg.volumes.geometry import Geometry
from pedseg.volumes.volume import Volume
from pedseg.workspace import put_bytes

APART_MM = 0.2
"""Labels lie on even steps, the slices of the SEG where the source's are: up to 0.1 mm off at either end."""
_DAY = re.compile(r"\d{8}")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d){2}(\.\d{1,6})?")
_SERIES_NUMBER = 9000
_NAMESPACE = uuid.UUID("6f1c7f0e-5d0e-5b7c-9a51-3e1d2a8f4c60")


@dataclass(frozen=True)
class Algorithm:
    """What made the labels.

    Args:
        name: of the plan.
        digest: of plan and weights.
    """

    name: str
    digest: str


def write_segmentation(
    path: Path,
    labels: Volume,
    source: SegmentationSource,
    domain: Domain,
    algorithm: Algorithm,
    *,
    kind: str = "binary",
) -> None:
    """Write a segmentation with a segment for every structure, found or not, and read it back.

    The same labels of the same images by the same algorithm give the same bytes: UIDs are made of those
    of the source, dates are the source's.

    Args:
        path: the new file.
        labels: (columns, rows, slices) 0..n, on the grid of the source.
        source: of `find_source`.
        domain: names, codes and colours.
        algorithm: what made the labels.
        kind: `binary`, one frame a segment and slice; or `labelmap` (DICOM Supplement 243), one a slice, which
            fewer viewers read.

    Raises:
        OutputError: PS-A111 the images cannot be referred to, PS-A105, PS-A164 the file does not read back as it was
            written.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names without a caret, and of labels that are empty
            seg = _segmentation(labels, source, domain, algorithm, kind.upper())
            _take_identity(seg, source.header)
            _settle(seg, source, algorithm)
            held = io.BytesIO()  # pydicom's own writing hides a full disk behind an error without a number
            seg.save_as(held, enforce_file_format=True)
    except PARSE_FAULTS as error:
        text = f"no DICOM SEG can be made of these images ({type(error).__name__})"
        raise OutputError("PS-A111", f"{text}: write --formats nifti") from error
    put_bytes(path, held.getbuffer())
    if not _same(read_segmentation(path, domain), labels):
        raise OutputError("PS-A105", f"{path.name} does not read back as it was written: the disk may be failing")


def _same(written: Volume, labels: Volume) -> bool:
    """The same labels at the same places; a reader may count the slices from the other end."""
    affine, array = written.affine.copy(), written.array
    if affine[:3, 2] @ labels.affine[:3, 2] < 0:
        affine[:3, 3] += affine[:3, 2] * (array.shape[2] - 1)
        affine[:3, 2] *= -1
        array = array[:, :, ::-1]
    apart = Geometry(array.shape, affine).corner_distance_mm(labels.geometry)
    return apart <= APART_MM and np.array_equal(array, labels.array)


def _segmentation(
    labels: Volume, source: SegmentationSource, domain: Domain, algorithm: Algorithm, kind: str
) -> Any:
    """The object as highdicom builds it, of images that name no patient: those tags follow unchecked."""
    hd: Any = import_module("highdicom")
    first = source.frames[0]
    rows, columns = first.spacing_mm or (1.0, 1.0)
    spacing = float(np.linalg.norm(labels.affine[:3, 2]))
    images = sorted({frame.uid for frame in source.frames})
    made = (first.series.study, *images, algorithm.digest, __version__, *[kind] * (kind != "BINARY"))
    patient = hd.CoordinateSystemNames.PATIENT
    return hd.seg.Segmentation(
        source_images=bare_images(source, spacing),
        pixel_array=np.ascontiguousarray(labels.array.transpose(2, 1, 0)),
        segmentation_type=kind,
        segment_descriptions=[
            _segment(number, structure, (first.series.study, domain.name), algorithm)
            for number, structure in enumerate(domain.structures, start=1)
        ],
        series_instance_uid=_uid("series", *made),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=_uid("instance", *made),
        instance_number=1,
        manufacturer="pedseg",
        manufacturer_model_name="pedseg",
        software_versions=__version__,
        device_serial_number=algorithm.digest[:16],
        series_description=f"pedseg {domain.name}, RESEARCH ONLY",
        content_label="PEDSEG_RESEARCH",
        content_description="Research only, not a medical device",
        content_creator_name="pedseg",
        omit_empty_frames=False,
        pixel_measures=hd.PixelMeasuresSequence([rows, columns], spacing, spacing),
        plane_orientation=hd.PlaneOrientationSequence(patient, list(first.orientation or ())),
        plane_positions=[hd.PlanePositionSequence(patient, list(frame.position or ())) for frame in source.frames],
        specific_character_set=None,
    )


def _segment(number: int, structure: Structure, of: tuple[str, str], algorithm: Algorithm) -> Any:
    """One structure, with its SNOMED code; a structure of the user's own without one is an anatomical structure."""
    hd: Any = import_module("highdicom")
    codes = import_module("pydicom.sr.codedict").codes
    kind = codes.SCT.AnatomicalStructure
    known = hd.sr.CodedConcept(structure.snomed, "SCT", _meaning(structure)) if structure.snomed else kind
    red, green, blue = structure.rgb
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=structure.name,
        segmented_property_category=kind,
        segmented_property_type=known,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=f"pedseg {algorithm.name}",
            family=codes.DCM.ArtificialIntelligence,
            version=__version__,
            parameters={"plan_and_weights_sha256": algorithm.digest},
        ),
        tracking_id=f"{of[-1]} {structure.name}",
        tracking_uid=_uid("structure", *of, structure.name),
        display_color=hd.color.CIELabColor.from_rgb(red, green, blue),
    )


def _meaning(structure: Structure) -> str:
    """What a viewer shows beside the code: the title without what part of the bone is in view.

    The character set is the source's, which may lack a letter of the title: the name then stands in.
    """
    title = structure.title if structure.title.isascii() else ""
    return (title or structure.name).partition(" (")[0][:64]


def _uid(*parts: str) -> str:
    """The same UID for the same parts, in the form the standard gives to UUIDs (PS3.5 annex B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(parts)).int}"


def _take_identity(seg: Dataset, header: Dataset) -> None:
    """Patient and study as the source has them; what it lacks is present and empty."""
    for word in (*TYPE_2, "SpecificCharacterSet"):
        if word in header:
            seg[word] = header[word]
        elif word in TYPE_2:
            setattr(seg, word, None)


def _settle(seg: Any, source: SegmentationSource, algorithm: Algorithm) -> None:
    """Replace what a clock or a draw has filled, so that the same labels give the same bytes."""
    if "ContributingEquipmentSequence" in seg:
        del seg.ContributingEquipmentSequence
    day, time = _moment(source.header)
    if day:
        seg.ContentDate = seg.InstanceCreationDate = seg.SeriesDate = day
        seg.ContentTime = seg.InstanceCreationTime = seg.SeriesTime = time
    organisation = _uid("dimensions", seg.SOPInstanceUID, algorithm.digest)
    if source.multi_frame:
        _number_frames(seg, source)
    for item in (*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence):
        item.DimensionOrganizationUID = organisation


def _number_frames(seg: Any, source: SegmentationSource) -> None:
    """Numbers of frames in their file, of which the stack may be a part."""
    derived = (groups.DerivationImageSequence[0] for groups in seg.PerFrameFunctionalGroupsSequence)
    images = {id(image): image for item in derived for image in item.SourceImageSequence}  # segments share them
    for image in images.values():
        image.ReferencedFrameNumber = source.frames[int(image.ReferencedFrameNumber) - 1].number + 1


def _moment(header: Dataset) -> tuple[str, str]:
    """When the source was made, as far as it tells; the clock serves where it holds no date."""
    for word in DATES:
        day, time = (str(header.get(f"{word}{part}") or "").strip() for part in ("Date", "Time"))
        if _DAY.fullmatch(day):
            return day, time if _TIME.fullmatch(time) else "000000"
    return "", ""
